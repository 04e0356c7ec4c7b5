import { element } from './dom.js';

const main = /** @type {HTMLElement} */ (document.getElementById('main'));
const announcer = /** @type {HTMLElement} */ (document.getElementById('announcer'));

/** Says something to ears. @param {string} text */
export function announce(text) {
  announcer.textContent = text;
}

/**
 * Shows the view that the address names, now and whenever it changes: `#/` and what follows.
 * @param {(place: string) => Promise<{ title: string, content: readonly (Node | false | undefined)[] }>} render
 */
export function startViews(render) {
  let isFirst = true;
  let latest = 0;
  const show = async () => {
    latest += 1;
    const mine = latest;
    const place = location.hash.replace(/^#\/?/, '');
    const view = await render(place).catch((error) => ({
      title: 'Something is missing',
      content: [trouble(error, show)],
    }));
    // Somebody who has gone on does not want to come back here.
    if (mine !== latest) return;
    document.title = `${view.title} · Orders`;
    main.replaceChildren(...view.content.filter((node) => node !== undefined && node !== false));
    if (main.querySelector('h1') === null) main.prepend(element('h1', {}, view.title));
    const heading = /** @type {HTMLElement} */ (main.querySelector('h1'));
    heading.tabIndex = -1;
    if (!isFirst) heading.focus();
    isFirst = false;
  };
  addEventListener('hashchange', () => void show());
  void show();
  return show;
}

/** @param {unknown} error @param {() => unknown} again */
function trouble(error, again) {
  return element(
    'div',
    { class: 'card empty', role: 'alert' },
    element('p', {}, error instanceof Error ? error.message : String(error)),
    element('button', { class: 'button', type: 'button', onclick: () => void again() }, 'Try again'),
  );
}

/**
 * Runs what a button asks for, once at a time, and tells what went wrong beside it.
 * @param {HTMLButtonElement} button
 * @param {() => Promise<unknown>} work
 */
export async function run(button, work) {
  if (button.disabled) return;
  button.disabled = true;
  for (const old of document.querySelectorAll('.notice.trouble')) old.remove();
  try {
    await work();
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    const notice = element('p', { class: 'notice bad trouble', role: 'alert' }, text);
    (button.closest('.actions, .head') ?? button).after(notice);
  } finally {
    button.disabled = false;
  }
}
