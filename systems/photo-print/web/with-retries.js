import { pause } from './pause.js';
import { Problem } from './problem.js';

const delaysMs = [600, 1_800, 4_500];

/**
 * Tries again while the trouble looks like passing: three times with growing pauses, not before the system wants to be asked
 * again, and not at all while the device itself has no network.
 * @template T
 * @param {() => Promise<T>} attempt must be harmless to repeat
 * @param {{ signal?: AbortSignal | undefined, onWaiting: (isWaiting: boolean) => void }} options
 * @returns {Promise<T>}
 */
export async function withRetries(attempt, { signal, onWaiting }) {
  let isWaiting = false;
  try {
    for (let retries = 0; ; retries += 1) {
      try {
        return await attempt();
      } catch (error) {
        const delayMs = delaysMs[retries];
        if (!(error instanceof Problem && error.isPassing) || delayMs === undefined) throw error;
        if (!isWaiting) onWaiting(true);
        isWaiting = true;
        await pause(Math.max(delayMs * (0.75 + Math.random() / 2), error.retryAfterMs ?? 0), signal);
        if (await backOnline(signal)) retries = -1;
      }
    }
  } finally {
    if (isWaiting) onWaiting(false);
  }
}

/** Waits for the network. @param {AbortSignal | undefined} signal @returns {Promise<boolean>} true if it was gone */
function backOnline(signal) {
  return new Promise((resolve, reject) => {
    if (navigator.onLine) return resolve(false);
    addEventListener('online', () => resolve(true), { once: true });
    signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
