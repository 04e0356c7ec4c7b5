import type { Clock } from '@banyan/core';

/** What has arrived and was not asked for yet, with a wait that arrivals, failure and close end. */
export class DeliveryQueue<Delivery> {
  readonly #clock: Clock;
  #deliveries: Delivery[] = [];
  #from = 0;
  #wake: (() => void) | undefined;
  isClosed = false;
  /** The first failure; what arrived before it can still be taken. */
  failure: Error | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  push(delivery: Delivery): void {
    this.#deliveries.push(delivery);
    this.#wake?.();
  }

  fail(error: Error): void {
    this.failure ??= error;
    this.#wake?.();
  }

  close(): void {
    this.isClosed = true;
    this.#wake?.();
  }

  peek(): Delivery | undefined {
    return this.#deliveries[this.#from];
  }

  shift(): void {
    this.#from += 1;
    if (this.#from < this.#deliveries.length) return;
    this.#deliveries = [];
    this.#from = 0;
  }

  count(isCounted: (delivery: Delivery) => boolean): number {
    let count = 0;
    for (let index = this.#from; index < this.#deliveries.length; index += 1) {
      const delivery = this.#deliveries[index];
      if (delivery !== undefined && isCounted(delivery)) count += 1;
    }
    return count;
  }

  /** Resolves when there is something to look at, or after `waitMs`. */
  wait(waitMs: number): Promise<void> {
    if (this.peek() !== undefined || this.failure !== undefined || this.isClosed) return Promise.resolve();
    return new Promise((resolve) => {
      const finish = () => {
        cancel();
        this.#wake = undefined;
        resolve();
      };
      const cancel = this.#clock.setTimer(finish, waitMs);
      this.#wake = finish;
    });
  }
}
