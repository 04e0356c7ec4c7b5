import { element, icon } from '../dom.js';
import { sentenceFor } from '../sentences.js';
import { notice } from './notice.js';

/**
 * What there is to take away from an order: tracking number, print sheet, label.
 * @param {import('../app.js').App} app
 * @param {import('../orders.js').Order} order
 * @param {AbortSignal} signal
 * @returns {HTMLElement[]} empty before anything is there
 */
export function orderPapers(app, { orderId, status, trackingNumber }, signal) {
  const isPrinted = status === 'printed' || status === 'despatched';
  if (!isPrinted) return [];
  const problems = element('div', {});
  /** @param {string} text @param {string} paper */
  const download = (text, paper) =>
    element(
      'button',
      {
        type: 'button',
        class: 'row-link',
        onclick: async () => {
          problems.replaceChildren();
          try {
            save(
              await app.api.blob(`/print-orders/${orderId}/${paper}`, { signal }),
              `${paper}-${orderId}.pdf`,
            );
            app.announce(`${text} is downloaded.`);
          } catch (error) {
            if (!signal.aborted) problems.replaceChildren(notice(sentenceFor(error)));
          }
        },
      },
      icon(paper === 'sheet' ? 'paper' : 'label'),
      element('span', {}, `${text} (PDF)`),
      icon('download'),
    );
  return [
    ...(trackingNumber === undefined ? [] : [tracking(trackingNumber)]),
    element(
      'div',
      { class: 'row-links' },
      download('Print sheet', 'sheet'),
      status === 'despatched' && download('Parcel label', 'label'),
    ),
    problems,
  ];
}

/** @param {string} number */
function tracking(number) {
  return element(
    'div',
    { class: 'tracking card' },
    element('p', { class: 'soft small' }, 'Tracking number'),
    element('p', { class: 'tracking-number figures' }, number),
  );
}

/** @param {Blob} blob @param {string} name */
function save(blob, name) {
  const url = URL.createObjectURL(blob);
  element('a', { href: url, download: name }).click();
  // Late enough for every browser to have taken it.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
