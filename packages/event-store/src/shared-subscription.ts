import { type Logger, silentLogger, type Transaction, uuidv7 } from '@banyan/core';
import { acquireLease, type Lease, readLag, type SubscriptionLag } from './checkpoints.ts';
import { toPlace } from './cursor.ts';
import type { EventStore } from './event-store.ts';
import type { EventTypes } from './event-types.ts';
import { fairShare } from './fair-share.ts';
import type { LogReader } from './log-reader.ts';
import { leaveMembers, meetMembers } from './members.ts';
import { PartitionReader } from './partition-reader.ts';
import { pause } from './pause.ts';
import type { Subscription, SubscriptionOptions } from './subscription.ts';

interface Reading {
  readonly ended: Promise<void>;
  readonly control: AbortController;
}

interface Failing {
  readonly error: unknown;
  readonly backoffMs: number;
  readonly retryAtMs: number;
}

const firstBackoffMs = 100;
const maxBackoffMs = 30_000;

/** What this instance does of a subscription: it reads its share of the partitions, each while it has the lease. */
export class SharedSubscription<Types extends EventTypes, Tx extends Transaction> implements Subscription {
  readonly #store: EventStore<Types>;
  readonly #options: SubscriptionOptions<Types, Tx>;
  readonly #reader: LogReader;
  readonly #owner = uuidv7();
  readonly #partitions: number;
  readonly #leaseMs: number;
  readonly #logger: Logger;
  readonly #readings = new Map<number, Reading>();
  readonly #failing = new Map<number, Failing>();
  /** A partition came free since the last look. */
  #isDue = false;
  #wake = () => {};

  constructor(store: EventStore<Types>, options: SubscriptionOptions<Types, Tx>, reader: LogReader) {
    this.#store = store;
    this.#options = options;
    this.#reader = reader;
    this.#partitions = options.partitions ?? 1;
    this.#leaseMs = options.leaseMs ?? 10_000;
    this.#logger = options.logger ?? silentLogger;
  }

  get lastError(): unknown {
    return [...this.#failing.values()].at(-1)?.error;
  }

  lag(): Promise<SubscriptionLag> {
    return readLag(this.#options.database.sql, this.#options.name);
  }

  async run(signal: AbortSignal): Promise<void> {
    const { database, name: subscription } = this.#options;
    const unwatch = database.watch?.(this.#reader);
    try {
      while (!signal.aborted) {
        this.#isDue = false;
        const waitMs = await this.#share(signal);
        if (this.#isDue) continue;
        await pause(waitMs, signal, (end) => {
          this.#wake = end;
        });
      }
    } finally {
      unwatch?.();
      await this.#keep(0);
      await leaveMembers(database.sql, { subscription, owner: this.#owner }).catch((error) =>
        this.#logger.debug('a subscription could not say that it leaves', { subscription, error }),
      );
    }
  }

  /** Comes to its share, if others let it; resolves with the time until the next look. */
  async #share(signal: AbortSignal): Promise<number> {
    const { database, name: subscription } = this.#options;
    // One moment for all of it: what is not tried again at this look must not count as tried when it ends.
    const nowMs = performance.now();
    try {
      const member = { subscription, owner: this.#owner, leaseMs: this.#leaseMs };
      // Who fails with all that it had steps back until it tries again: another instance may fare better.
      if (this.#readings.size === 0 && this.#isBackingOff(nowMs)) await leaveMembers(database.sql, member);
      else {
        const members = await meetMembers(database.sql, member);
        const share = fairShare(this.#partitions, members, this.#owner);
        await this.#keep(share);
        await this.#take(share, { nowMs, signal });
      }
      this.#failing.delete(everyPartition);
    } catch (error) {
      if (!signal.aborted) this.#fail(everyPartition, error);
    }
    return this.#waitMs(nowMs);
  }

  #isBackingOff(nowMs: number): boolean {
    return [...this.#failing].some(
      ([partition, { retryAtMs }]) => partition !== everyPartition && retryAtMs > nowMs,
    );
  }

  /** Until somebody may have come or gone, or what failed is tried again. */
  #waitMs(nowMs: number): number {
    let waitMs = this.#leaseMs / 4;
    for (const [partition, { retryAtMs }] of this.#failing) {
      if (retryAtMs > nowMs) waitMs = Math.min(waitMs, retryAtMs - nowMs);
      // Tried again, and now another instance's.
      else if (partition !== everyPartition && !this.#readings.has(partition))
        this.#failing.delete(partition);
    }
    return waitMs;
  }

  /** Gives back what is more than `count`; resolves when the pages in hand are finished. */
  async #keep(count: number): Promise<void> {
    const surplus = [...this.#readings.values()].slice(count);
    for (const { control } of surplus) control.abort();
    await Promise.all(surplus.map(({ ended }) => ended));
  }

  /** Takes partitions that nobody has, up to `count`; where to begin differs, so that instances do not all ask for the same ones. */
  async #take(
    count: number,
    { nowMs, signal }: { readonly nowMs: number; readonly signal: AbortSignal },
  ): Promise<void> {
    const first = Math.floor(Math.random() * this.#partitions);
    for (let step = 0; step < this.#partitions && this.#readings.size < count; step += 1) {
      const partition = (first + step) % this.#partitions;
      const retryAtMs = this.#failing.get(partition)?.retryAtMs ?? 0;
      if (signal.aborted || this.#readings.has(partition) || nowMs < retryAtMs) continue;
      try {
        const lease = await this.#acquire(partition);
        if (lease !== undefined) this.#read(lease);
      } catch (error) {
        this.#fail(partition, error);
      }
    }
  }

  #acquire(partition: number): Promise<Lease | undefined> {
    const { name, from = 'start', database } = this.#options;
    const wanted = {
      ...{ name, partition, partitions: this.#partitions },
      ...{ owner: this.#owner, leaseMs: this.#leaseMs },
    };
    return acquireLease(database.sql, wanted, async () => {
      if (from === 'start' || from === 'end') return this.#store.cursorAt(from);
      toPlace(from);
      return from;
    });
  }

  #read(lease: Lease): void {
    const { partition } = lease;
    const control = new AbortController();
    const reader = new PartitionReader(lease, {
      store: this.#store,
      options: this.#options,
      leaseMs: this.#leaseMs,
      logger: this.#logger,
      onProgress: () => this.#failing.delete(partition),
    });
    const ended = reader
      .run(control.signal)
      .catch((error) => {
        if (!control.signal.aborted) this.#fail(partition, error);
      })
      .then(() => {
        this.#readings.delete(partition);
        this.#isDue = true;
        this.#wake();
      });
    this.#readings.set(partition, { ended, control });
  }

  #fail(partition: number, error: unknown): void {
    const before = this.#failing.get(partition)?.backoffMs;
    const backoffMs = before === undefined ? firstBackoffMs : Math.min(before * 2, maxBackoffMs);
    this.#failing.delete(partition);
    this.#failing.set(partition, { error, backoffMs, retryAtMs: performance.now() + backoffMs });
    this.#logger.error('a subscription failed; the same events come again', {
      subscription: this.#options.name,
      ...(partition !== everyPartition && { partition }),
      error,
      retryInMs: backoffMs,
    });
  }
}

const everyPartition = -1;
