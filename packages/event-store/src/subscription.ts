import {
  type Logger,
  type Sql,
  silentLogger,
  type Transaction,
  type TransactionOptions,
  uuidv7,
} from '@banyan/core';
import {
  acquireLease,
  type Lease,
  moveCheckpoint,
  readLag,
  releaseLease,
  renewLease,
  type SubscriptionLag,
} from './checkpoints.ts';
import { toPlace } from './cursor.ts';
import type { EventCursor, EventFilter, EventPage, EventStore, RecordedEvent } from './event-store.ts';
import type { EventTypes } from './event-types.ts';
import { pause } from './pause.ts';

/** The database of the subscriber, which is that of the store: a `Database`, or what a handler or background task of a service gets. */
export interface SubscriptionDatabase<Tx extends Transaction> {
  readonly sql: Sql;
  tx<Result>(work: (tx: Tx) => Promise<Result>, options?: TransactionOptions): Promise<Result>;
}

export interface SubscriptionOptions<Types extends EventTypes, Tx extends Transaction = Transaction> {
  /** Its place in the log is kept under this name. */
  readonly name: string;
  readonly database: SubscriptionDatabase<Tx>;
  /** Where it begins the first time; default `start`. */
  readonly from?: 'start' | 'end' | EventCursor;
  readonly filter?: Pick<EventFilter<Types>, 'types' | 'categories'>;
  /** Equal parts of all streams that instances may share; cannot be changed later. Default 1. */
  readonly partitions?: number;
  /** Handles some events, in the order of the log, in the transaction in which the subscription moves on: its effect there happens exactly once. */
  readonly handle: (events: readonly RecordedEvent<Types>[], tx: Tx) => Promise<void>;
  /** Called outside of any transaction whenever a partition has passed all that is committed. */
  readonly onCaughtUp?: () => Promise<void>;
  /** At most this many events in a transaction; default 500. */
  readonly pageSize?: number;
  /** After how long another instance takes over from one that died, in ms. Default 10,000. */
  readonly leaseMs?: number;
  /** How often to look, in ms, beside being woken. Default 250. */
  readonly pollMs?: number;
  readonly transaction?: TransactionOptions;
  readonly logger?: Logger;
}

export interface Subscription {
  /**
   * Handles events until `signal` aborts: first those that are there, then new ones. Each partition runs in one instance at a time. What `handle`
   * rejects with is logged, and the same events come again after a back-off of 0.1 to 30 s; no later one overtakes them.
   */
  run(signal: AbortSignal): Promise<void>;
  lag(): Promise<SubscriptionLag>;
  /** What `handle` rejected with the last time, until it succeeds. */
  readonly lastError: unknown;
}

/** @throws TypeError if the name is empty, or the number of partitions is not 1 to 256 */
export function createSubscription<Types extends EventTypes, Tx extends Transaction>(
  store: EventStore<Types>,
  options: SubscriptionOptions<Types, Tx>,
): Subscription {
  const { name, partitions = 1 } = options;
  if (typeof name !== 'string' || !/^[\w.:-]{1,100}$/.test(name)) {
    throw new TypeError(
      `createSubscription(): '${String(name).slice(0, 100)}' is no name: use letters, digits and . : - _`,
    );
  }
  if (!Number.isInteger(partitions) || partitions < 1 || partitions > 256) {
    throw new TypeError(`createSubscription('${name}'): 'partitions' is 1 to 256.`);
  }
  return new LeasedSubscription(store, options);
}

const firstBackoffMs = 100;
const maxBackoffMs = 30_000;

class LeasedSubscription<Types extends EventTypes, Tx extends Transaction> implements Subscription {
  readonly #store: EventStore<Types>;
  readonly #options: SubscriptionOptions<Types, Tx>;
  readonly #owner = uuidv7();
  readonly #leaseMs: number;
  readonly #logger: Logger;
  lastError: unknown;

