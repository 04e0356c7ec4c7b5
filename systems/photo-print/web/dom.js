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

const svg = 'http://www.w3.org/2000/svg';

/** @param {string} name a symbol of `icons/sprite.svg`, without its prefix */
export function icon(name) {
  const drawing = document.createElementNS(svg, 'svg');
  drawing.setAttribute('class', 'icon');
  drawing.setAttribute('aria-hidden', 'true');
  const use = document.createElementNS(svg, 'use');
  use.setAttribute('href', `#icon-${name}`);
  drawing.append(use);
  return drawing;
}

let lastId = 0;

/** An id that no other element has. @param {string} prefix */
export function uniqueId(prefix) {
  lastId += 1;
  return `${prefix}-${lastId}`;
}
