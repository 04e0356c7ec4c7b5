import { request } from './api.js';
import { element } from './dom.js';
import { formatDuration } from './format.js';
import { announce, run } from './view.js';

/**
 * A place that fills itself: what another service has to say does not hold up what this one knows.
 * @param {Promise<Node | undefined>} coming
 */
export function later(coming) {
  const place = element('div', { hidden: true });
  void coming.then((node) => (node === undefined ? place.remove() : place.replaceWith(node)));
  return place;
}

/**
 * How long orders take to get here, with an alarm while one is missing.
 * @param {string} service
 */
export async function delayNotice(service) {
  const delay = await request('GET', `/${service}/delay`).catch(() => undefined);
  if (delay === undefined)
    return element('p', { class: 'notice' }, 'The order service does not answer. What has arrived is below.');
  const bound = formatDuration(delay.boundMs);
  if (delay.alarm) {
    const text = `${delay.overdue.length} accepted longer than ${bound} ago and still not here.`;
    return element('p', { class: 'notice bad', role: 'alert' }, text);
  }
  if (delay.arrived === 0) return undefined;
  const [median, longest] = [formatDuration(delay.medianMs), formatDuration(delay.maxMs)];
  const text = `Orders take ${median} to get here, at most ${longest} so far; agreed are ${bound}.`;
  return element('p', { class: 'soft' }, text);
}

/**
 * Heading with a button that looks for new orders now.
 * @param {string} title
 * @param {string} service
 * @param {() => unknown} again
 */
export function headWithPoll(title, service, again) {
  const button = element('button', { class: 'button', type: 'button' }, 'Look for new orders');
  button.addEventListener('click', () =>
    run(button, async () => {
      await request('POST', `/${service}/poll`, {});
      announce('The list is up to date.');
      await again();
    }),
  );
  return element('div', { class: 'head' }, element('h1', {}, title), button);
}

/** @param {string} text @param {string} hint */
export function empty(text, hint) {
  return element(
    'div',
    { class: 'card empty' },
    element('p', {}, text),
    element('p', { class: 'soft' }, hint),
  );
}

/**
 * Shows further pages of a list.
 * @param {HTMLElement} body
 * @param {{ path: string, list: string, row: (entry: any) => HTMLTableRowElement, next: string | undefined }} list
 */
export function moreButton(body, { path, list, row, next }) {
  if (next === undefined) return undefined;
  let before = next;
  const button = element('button', { class: 'button', type: 'button' }, 'Show more');
  button.addEventListener('click', () =>
    run(button, async () => {
      const page = await request('GET', `${path}?before=${before}`);
      body.querySelector('tbody')?.append(...page[list].map(row));
      if (page.next === undefined) button.remove();
      else before = page.next;
    }),
  );
  return button;
}