  constructor(store: EventStore<Types>, options: SubscriptionOptions<Types, Tx>) {
    this.#store = store;
    this.#options = options;
    this.#leaseMs = options.leaseMs ?? 10_000;
    this.#logger = options.logger ?? silentLogger;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { partitions = 1 } = this.#options;
    await Promise.all(
      Array.from({ length: partitions }, (_, partition) => this.#keepRunning(partition, signal)),
    );
  }

  lag(): Promise<SubscriptionLag> {
    return readLag(this.#options.database.sql, this.#options.name);
  }

  async #keepRunning(partition: number, signal: AbortSignal): Promise<void> {
    let backoffMs = firstBackoffMs;
    while (!signal.aborted) {
      try {
        const lease = await this.#acquire(partition);
        if (lease === undefined) await pause(this.#leaseMs / 4, signal);
        else {
          await this.#runLeased(lease, signal, () => {
            backoffMs = firstBackoffMs;
          });
        }
      } catch (error) {
        if (signal.aborted) return;
        this.lastError = error;
        this.#logger.error('a subscription failed; the same events come again', {
          subscription: this.#options.name,
          partition,
          error,
          retryInMs: backoffMs,
        });
        await pause(backoffMs, signal);
        backoffMs = Math.min(backoffMs * 2, maxBackoffMs);
      }
    }
  }

  #acquire(partition: number): Promise<Lease | undefined> {
    const { name, partitions = 1, from = 'start', database } = this.#options;
    const wanted = { name, partition, partitions, owner: this.#owner, leaseMs: this.#leaseMs };
    return acquireLease(database.sql, wanted, async () => {
      if (from === 'start' || from === 'end') return this.#store.cursorAt(from);
      toPlace(from);
      return from;
    });
  }

  async #runLeased(lease: Lease, signal: AbortSignal, onProgress: () => void): Promise<void> {
    const { sql } = this.#options.database;
    const lost = new AbortController();
    const stopped = AbortSignal.any([signal, lost.signal]);
    const renewal = setInterval(() => {
      renewLease(sql, lease, this.#leaseMs).catch((error) => {
        this.#logger.warn('a subscription could not keep its lease', { subscription: lease.name, error });
        if (error.reason === 'subscription_lease_lost') lost.abort();
      });
    }, this.#leaseMs / 3);
    try {
      await this.#follow(lease, stopped, onProgress);
    } finally {
      clearInterval(renewal);
      await releaseLease(sql, lease).catch((error) =>
        this.#logger.debug('a lease could not be given back; it ends by itself', { error }),
      );
    }
  }

  async #follow(lease: Lease, stopped: AbortSignal, onProgress: () => void): Promise<void> {
    const { pollMs = 250, onCaughtUp } = this.#options;
    let isDue = false;
    let wake = () => {};
    const off = this.#store.onAppend(() => {
      isDue = true;
      wake();
    });
    try {
      let next = this.#read(lease.cursor, lease.partition);
      while (!stopped.aborted) {
        isDue = false;
        const page = await next;
        next = page.more ? this.#read(page.cursor, lease.partition) : Promise.resolve(page);
        // Handling may fail before it is waited for.
        next.catch(() => {});
        if (page.passed > 0) {
          await this.#handle(page, lease);
          onProgress();
        }
        if (page.more) continue;
        await onCaughtUp?.();
        if (!isDue) {
          await pause(pollMs, stopped, (end) => {
            wake = end;
          });
        }
        next = this.#read(page.cursor, lease.partition);
        next.catch(() => {});
      }
    } finally {
      off();
    }
  }

  #read(cursor: EventCursor, index: number): Promise<EventPage<Types>> {
    const { filter, partitions = 1, pageSize = 500 } = this.#options;
    return this.#store.readPage(cursor, {
      pageSize,
      filter: { ...filter, partition: { index, of: partitions } },
    });
  }

  async #handle(page: EventPage<Types>, lease: Lease): Promise<void> {
    const { database, handle, transaction } = this.#options;
    await database.tx(async (tx) => {
      // First, so that whoever has lost the lease waits for nothing and does nothing.
      await moveCheckpoint(tx.sql, lease, { cursor: page.cursor, leaseMs: this.#leaseMs });
      if (page.events.length > 0) await handle(page.events, tx);
    }, transaction);
    this.lastError = undefined;
  }
}
