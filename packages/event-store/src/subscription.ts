import type { CausedTransactionOptions, Logger, Sql, Transaction, TransactionOptions } from '@banyan/core';
import type { SubscriptionLag } from './checkpoints.ts';
import type { EventCursor, EventFilter, EventStore, RecordedEvent } from './event-store.ts';
import type { EventTypes } from './event-types.ts';
import { createLogReader, type LogReader } from './log-reader.ts';
import { SharedSubscription } from './shared-subscription.ts';

/** The database of the subscriber, which is that of the store: a `Database`, or what a handler or background task of a service gets. */
export interface SubscriptionDatabase<Tx extends Transaction> {
  readonly sql: Sql;
  /** Is told the traces of what it handles: the context of a background task makes itself a part of them. */
  tx<Result>(work: (tx: Tx) => Promise<Result>, options?: CausedTransactionOptions): Promise<Result>;
  /** Has somebody look after the reader until the returned function is called: the context of a background task does. */
  watch?(reader: LogReader): () => void;
}

/** What {@link createSubscription} follows, and what it does with it. */
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
  /** From which age of the oldest event on that it has not passed the service raises an alarm, in ms. Default 60,000. */
  readonly overdueAfterMs?: number;
  readonly transaction?: TransactionOptions;
  readonly logger?: Logger;
}

/** A subscription in one process. */
export interface Subscription {
  /**
   * Handles events until `signal` aborts: first those that are there, then new ones. Each partition runs in one instance at a time; instances that run it
   * share the partitions fairly, and share them anew when one comes or goes. What `handle` rejects with is logged, and the same events come again after a
   * back-off of 0.1 to 30 s; no later one overtakes them.
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
  return createWatchedSubscription(store, options);
}

/** The same for readers whose name, or what is seen of them, is another than that of the subscription. */
export function createWatchedSubscription<Types extends EventTypes, Tx extends Transaction>(
  store: EventStore<Types>,
  options: SubscriptionOptions<Types, Tx>,
  shown: { readonly name?: string; readonly seen?: () => Promise<string> } = {},
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
  const subscription: Subscription = new SharedSubscription(
    store,
    options,
    createLogReader({
      name: shown.name ?? name,
      sql: options.database.sql,
      own: name,
      ...(shown.seen !== undefined && { shown: shown.seen }),
      overdueAfterMs: options.overdueAfterMs,
      lastError: () => subscription.lastError,
    }),
  );
  return subscription;
}
