import { element } from '../dom.js';
import { mayPass, Problem } from '../problem.js';
import { sentenceFor } from '../sentences.js';
import { notice } from './notice.js';

/**
 * A place that shows what is being fetched, as soon as it is there, or why it is not and a button to try again.
 * @template T
 * @param {object} options
 * @param {() => Promise<T>} options.load
 * @param {(found: T) => Node} options.show
 * @param {AbortSignal} options.signal
 * @param {string} [options.waitingText]
 */
export function loaded({ load, show, signal, waitingText = 'One moment …' }) {
  const place = element('div', { class: 'loaded' });
  const attempt = async () => {
    place.replaceChildren(element('p', { class: 'loading', role: 'status' }, waitingText));
    try {
      const found = await load();
      if (!signal.aborted) place.replaceChildren(show(found));
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof Problem)) reportError(error);
      const action = { text: 'Try again', onclick: () => void attempt() };
      place.replaceChildren(notice(sentenceFor(error), mayPass(error) ? { action } : {}));
    }
  };
  void attempt();
  return place;
}
