/**
 * Builds an element. Text is only ever set as text, so nothing that a server or a customer wrote can become markup.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, unknown>} [props] attributes; `onclick` and the like take functions; `false` and `undefined` leave out
 * @param {...(Node | string | false | undefined | readonly (Node | string | false | undefined)[])} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function element(tag, props = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === false) continue;
    if (typeof value === 'function')
      made.addEventListener(name.slice(2), /** @type {EventListener} */ (value));
    // The attribute would be no more than the first value of a text field.
    else if (name === 'value') Object.assign(made, { value });
    else made.setAttribute(name, value === true ? '' : String(value));
  }
  made.append(...children.flat().filter((child) => child !== undefined && child !== false));
  return made;
}

let lastId = 0;

/** A text field or a choice with its label. @param {string} label @param {HTMLElement} control @param {boolean} [hidden] label for ears only */
export function field(label, control, hidden = false) {
  lastId += 1;
  control.id = `field-${lastId}`;
  return element(
    'div',
    { class: 'field' },
    element('label', { for: control.id, class: hidden && 'visually-hidden' }, label),
    control,
  );
}

/**
 * A table whose rows become cards on a telephone.
 * @param {string} caption for ears
 * @param {readonly string[]} columns
 * @param {readonly HTMLTableRowElement[]} rows
 */
export function table(caption, columns, rows) {
  const head = columns.map((name) =>
    element('th', { scope: 'col', class: /^(Total|Weight)$/.test(name) && 'number' }, name),
  );
  return element(
    'div',
    { class: 'card table' },
    element(
      'table',
      { class: 'rows' },
      element('caption', { class: 'visually-hidden' }, caption),
      element('thead', {}, element('tr', {}, head)),
      element('tbody', {}, rows),
    ),
  );
}

/** @param {string} total */
export function totalRow(total) {
  return element(
    'tr',
    { class: 'total' },
    element('th', { scope: 'row' }, 'Total'),
    element('td', { class: 'wide' }),
    element('td', { class: 'number' }, total),
  );
}

/** @param {readonly [term: string, description: Node | string][]} facts */
export function facts(facts) {
  return element(
    'dl',
    { class: 'card facts' },
    facts.map(([term, description]) =>
      element('div', {}, element('dt', {}, term), element('dd', {}, description)),
    ),
  );
}

/** @param {string} status */
export function statusMark(status) {
  return element('span', { class: `status ${status}` }, status === 'accepted' ? 'Accepted' : 'Cancelled');
}

/** @param {{ street: string, zip: string, city: string }} address */
export function addressText({ street, zip, city }) {
  return `${street}, ${zip} ${city}`;
}
