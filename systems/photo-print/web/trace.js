import { randomKey } from './random-key.js';

/**
 * Names the trace of one thing that the customer does, for all requests that it takes (W3C trace context). The last 00 says that this page records nothing of
 * it; the gateway decides what is kept, and whether it goes on with this trace at all.
 */
export function newTrace() {
  return `00-${randomKey()}-${randomKey().slice(16)}-00`;
}
