import { ServiceError } from '@banyan/core';

export interface BulkheadOptions {
  readonly maxConcurrent: number;
  /** Calls that may wait for a slot. Default 0: a full bulkhead refuses at once. */
  readonly maxQueued?: number;
}

/** Limits how many calls run at once, so that one slow callee cannot take all of a process (Nygard, Release It!). */
export interface Bulkhead {
  readonly running: number;
  readonly queued: number;
  /** Takes a slot if one is free; pair with `leave`. */
  tryEnter(): boolean;
  /**
   * Takes a slot, in order of arrival; pair with `leave`.
   * @throws ServiceError `resource_exhausted` `bulkhead_full`, `notStarted`, when the queue is full too
   * @throws the signal's reason as soon as it aborts; no slot is taken then
   */
  enter(signal?: AbortSignal): Promise<void>;
  /** Gives a slot back, to the first that waits. */
  leave(): void;
  /** Runs `task` in a slot. Rejects as `enter` does, else with what the task rejects with. */
  run<Result>(task: () => Promise<Result>, signal?: AbortSignal): Promise<Result>;
}

/** @throws TypeError if a limit is not a whole number, or `maxConcurrent` is 0 */
export function createBulkhead(options: BulkheadOptions): Bulkhead {
  const { maxConcurrent, maxQueued = 0 } = options;
  if (!(Number.isInteger(maxConcurrent) && maxConcurrent > 0)) {
    throw new TypeError('createBulkhead(): `maxConcurrent` must be a whole number above 0.');
  }
  if (!(Number.isInteger(maxQueued) && maxQueued >= 0)) {
    throw new TypeError('createBulkhead(): `maxQueued` must be a whole number, 0 or more.');
  }
  return new SemaphoreBulkhead(maxConcurrent, maxQueued);
}

class SemaphoreBulkhead implements Bulkhead {
  readonly #maxConcurrent: number;
  readonly #maxQueued: number;
  /** A set keeps the order of arrival and forgets an aborted waiter in constant time. */
  readonly #waiters = new Set<() => void>();
  #running = 0;

  constructor(maxConcurrent: number, maxQueued: number) {
    this.#maxConcurrent = maxConcurrent;
    this.#maxQueued = maxQueued;
  }

  get running(): number {
    return this.#running;
  }

  get queued(): number {
    return this.#waiters.size;
  }

  tryEnter(): boolean {
    if (this.#running >= this.#maxConcurrent) return false;
    this.#running += 1;
    return true;
  }

  enter(signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.tryEnter()) return Promise.resolve();
    if (this.#waiters.size >= this.#maxQueued) return Promise.reject(bulkheadFull());
    return new Promise((resolve, reject) => {
      const admit = () => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      };
      const onAbort = () => {
        this.#waiters.delete(admit);
        reject(signal?.reason);
      };
      this.#waiters.add(admit);
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  leave(): void {
    for (const admit of this.#waiters) {
      // The slot passes on without becoming free, so that nobody overtakes the queue.
      this.#waiters.delete(admit);
      admit();
      return;
    }
    this.#running -= 1;
  }

  async run<Result>(task: () => Promise<Result>, signal?: AbortSignal): Promise<Result> {
    if (signal !== undefined || !this.tryEnter()) await this.enter(signal);
    try {
      return await task();
    } finally {
      this.leave();
    }
  }
}

function bulkheadFull(): ServiceError {
  return new ServiceError('Too many calls are running already.', {
    code: 'resource_exhausted',
    reason: 'bulkhead_full',
    notStarted: true,
  });
}
