import type { Sql } from '@banyan/core';
import type { CloudEvent } from './cloud-event.ts';
import type { EncodedEvent } from './encoded-event.ts';

/** The right, and the duty, to relay one service's events until the lease ends. */
export interface RelayLease {
  readonly owner: string;
  /** Fencing token: rises with every change of the owner and every `rewind`. */
  readonly token: string;
}

/** How far an outbox was read; opaque. It names a place and the rows before it that were not committed yet when it was passed. */
export type OutboxCursor = string;

export interface OutboxPage {
  readonly events: readonly EncodedEvent[];
  readonly cursor: OutboxCursor;
  /** True if reading on at once may give more. */
  readonly more: boolean;
}

export interface OutboxBacklog {
  /** Committed events that are not published yet, those not due yet left out. */
  readonly count: number;
  /** Age of the oldest of them; 0 if there is none. */
  readonly oldestAgeMs: number;
  /** Messages whose time has not come. */
  readonly delayed: number;
  /** Events that the log refuses for good. */
  readonly dead: number;
}

export interface OutboxDeadLetter {
  readonly event: EncodedEvent;
  readonly reason: string;
  /** RFC 3339 UTC. */
  readonly deadAt: string;
}

export interface AppendOptions {
  /** Epoch milliseconds, by the database's clock; not published before. */
  readonly dueAtMs?: number;
}

/**
 * The events that a service owes the world, kept in its own database beside its data (transactional outbox pattern).
 *
 * - **Atomicity**: an appended event exists if, and only if, the transaction it was appended in commits.
 * - **Order**: events with equal ordering keys are read in the order of their commits; other events in no promised order.
 * - **Delivery**: every committed event is read at least once, however late its transaction commits. An open transaction delays nothing but
 *   its own events and those of the keys it has appended to, whatever happens in other databases of the server.
 * - **Memory**: published events stay until `prune`, and can be published again with `rewind`.
 * - **Concurrency**: safe from any number of processes; one of them relays, by lease, and `confirm` fences off any other.
 * - **Close**: holds nothing beside the database that it was given.
 */
export interface Outbox {
  /**
   * Records `events` in the transaction of `sql`. Make it the transaction's last statement: from here to the commit, other
   * transactions that append an event of an equal key wait.
   * @throws ServiceError `invalid_argument` `event_too_large` or `invalid_event`; the transaction is then lost
   */
  append(sql: Sql, events: readonly CloudEvent[], options?: AppendOptions): Promise<void>;
  /** Takes the lease if it is free or over, or prolongs it if `owner` has it (same token, unless rewound); `undefined` while another one has it. */
  acquire(owner: string, leaseMs: number): Promise<RelayLease | undefined>;
  /** Gives the lease back, if it is still held. */
  release(lease: RelayLease): Promise<void>;
  /** The confirmed place, to begin at. */
  cursor(lease: RelayLease): Promise<OutboxCursor>;
  /** Committed events behind `after`, at most `limit`, and those before it that were committed late. Reads ahead of what is confirmed. */
  read(after: OutboxCursor, limit: number): Promise<OutboxPage>;
  /**
   * Everything before `cursor` is published. @throws ServiceError `aborted` `lease_lost`, and nothing changed, if the lease is somebody else's or
   * the outbox was rewound meanwhile
   */
  confirm(lease: RelayLease, cursor: OutboxCursor): Promise<void>;
  /** Puts events aside that the log will never take, so that others go on. @throws as `confirm` */
  bury(lease: RelayLease, ids: readonly string[], reason: string): Promise<void>;
  deadLetters(limit: number): Promise<readonly OutboxDeadLetter[]>;
  /** Publishes everything again that was appended at or after `since` (RFC 3339) and is still kept; returns how many events that is. Fences the relay off. */
  rewind(since: string): Promise<number>;
  backlog(): Promise<OutboxBacklog>;
  /** Forgets events published more than `olderThanMs` ago, in small steps; returns how many. */
  prune(olderThanMs: number): Promise<number>;
  /** Puts messages whose time has come among the others; returns the time until the next one is due in ms, undefined if there is none. */
  releaseDue(): Promise<number | undefined>;
  /** Calls `listener` soon after `announce` was called in another process. A hint: it may come twice or never, so relays poll as well. */
  onAppend(listener: () => void): () => void;
  /** Tells other processes that events were committed. Outside of any transaction, gathered over a few milliseconds, never throws. */
  announce(): void;
}
