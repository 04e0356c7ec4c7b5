import { element, icon } from '../dom.js';
import { formatMoment } from '../format.js';
import { isFinal, statusWords, steps } from '../orders.js';

/** @typedef {'done' | 'current' | 'ahead' | 'stopped'} StepState */

/** The way of an order, step by step with times. @param {import('../orders.js').Order} order */
export function timeline(order) {
  return element(
    'ol',
    { class: 'timeline' },
    stepsOf(order).map(({ status, state }) => {
      const at = order.times[status];
      const { name, meaning } = statusWords(status);
      const isNow = state === 'current' || state === 'stopped' || status === order.status;
      return element(
        'li',
        { 'data-state': state, 'aria-current': isNow ? 'step' : undefined },
        element(
          'span',
          { class: 'marker' },
          state === 'done' && icon('check'),
          state === 'stopped' && icon('cross'),
        ),
        element(
          'div',
          { class: 'step' },
          element('span', { class: 'step-name' }, name),
          at !== undefined && element('time', { class: 'figures', datetime: at }, formatMoment(at)),
          state === 'ahead' && element('span', { class: 'visually-hidden' }, 'still to come'),
          isNow && element('span', { class: 'step-meaning' }, meaning),
        ),
      );
    }),
  );
}

/** @param {import('../orders.js').Order} order @returns {{ status: import('../orders.js').Status, state: StepState }[]} */
function stepsOf(order) {
  const position = steps.indexOf(order.status);
  if (position >= 0) {
    return steps.map((status, index) => {
      if (index > position) return { status, state: 'ahead' };
      return { status, state: index < position || isFinal(order) ? 'done' : 'current' };
    });
  }
  // Stopped on the way: what was reached, then how it ended.
  const reached = steps.filter((status) => order.times[status] !== undefined);
  return [
    ...reached.map((status) => ({ status, state: /** @type {const} */ ('done') })),
    { status: order.status, state: 'stopped' },
  ];
}
