import type { Clock, Logger } from '@banyan/core';
import type { SagaStore } from '../saga-store.ts';

export interface WorkerLeaseOptions {
  readonly store: SagaStore;
  readonly instance: string;
  readonly leaseMs: number;
  /** The token is nobody's any more: what was in hand belongs to others. */
  readonly onLost: () => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Keeps one worker's lease: joins, renews every third of it, joins again with a new token when it was declared dead. */
export interface WorkerLease {
  /** While nobody can have declared us dead, by our own clock. */
  readonly token: number | undefined;
  start(): Promise<void>;
  /** Never rejects. */
  stop(): Promise<void>;
}

export function createWorkerLease(options: WorkerLeaseOptions): WorkerLease {
  return new RenewedLease(options);
}

class RenewedLease implements WorkerLease {
  readonly #options: WorkerLeaseOptions;
  #token: number | undefined;
  #endsAtMs = 0;
  #cancelTimer = () => {};
  #stopped = false;

  constructor(options: WorkerLeaseOptions) {
    this.#options = options;
  }

  get token(): number | undefined {
    return this.#options.clock.nowMs() < this.#endsAtMs ? this.#token : undefined;
  }

  async start(): Promise<void> {
    const { store, instance, leaseMs, clock } = this.#options;
    // Counted from before the question, so that we stop before anybody else may begin.
    const endsAtMs = clock.nowMs() + leaseMs;
    this.#token = await store.join(instance, leaseMs);
    this.#endsAtMs = endsAtMs;
    this.#renewAfter(leaseMs / 3);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelTimer();
    const token = this.#token;
    this.#token = undefined;
    if (token === undefined) return;
    try {
      await this.#options.store.leave(token);
    } catch (error) {
      this.#options.logger.debug('the lease on sagas could not be given back; it ends by itself', { error });
    }
  }

  #renewAfter(delayMs: number): void {
    this.#cancelTimer();
    if (!this.#stopped) this.#cancelTimer = this.#options.clock.setTimer(() => void this.#renew(), delayMs);
  }

  async #renew(): Promise<void> {
    const { store, leaseMs, clock, logger, onLost } = this.#options;
    const token = this.#token;
    try {
      const endsAtMs = clock.nowMs() + leaseMs;
      if (token === undefined) {
        if (!this.#stopped) await this.start();
        return;
      }
      const isKept = await store.renew(token, leaseMs);
      if (this.#stopped) return;
      if (isKept) {
        this.#endsAtMs = endsAtMs;
        this.#renewAfter(leaseMs / 3);
        return;
      }
      logger.warn('the lease on sagas ended while this process could not renew it; others go on with them');
      this.#token = undefined;
      onLost();
      this.#renewAfter(0);
    } catch (error) {
      logger.debug('the lease on sagas could not be renewed; trying again', { error });
      this.#renewAfter(leaseMs / 10);
    }
  }
}
