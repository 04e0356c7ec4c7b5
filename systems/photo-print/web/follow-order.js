import { awaitsRefund, isFinal } from './orders.js';
import { pause } from './pause.js';

/** @typedef {import('./orders.js').Order} Order */

const firstDelayMs = 700;
const maxDelayMs = 15_000;
/** How long to look out for the refund of a cancelled order. */
const refundPatienceMs = 60_000;

/**
 * Looks at an order again and again until nothing more can happen to it: often while it changes, less and less often while it
 * does not, not at all while nobody sees the page.
 * @param {object} options
 * @param {Order} options.order as known
 * @param {() => Promise<Order>} options.load
 * @param {(order: Order) => void} options.onChange
 * @param {(error: unknown) => void} options.onTrouble a look that failed; the next one follows by itself
 * @param {AbortSignal} options.signal ends it
 */
export async function followOrder({ order, load, onChange, onTrouble, signal }) {
  let latest = order;
  let delayMs = firstDelayMs;
  const startedAt = Date.now();
  const goesOn = () =>
    !isFinal(latest) || (awaitsRefund(latest) && Date.now() - startedAt < refundPatienceMs);
  while (goesOn()) {
    await pause(delayMs, signal);
    await visible(signal);
    try {
      const found = await load();
      const changed = JSON.stringify(found) !== JSON.stringify(latest);
      latest = found;
      delayMs = changed ? firstDelayMs : Math.min(delayMs * 1.4, maxDelayMs);
      if (changed) onChange(found);
    } catch (error) {
      if (signal.aborted) throw error;
      delayMs = maxDelayMs;
      onTrouble(error);
    }
  }
}

/** @param {AbortSignal} signal @returns {Promise<void>} */
function visible(signal) {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    if (!document.hidden) return resolve();
    document.addEventListener('visibilitychange', () => resolve(), { once: true, signal });
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
