import { isServiceError, type Logger, systemClock, type Transaction } from '@banyan/core';
import { type Lease, moveCheckpoint, releaseLease, renewLease } from './checkpoints.ts';
import type { EventCursor, EventPage, EventStore, Recorded } from './event-store.ts';
import type { EventTypes } from './event-types.ts';
import { pause } from './pause.ts';
import type { SubscriptionOptions } from './subscription.ts';

interface ReaderOptions<Types extends EventTypes, Tx extends Transaction> {
  readonly store: EventStore<Types>;
  readonly options: SubscriptionOptions<Types, Tx>;
  readonly leaseMs: number;
  readonly logger: Logger;
  /** Called after each page whose effect is committed. */
  readonly onProgress: () => void;
}

/** Reads one partition as long as it has the lease. */
export class PartitionReader<Types extends EventTypes, Tx extends Transaction> {
  readonly #lease: Lease;
  readonly #settings: ReaderOptions<Types, Tx>;
  /** The page in hand has locked the checkpoint. */
  #isHandling = false;
  #renewal: Promise<void> | undefined;

  constructor(lease: Lease, settings: ReaderOptions<Types, Tx>) {
    this.#lease = lease;
    this.#settings = settings;
  }

  /**
   * Handles pages until `signal` aborts, then the page in hand is finished and the lease given back; so it is when handling rejects.
   * @throws what `handle` rejects with; ServiceError `subscription_lease_lost`
   */
  async run(signal: AbortSignal): Promise<void> {
    const { options, leaseMs, logger } = this.#settings;
    const { sql } = options.database;
    const lost = new AbortController();
    const stopped = AbortSignal.any([signal, lost.signal]);
    const renew = async () => {
      try {
        await renewLease(sql, this.#lease, leaseMs);
      } catch (error) {
        logger.warn('a subscription could not keep its lease', { subscription: this.#lease.name, error });
        if (isServiceError(error) && error.reason === 'subscription_lease_lost') lost.abort();
      } finally {
        this.#renewal = undefined;
      }
    };
    const renewal = setInterval(() => {
      // It would only wait for the lock, with a connection of its own.
      if (!this.#isHandling) this.#renewal ??= renew();
    }, leaseMs / 3);
    try {
      await this.#follow(stopped);
    } finally {
      clearInterval(renewal);
      await releaseLease(sql, this.#lease).catch((error) =>
        logger.debug('a lease could not be given back; it ends by itself', { error }),
      );
    }
  }

  async #follow(stopped: AbortSignal): Promise<void> {
    const { store, options, onProgress } = this.#settings;
    const { pollMs = 250, onCaughtUp } = options;
    let isDue = false;
    let wake = () => {};
    const off = store.onAppend(() => {
      isDue = true;
      wake();
    });
    try {
      let next = this.#read(this.#lease.cursor);
      while (!stopped.aborted) {
        isDue = false;
        const page = await next;
        next = page.more ? this.#read(page.cursor) : Promise.resolve(page);
        // Handling may fail before it is waited for.
        next.catch(() => {});
        if (page.passed > 0) {
          await this.#handle(page);
          onProgress();
        }
        if (page.more) continue;
        await onCaughtUp?.();
        if (!isDue) {
          await pause(pollMs, stopped, (end) => {
            wake = end;
          });
        }
        next = this.#read(page.cursor);
        next.catch(() => {});
      }
    } finally {
      off();
    }
  }

  #read(cursor: EventCursor): Promise<EventPage<Types>> {
    const { store, options } = this.#settings;
    const { filter, partitions = 1, pageSize = 500 } = options;
    const partition = { index: this.#lease.partition, of: partitions };
    return store.readPage(cursor, { pageSize, filter: { ...filter, partition } });
  }

  async #handle(page: EventPage<Types>): Promise<void> {
    const { options, leaseMs } = this.#settings;
    const { database, handle, transaction } = options;
    const beganAtMs = performance.now();
    this.#isHandling = true;
    try {
      // One that arrives behind the lock would wait with its connection for as long as the page takes.
      await this.#renewal;
      await database.tx(
        async (tx) => {
          // First, so that whoever has lost the lease waits for nothing and does nothing.
          await moveCheckpoint(tx.sql, this.#lease, { cursor: page.cursor, leaseMs });
          if (page.events.length > 0) await handle(page.events, tx);
          // Nobody has renewed it meanwhile.
          if (performance.now() - beganAtMs > leaseMs / 3) await renewLease(tx.sql, this.#lease, leaseMs);
        },
        { ...transaction, causes: causesOf(page.events) },
      );
    } finally {
      this.#isHandling = false;
    }
  }
}

/** A reader that is new, or rebuilds what it made, is no part of traces that nobody looks at any more. */
const maxCauseAgeMs = 5 * 60_000;

/** In which traces the events were appended, as far as that is known. */
function causesOf(events: readonly Recorded[]): readonly string[] {
  const last = events.at(-1);
  if (last === undefined) return [];
  const sinceMs = systemClock.nowMs() - maxCauseAgeMs;
  if (Date.parse(last.recordedAt) < sinceMs) return [];
  return events
    .filter(({ recordedAt }) => Date.parse(recordedAt) >= sinceMs)
    .map(({ metadata }) => metadata['traceparent'])
    .filter((traceparent) => typeof traceparent === 'string');
}
