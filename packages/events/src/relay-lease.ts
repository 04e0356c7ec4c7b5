import type { Clock, Logger } from '@banyan/core';
import type { Outbox, RelayLease } from './outbox.ts';

export interface RelayLeaseOptions {
  readonly outbox: Outbox;
  readonly owner: string;
  readonly leaseMs: number;
  /** Called when the lease is somebody else's, or a new one is needed to go on. */
  readonly onLost: () => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Takes the outbox's lease and keeps it, asking again every third of it. */
export interface RelayLeaseKeeper {
  /** The lease, while it is certain that nobody else has it. */
  readonly current: RelayLease | undefined;
  /** @throws what the outbox's database throws */
  acquire(): Promise<RelayLease | undefined>;
  /** Forgets the lease: it was lost, or nobody knows. */
  drop(): void;
  /** Gives it back, so that another relay need not wait. Never rejects. */
  release(): Promise<void>;
}

export function createRelayLeaseKeeper(options: RelayLeaseOptions): RelayLeaseKeeper {
  return new OutboxLeaseKeeper(options);
}

class OutboxLeaseKeeper implements RelayLeaseKeeper {
  readonly #options: RelayLeaseOptions;
  #lease: RelayLease | undefined;
  #endsAtMs = 0;
  #cancelRenewal = () => {};

  constructor(options: RelayLeaseOptions) {
    this.#options = options;
  }

  get current(): RelayLease | undefined {
    return this.#options.clock.nowMs() < this.#endsAtMs ? this.#lease : undefined;
  }

  async acquire(): Promise<RelayLease | undefined> {
    const { outbox, owner, leaseMs, clock } = this.#options;
    // Counted from before the question, so that we stop before anybody else may begin.
    const endsAtMs = clock.nowMs() + leaseMs;
    const lease = await outbox.acquire(owner, leaseMs);
    if (lease === undefined) this.drop();
    else this.#hold(lease, endsAtMs);
    return lease;
  }

  drop(): void {
    this.#cancelRenewal();
    this.#lease = undefined;
    this.#endsAtMs = 0;
  }

  async release(): Promise<void> {
    const lease = this.#lease;
    this.drop();
    if (lease === undefined) return;
    try {
      await this.#options.outbox.release(lease);
    } catch (error) {
      this.#options.logger.debug('the lease of the outbox could not be given back; it ends by itself', {
        error,
      });
    }
  }

  #hold(lease: RelayLease, endsAtMs: number): void {
    const { clock, leaseMs } = this.#options;
    this.#cancelRenewal();
    this.#lease = lease;
    this.#endsAtMs = endsAtMs;
    this.#cancelRenewal = clock.setTimer(() => void this.#renew(lease), leaseMs / 3);
  }

  async #renew(lease: RelayLease): Promise<void> {
    const { outbox, owner, leaseMs, clock, logger, onLost } = this.#options;
    const endsAtMs = clock.nowMs() + leaseMs;
    try {
      const renewed = await outbox.acquire(owner, leaseMs);
      if (this.#lease !== lease) return;
      if (renewed?.token === lease.token) {
        this.#hold(lease, endsAtMs);
        return;
      }
      this.drop();
      onLost();
    } catch (error) {
      if (this.#lease !== lease) return;
      logger.debug('the lease of the outbox could not be renewed; trying again', { error });
      this.#cancelRenewal = clock.setTimer(() => void this.#renew(lease), leaseMs / 10);
    }
  }
}
