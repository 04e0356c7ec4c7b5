import { type Clock, sleep } from '@banyan/core';
import type { Endpoint } from '@banyan/rpc';

const maxDelayMs = 5;

/**
 * Delays every call by up to 5 ms, so that code which relies on calls within a process being instant, or on two calls finishing in the
 * order they were made, fails in development and not after the first split.
 */
export function withRandomDelay(endpoint: Endpoint, clock: Clock): Endpoint {
  return {
    get contract() {
      return endpoint.contract;
    },
    async call(operation, input, context, upload) {
      await sleep(Math.random() * maxDelayMs, clock, context.signal);
      return endpoint.call(operation, input, context, upload);
    },
  };
}
