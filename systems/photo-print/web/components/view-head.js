import { element, icon } from '../dom.js';

/**
 * A view's heading, with the way back above it.
 * @param {string} title
 * @param {{ lead?: string, back?: { link: string, text: string } }} [more]
 */
export function viewHead(title, { lead, back } = {}) {
  return element(
    'header',
    { class: 'view-head' },
    back !== undefined && element('a', { class: 'back-link', href: back.link }, icon('back'), back.text),
    element('h1', { tabindex: '-1' }, title),
    lead !== undefined && element('p', { class: 'lead' }, lead),
  );
}
