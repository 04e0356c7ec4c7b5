import type { Clock } from '@banyan/core';
import type { RequestStore } from '@banyan/events';

/** Those of this instance who wait for answers, by request. */
export interface ReplyWaiters {
  /** Add the waiter before the request can be answered. */
  add(requestId: string): ReplyWaiter;
  wake(requestId: string): void;
  stop(): void;
}

export interface ReplyWaiter {
  /**
   * Resolves with what `look` finds as soon as it does, with undefined when the time is over. Looks after each wake-up, and now and then in case one was
   * lost. Rejects with the signal's reason when that aborts, and with what `look` rejects with.
   */
  until<Found>(limit: WaitLimit, look: () => Promise<Found | undefined>): Promise<Found | undefined>;
  remove(): void;
}

export interface WaitLimit {
  /** Epoch milliseconds. */
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
}

/** How long an answer can go unnoticed if its wake-up was lost. */
const pollIntervalMs = 1_000;

export function createReplyWaiters(options: {
  readonly requests: RequestStore;
  readonly clock: Clock;
}): ReplyWaiters {
  return new WaitersByRequest(options.requests, options.clock);
}

class WaitersByRequest implements ReplyWaiters {
  readonly #requests: RequestStore;
  readonly #clock: Clock;
  readonly #waiters = new Map<string, WakeableWaiter>();
  #unlisten: (() => void) | undefined;

  constructor(requests: RequestStore, clock: Clock) {
    this.#requests = requests;
    this.#clock = clock;
  }

  add(requestId: string): ReplyWaiter {
    this.#unlisten ??= this.#requests.onAnswer((id) => this.wake(id));
    const waiter = new WakeableWaiter(this.#clock, () => this.#waiters.delete(requestId));
    this.#waiters.set(requestId, waiter);
    return waiter;
  }

  /** Everybody, if it is not known whose answer came. */
  wake(requestId: string | undefined): void {
    if (requestId !== undefined) this.#waiters.get(requestId)?.wake();
    else for (const waiter of this.#waiters.values()) waiter.wake();
  }

  stop(): void {
    this.#unlisten?.();
    this.#unlisten = undefined;
  }
}

class WakeableWaiter implements ReplyWaiter {
  readonly #clock: Clock;
  readonly remove: () => void;
  #isAwake = false;
  #wake = () => {};

  constructor(clock: Clock, remove: () => void) {
    this.#clock = clock;
    this.remove = remove;
  }

  wake(): void {
    this.#isAwake = true;
    this.#wake();
  }

  async until<Found>(
    { deadlineMs, signal }: WaitLimit,
    look: () => Promise<Found | undefined>,
  ): Promise<Found | undefined> {
    for (;;) {
      const leftMs = deadlineMs - this.#clock.nowMs();
      if (leftMs <= 0) return undefined;
      await this.#sleep(Math.min(leftMs, pollIntervalMs), signal);
      this.#isAwake = false;
      const found = await look();
      if (found !== undefined) return found;
    }
  }

  /** Until somebody wakes it, even if that was before. */
  #sleep(timeMs: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.reject(signal.reason);
    if (this.#isAwake) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const end = () => {
        cancel();
        signal.removeEventListener('abort', onAbort);
      };
      const onAbort = () => {
        end();
        reject(signal.reason);
      };
      const onWake = () => {
        end();
        resolve();
      };
      const cancel = this.#clock.setTimer(onWake, timeMs);
      this.#wake = onWake;
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }
}
