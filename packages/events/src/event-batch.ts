import type { Sql } from '@banyan/core';
import type { CloudEvent } from './cloud-event.ts';

/** Some events to handle in one transaction, together with the record that they were handled and the places in the log. */
export interface EventBatch {
  /** Aborts when the time for the batch is over or the consumer stops; the reason is a `ServiceError`. */
  readonly signal: AbortSignal;
  /** Epoch milliseconds. */
  readonly deadlineMs: number;
  /**
   * First statement of the transaction: returns the events to handle in it, in the order of the log. See `Inbox.admit`.
   * @throws ServiceError `aborted` `lease_lost`: let the transaction roll back and reject with it
   */
  admit(sql: Sql): Promise<readonly CloudEvent[]>;
  /**
   * Call before the commit. In development it interrupts some batches, as a crash would.
   * @throws ServiceError `aborted` `crash_rehearsed`: let the transaction roll back and reject with it
   */
  beforeCommit(): void;
}

/**
 * What became of a batch. `refused`: nothing was committed, because events with these ordering keys failed or cannot share a transaction; the consumer
 * tries the rest again without them and hands them out one by one.
 */
export type BatchOutcome =
  | { readonly kind: 'committed'; readonly handled: number }
  | { readonly kind: 'refused'; readonly keys: readonly string[] };
