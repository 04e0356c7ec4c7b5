import type { Sql } from '@banyan/core';
import type { CloudEvent } from './cloud-event.ts';

/** What became of one {@link Outbox.transfer}. */
export interface Transfer {
  /** True if another relay of the same service is at work; nothing was handed over. */
  readonly busy: boolean;
  /** Events handed over and marked as published. */
  readonly published: number;
}

export interface OutboxBacklog {
  /** Committed events that are not published yet. */
  readonly count: number;
  /** Age of the oldest of them; 0 if there is none. */
  readonly oldestAgeMs: number;
}

/**
 * The events that a service owes the world, kept in its own database beside its data (transactional outbox pattern).
 *
 * - **Atomicity**: an appended event exists if, and only if, the transaction it was appended in commits.
 * - **Order**: events with equal ordering keys are transferred in the order of their commits; other events in no promised order.
 * - **Delivery**: every committed event is handed to `publish` at least once, however late its transaction commits. An open
 *   transaction delays nothing but its own events and those of the keys it has appended to.
 * - **Concurrency**: safe from any number of processes; `transfer` lets one through at a time.
 * - **Close**: holds nothing beside the database that it was given.
 */
export interface Outbox {
  /**
   * Records `events` in the transaction of `sql`. Make it the transaction's last statement: from here to the commit, other
   * transactions that append an event of an equal key wait.
   * @throws ServiceError `invalid_argument` `event_too_large` or `invalid_event`; the transaction is then lost
   */
  append(sql: Sql, events: readonly CloudEvent[]): Promise<void>;
  /**
   * Hands the oldest unpublished events, at most `limit`, to `publish` and marks them as published once it resolves. If it rejects, or
   * the process dies at any point, they stay unpublished and are handed over again: `publish` must be idempotent by event id.
   * Resolves without calling `publish` when there is nothing to hand over.
   */
  transfer(limit: number, publish: (events: readonly CloudEvent[]) => Promise<void>): Promise<Transfer>;
  backlog(): Promise<OutboxBacklog>;
  /** Forgets events published more than `olderThanMs` ago, in small steps; returns how many. */
  prune(olderThanMs: number): Promise<number>;
}
