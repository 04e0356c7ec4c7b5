/**
 * Builds an element. Text is only ever set as text, so nothing that somebody wrote can become markup.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, unknown>} [props] attributes; `onclick` and the like take functions; `false` and `undefined` leave out
 * @param {...(Node | string | false | undefined)} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function element(tag, props = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === false) continue;
    if (typeof value === 'function')
      made.addEventListener(name.slice(2), /** @type {EventListener} */ (value));
    else made.setAttribute(name, value === true ? '' : String(value));
  }
  made.append(...children.filter((child) => child !== undefined && child !== false));
  return made;
}

let lastId = 0;

/** A control with its label. @param {string} label @param {HTMLElement} control */
export function field(label, control) {
  lastId += 1;
  control.id = `field-${lastId}`;
  return element('div', { class: 'field' }, element('label', { for: control.id }, label), control);
}

/** @param {string} text */
export function announce(text) {
  const announcer = /** @type {HTMLElement} */ (document.getElementById('announcer'));
  announcer.textContent = text;
}

/**
 * A button that does one thing at a time and says beside itself what went wrong.
 * @param {string} text
 * @param {() => Promise<unknown>} work
 */
export function button(text, work) {
  const made = element('button', { type: 'button' }, text);
  made.addEventListener('click', () => void doOnce(made, work));
  return made;
}

/** @param {HTMLButtonElement} pressed @param {() => Promise<unknown>} work */
export async function doOnce(pressed, work) {
  if (pressed.getAttribute('aria-disabled') === 'true') return;
  // Not `disabled`: that would take the focus away.
  pressed.setAttribute('aria-disabled', 'true');
  const place = pressed.closest('form, li, .desk') ?? pressed;
  place.querySelector('.trouble')?.remove();
  try {
    await work();
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    place.append(element('p', { class: 'notice trouble', role: 'alert' }, text));
  } finally {
    pressed.removeAttribute('aria-disabled');
  }
}

/**
 * A list whose entries are replaced only when they have changed, so that what somebody is about to press stays under their finger.
 * @template Entry
 * @param {{ label: string, empty: string, keyOf: (entry: Entry) => string, render: (entry: Entry) => HTMLLIElement }} options
 */
export function liveList({ label, empty, keyOf, render }) {
  const list = element('ul', { 'aria-label': label });
  const nothing = element('p', { class: 'soft' }, empty);
  /** @type {Map<string, { text: string, item: HTMLLIElement }>} */
  let shown = new Map();
  return {
    content: element('div', {}, nothing, list),
    /** @param {readonly Entry[]} entries in their order */
    show(entries) {
      /** @type {typeof shown} */
      const next = new Map();
      for (const entry of entries) {
        const text = JSON.stringify(entry);
        const before = shown.get(keyOf(entry));
        if (before?.text === text) next.set(keyOf(entry), before);
        else next.set(keyOf(entry), { text, item: replaced(before?.item, render(entry)) });
      }
      const items = [...next.values()].map(({ item }) => item);
      for (const child of [...list.children]) {
        if (!items.includes(/** @type {HTMLLIElement} */ (child))) child.remove();
      }
      for (const [index, item] of items.entries()) {
        if (list.children[index] !== item) list.insertBefore(item, list.children[index] ?? null);
      }
      nothing.hidden = items.length > 0;
      list.hidden = items.length === 0;
      shown = next;
    },
  };
}

/** Puts an entry in the place of what it was; who had the focus in there has it in the new one. @param {HTMLLIElement | undefined} before @param {HTMLLIElement} after */
function replaced(before, after) {
  after.tabIndex = -1;
  if (before === undefined) return after;
  const hadFocus = before.contains(document.activeElement);
  before.replaceWith(after);
  if (hadFocus) after.focus();
  return after;
}
