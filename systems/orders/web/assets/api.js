/** What to do, by `reason`. @type {Record<string, string>} */
const byReason = {
  offline: 'There is no connection right now. Check your network, then try again.',
  orderNotFound: 'There is no such order. Look for it in the list.',
  shipmentNotFound: 'There is no shipment for this order yet. Look again in a moment.',
  invoiceNotFound: 'There is no invoice for this order yet. Look again in a moment.',
  unknownCustomer: 'This customer is not known any more. Load the page again.',
  unknownItem: 'One of the items is not sold any more. Load the page again.',
  idempotencyKeyReused:
    'Something changed while this was on its way. Check it in the list, then save it again.',
  orderCancelled: 'This order is cancelled already.',
  feedOff: 'Orders come here by themselves, as events. There is no feed to ask.',
  invalid_input: 'Some of what you entered needs another look.',
};

/** A request that did not do what it should; its message is for people. */
export class Problem extends Error {
  /** @param {string} reason @param {number} status 0: no answer came */
  constructor(reason, status) {
    super(
      byReason[reason] ??
        (status >= 500
          ? 'The service does not answer right now. What you see elsewhere still works; try again in a moment.'
          : 'That did not work. Try again.'),
    );
    this.reason = reason;
    this.status = status;
  }
}

/**
 * Calls one of the services through the gateway.
 * @param {string} method
 * @param {string} path
 * @param {unknown} [json]
 * @param {Record<string, string>} [headers]
 * @returns {Promise<any>}
 */
export async function request(method, path, json, headers = {}) {
  /** @type {RequestInit} */
  const options = { method, headers: { accept: 'application/json', ...headers } };
  if (json !== undefined) {
    options.body = JSON.stringify(json);
    options.headers = { ...options.headers, 'content-type': 'application/json' };
  }
  const response = await fetch(path, options).catch(() => undefined);
  if (response === undefined) throw new Problem('offline', 0);
  const isJson = /json/.test(response.headers.get('content-type') ?? '');
  const answer = isJson ? await response.json().catch(() => ({})) : {};
  if (!response.ok) throw new Problem(answer.reason ?? 'no_problem_details', response.status);
  return answer;
}
