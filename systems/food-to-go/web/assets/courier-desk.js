import { signedInAs } from './api.js';
import { announce, button, element, liveList } from './dom.js';
import { formatClock } from './format.js';
import { recall, remember } from './memory.js';

/** Comes to work, and does what is planned. @param {HTMLElement} desk */
export function startCourierDesk(desk) {
  const id = recall('courier') ?? crypto.randomUUID();
  remember('courier', id);
  const courier = signedInAs('courier', id);
  let isAtWork = false;
  const work = button('Come to work', async () => {
    const { available } = await courier.request('PUT', '/courier/availability', { available: !isAtWork });
    showAvailability(available);
    announce(available ? 'You take orders.' : 'You take no more orders.');
  });
  const showAvailability = (/** @type {boolean} */ available) => {
    isAtWork = available;
    const text = available ? 'Go home' : 'Come to work';
    if (work.textContent !== text) work.textContent = text;
  };
  const plan = liveList({
    label: 'Plan',
    empty: 'Nothing is to be brought.',
    keyOf: ({ orderId, action }) => `${orderId} ${action}`,
    render: (step) => stepItem(step, courier),
  });
  desk.replaceChildren(work, plan.content);
  return async () => {
    const known = await courier.request('GET', '/courier/plan');
    showAvailability(known.available);
    const waiting = new Set(
      known.plan
        .filter((/** @type {any} */ { action }) => action === 'PICK_UP')
        .map((/** @type {any} */ { orderId }) => orderId),
    );
    plan.show(
      known.plan.map((/** @type {any} */ step) => ({
        ...step,
        isNext: step.action === 'PICK_UP' || !waiting.has(step.orderId),
      })),
    );
  };
}

/** @param {any} step @param {import('./api.js').Somebody} courier */
function stepItem({ orderId, action, address, at, isNext }, courier) {
  const [what, done, path] =
    action === 'PICK_UP'
      ? ['Pick up', 'I have it', 'pick-up']
      : ['Drop off', 'I have brought it', 'drop-off'];
  const go = () => courier.request('POST', `/deliveries/${orderId}/${path}`, {});
  return element(
    'li',
    {},
    element('p', {}, element('strong', {}, `${what} at ${formatClock(at)}`)),
    element('p', { class: 'soft' }, `${address.street}, ${address.city}`),
    isNext && element('p', { class: 'actions' }, button(done, go)),
  );
}
