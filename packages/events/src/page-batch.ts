import { ServiceError, type Sql } from '@banyan/core';
import type { CloudEvent } from './cloud-event.ts';
import type { ConsumerSettings } from './consumer-settings.ts';
import type { BatchOutcome, EventBatch } from './event-batch.ts';
import type { Arrival } from './inbox.ts';
import { crashRehearsed } from './rehearsal.ts';

export type BatchResult =
  | BatchOutcome
  /** Its time was over. */
  | { readonly kind: 'expired'; readonly error: unknown }
  | { readonly kind: 'rejected'; readonly error: unknown };

/** One attempt to handle some events in one transaction. */
export interface BatchRun {
  /** Never rejects. */
  execute(): Promise<BatchResult>;
  abort(reason: Error): void;
}

export interface BatchRunOptions {
  readonly arrival: Arrival;
  readonly settings: ConsumerSettings;
  readonly handleBatch: (batch: EventBatch) => Promise<BatchOutcome>;
  /** Development: interrupts it just before its commit. */
  readonly isInterrupted: boolean;
}

/** How long a batch may take to end after its signal has aborted. */
const abortGraceMs = 2_000;

export function createBatchRun(options: BatchRunOptions): BatchRun {
  return new TimedBatch(options);
}

class TimedBatch implements BatchRun, EventBatch {
  readonly #options: BatchRunOptions;
  readonly #controller = new AbortController();
  readonly #expired: Promise<BatchResult>;
  readonly deadlineMs: number;
  #expire: (result: BatchResult) => void = () => {};
  #isOutOfTime = false;
  #cancelTimer = () => {};

  constructor(options: BatchRunOptions) {
    this.#options = options;
    const { clock, handlerTimeoutMs } = options.settings;
    this.deadlineMs = clock.nowMs() + handlerTimeoutMs;
    this.#expired = new Promise((resolve) => {
      this.#expire = resolve;
    });
    this.#cancelTimer = clock.setTimer(() => {
      this.#isOutOfTime = true;
      this.abort(outOfTime(handlerTimeoutMs));
    }, handlerTimeoutMs);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  admit(sql: Sql): Promise<readonly CloudEvent[]> {
    const { settings, arrival } = this.#options;
    return settings.inbox.admit(sql, arrival);
  }

  beforeCommit(): void {
    if (this.#options.isInterrupted) throw crashRehearsed();
  }

  /** What goes on beyond its grace holds the places of its partitions until its transaction ends, so it cannot take effect twice. */
  abort(reason: Error): void {
    if (this.signal.aborted) return;
    this.#cancelTimer();
    this.#controller.abort(reason);
    this.#cancelTimer = this.#options.settings.clock.setTimer(() => {
      this.#expire({ kind: this.#isOutOfTime ? 'expired' : 'rejected', error: reason });
    }, abortGraceMs);
  }

  async execute(): Promise<BatchResult> {
    try {
      return await Promise.race([this.#options.handleBatch(this), this.#expired]);
    } catch (error) {
      return { kind: this.#isOutOfTime ? 'expired' : 'rejected', error };
    } finally {
      this.#cancelTimer();
    }
  }
}

function outOfTime(timeoutMs: number): ServiceError {
  return new ServiceError(`The batch did not finish within ${timeoutMs} ms.`, {
    code: 'deadline_exceeded',
    reason: 'delivery_deadline',
  });
}
