import { element } from '../dom.js';
import { sentenceFor } from '../sentences.js';
import { notice } from './notice.js';

/**
 * A button for the next page of a list; gone after the last one.
 * @param {object} options
 * @param {string | undefined} options.next
 * @param {(before: string) => Promise<string | undefined>} options.load adds the page, answers where the one after it starts
 * @param {AbortSignal} options.signal
 */
export function moreButton({ next, load, signal }) {
  const place = element('div', { class: 'more' });
  const problems = element('div', {});
  let before = next;
  const button = element(
    'button',
    {
      type: 'button',
      class: 'button',
      'data-kind': 'quiet',
      onclick: async () => {
        if (before === undefined || button.hasAttribute('aria-disabled')) return;
        button.setAttribute('aria-disabled', 'true');
        problems.replaceChildren();
        try {
          before = await load(before);
          if (before === undefined) place.replaceChildren();
        } catch (error) {
          if (!signal.aborted) problems.replaceChildren(notice(sentenceFor(error)));
        } finally {
          button.removeAttribute('aria-disabled');
        }
      },
    },
    'Show more',
  );
  if (next !== undefined) place.append(button, problems);
  return place;
}
