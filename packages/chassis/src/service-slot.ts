import type { Contract, Upload } from '@banyan/contract';
import { type CallContext, ServiceError } from '@banyan/core';
import type { Endpoint } from '@banyan/rpc';

/**
 * The place of one service in a process. Calls wait here, up to their deadline, while the service starts or is being replaced, so that parts
 * can start in any order and a reload loses no call.
 */
export interface ServiceSlot extends Endpoint {
  /** Where calls go from now on; releases those that wait. */
  fill(endpoint: Endpoint): void;
  /** Calls wait again. */
  empty(): void;
  /** Calls, waiting ones too, are refused from now on. */
  close(): void;
}

export function createServiceSlot(contract: Contract): ServiceSlot {
  return new WaitingSlot(contract);
}

class WaitingSlot implements ServiceSlot {
  contract: Contract;
  #current: Endpoint | undefined = undefined;
  #closed = false;
  #filled = Promise.withResolvers<Endpoint>();

  constructor(contract: Contract) {
    this.contract = contract;
    this.#filled.promise.catch(() => {});
  }

  call(operation: string, input: unknown, context: CallContext, upload?: Upload): Promise<unknown> {
    if (this.#current !== undefined) return this.#current.call(operation, input, context, upload);
    return this.#wait(context).then((endpoint) => endpoint.call(operation, input, context, upload));
  }

  fill(endpoint: Endpoint): void {
    this.contract = endpoint.contract;
    this.#current = endpoint;
    this.#filled.resolve(endpoint);
  }

  empty(): void {
    if (this.#current === undefined) return;
    this.#current = undefined;
    this.#filled = Promise.withResolvers();
    this.#filled.promise.catch(() => {});
  }

  close(): void {
    this.empty();
    this.#closed = true;
    this.#filled.reject(this.#stopped());
  }

  #wait(context: CallContext): Promise<Endpoint> {
    if (this.#closed) return Promise.reject(this.#stopped());
    return new Promise((resolve, reject) => {
      const { signal } = context;
      const onAbort = () => reject(signal.reason);
      if (signal.aborted) onAbort();
      signal.addEventListener('abort', onAbort, { once: true });
      this.#filled.promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
    });
  }

  #stopped(): ServiceError {
    return new ServiceError(`'${this.contract.name}' has stopped here.`, {
      code: 'unavailable',
      reason: 'service_stopped',
      notStarted: true,
    });
  }
}
