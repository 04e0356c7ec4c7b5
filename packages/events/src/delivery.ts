import { type Clock, isServiceError, ServiceError, type Sql } from '@banyan/core';
import type { CloudEvent } from './cloud-event.ts';
import type { Claim, Inbox } from './inbox.ts';
import { crashRehearsed, type DeliverTwiceOptions, isInterruptedOnce } from './rehearsal.ts';

/** What a handler gets beside the event. */
export interface Delivery {
  /** 1 for the first delivery to this consumer. */
  readonly attempt: number;
  /** Aborts when the handler's time is over or the consumer stops; the reason is a `ServiceError`. */
  readonly signal: AbortSignal;
  /** Epoch milliseconds; always before the lease ends. */
  readonly deadlineMs: number;
  /**
   * Marks the event as handled in the handler's own transaction. Make it the last statement. A handler that resolves without having called
   * it has its event marked afterwards.
   * @throws ServiceError `aborted` `lease_lost` or `crash_rehearsed`: let the transaction roll back and reject with it
   */
  complete(sql: Sql): Promise<void>;
}

export type DeliveryResult =
  | { readonly kind: 'handled' }
  | { readonly kind: 'failed'; readonly error: unknown };

export interface DeliveryOptions {
  readonly claim: Claim;
  readonly inbox: Inbox;
  readonly handle: (event: CloudEvent, delivery: Delivery) => Promise<void>;
  readonly handlerTimeoutMs: number;
  readonly deliverTwice?: DeliverTwiceOptions | undefined;
  /** Aborted by the consumer when it stops. */
  readonly controller: AbortController;
  readonly clock: Clock;
}

/** How long a handler may take to end after its signal has aborted. */
const abortGraceMs = 2_000;

/** One claimed event on its way through the handler. Never rejects. */
export function createDelivery(options: DeliveryOptions): { run(): Promise<DeliveryResult> } {
  return new ClaimedDelivery(options);
}

class ClaimedDelivery {
  readonly #options: DeliveryOptions;
  #attempt: number;
  #isRehearsal = false;
  #isCompleted = false;

  constructor(options: DeliveryOptions) {
    this.#options = options;
    this.#attempt = options.claim.attempt;
  }

  async run(): Promise<DeliveryResult> {
    const { claim, deliverTwice } = this.#options;
    this.#isRehearsal = claim.attempt === 1 && isInterruptedOnce(claim.event.id, deliverTwice);
    if (this.#isRehearsal) {
      const rehearsal = await this.#runOnce();
      if (rehearsal.kind === 'failed' && !isRehearsed(rehearsal.error)) return rehearsal;
      this.#isRehearsal = false;
      this.#attempt += 1;
    }
    return this.#runOnce();
  }

  async #runOnce(): Promise<DeliveryResult> {
    const { claim, inbox, handle, controller, clock, handlerTimeoutMs } = this.#options;
    const deadlineMs = clock.nowMs() + handlerTimeoutMs;
    const limit = new AbortController();
    const signal = AbortSignal.any([controller.signal, limit.signal]);
    const watch = this.#watch(signal, limit);
    try {
      const delivery: Delivery = {
        attempt: this.#attempt,
        signal,
        deadlineMs,
        complete: (sql) => this.#complete(sql),
      };
      await Promise.race([handle(claim.event, delivery), watch.unresponsive]);
      if (!this.#isRehearsal && !this.#isCompleted) await inbox.complete(claim);
      return { kind: 'handled' };
    } catch (error) {
      return { kind: 'failed', error };
    } finally {
      watch.end();
    }
  }

  async #complete(sql: Sql): Promise<void> {
    if (this.#isRehearsal) throw crashRehearsed();
    await this.#options.inbox.complete(this.#options.claim, sql);
    this.#isCompleted = true;
  }

  /** Aborts the handler when its time is over, and gives it up when it does not listen. */
  #watch(
    signal: AbortSignal,
    limit: AbortController,
  ): { readonly unresponsive: Promise<never>; end(): void } {
    const { clock, handlerTimeoutMs } = this.#options;
    let cancelGrace = () => {};
    let giveUp: (error: ServiceError) => void = () => {};
    const unresponsive = new Promise<never>((_, reject) => {
      giveUp = reject;
    });
    const cancelDeadline = clock.setTimer(() => limit.abort(outOfTime(handlerTimeoutMs)), handlerTimeoutMs);
    const onAbort = () => {
      cancelGrace = clock.setTimer(() => giveUp(notListening()), abortGraceMs);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    return {
      unresponsive,
      end() {
        cancelDeadline();
        cancelGrace();
        signal.removeEventListener('abort', onAbort);
      },
    };
  }
}

function isRehearsed(error: unknown): boolean {
  return isServiceError(error) && error.reason === 'crash_rehearsed';
}

function outOfTime(timeoutMs: number): ServiceError {
  return new ServiceError(`The handler did not finish within ${timeoutMs} ms.`, {
    code: 'deadline_exceeded',
    reason: 'delivery_deadline',
  });
}

function notListening(): ServiceError {
  return new ServiceError('The handler ignored its abort signal.', {
    code: 'internal',
    reason: 'handler_unresponsive',
  });
}
