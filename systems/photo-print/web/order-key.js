import { randomKey } from './random-key.js';

const storageKey = 'photo-print.pending-order';

/**
 * The idempotency key of an order that may or may not have arrived: the same order gets the same key until it is known to have
 * arrived, also after the page was loaded again. Another order gets another key.
 * @param {Storage} storage
 */
export function createOrderKeys(storage) {
  /** @type {{ key: string, body: string } | undefined} */
  let pending = read(storage);
  return {
    /** @param {unknown} order */
    keyFor(order) {
      const body = JSON.stringify(order);
      if (pending?.body !== body) {
        pending = { key: randomKey(), body };
        write(storage, JSON.stringify(pending));
      }
      return pending.key;
    },
    /** The order has arrived, or its key is of no use. */
    forget() {
      pending = undefined;
      write(storage, undefined);
    },
  };
}

/** @param {Storage} storage */
function read(storage) {
  try {
    const { key, body } = JSON.parse(storage.getItem(storageKey) ?? '{}');
    return typeof key === 'string' && typeof body === 'string' ? { key, body } : undefined;
  } catch {
    return undefined;
  }
}

/** @param {Storage} storage @param {string | undefined} text */
function write(storage, text) {
  try {
    if (text === undefined) storage.removeItem(storageKey);
    else storage.setItem(storageKey, text);
  } catch {
    // Without storage the key lives as long as the page, which covers everything but loading it again.
  }
}
