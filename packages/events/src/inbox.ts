import type { Sql } from '@banyan/core';
import type { CloudEvent } from './cloud-event.ts';
import type { LogPosition } from './event-log.ts';

/** How far a consumer has read one log. */
export interface Checkpoint {
  /** Rises with every change: the fence against another reader of the same consumer. 0 before the first `ingest`. */
  readonly revision: number;
  /** Position by topic; a topic without one was never read. */
  readonly positions: Readonly<Record<string, LogPosition>>;
}

export interface Ingestion {
  /** The log's `id`. */
  readonly log: string;
  /** The checkpoint that the events were read after. */
  readonly from: Checkpoint;
  /** Replaces `from.positions`. */
  readonly positions: Readonly<Record<string, LogPosition>>;
  /** In the order of the log. */
  readonly events: readonly CloudEvent[];
}

/** The right to handle one event until the lease ends. */
export interface Claim {
  readonly event: CloudEvent;
  /** Fencing token: differs for every claim ever made. */
  readonly token: string;
  /** The adapter's own reference to the event. */
  readonly ref: string;
  /** 1 for the first delivery. */
  readonly attempt: number;
  /** Earlier deliveries that ended in a counted failure. */
  readonly failures: number;
  /** Earlier deliveries that ended in a deferral: a dependency was down, or the consumer stopped. */
  readonly deferrals: number;
  /** Time since the first delivery. */
  readonly sinceFirstAttemptMs: number;
}

export interface ClaimRequest {
  /** The claiming instance's name: stable over its restarts, different from every other instance's. */
  readonly owner: string;
  readonly limit: number;
  /** After this time anybody may claim the event again. */
  readonly leaseMs: number;
}

export interface Failure {
  /** For an operator: code, reason and message. */
  readonly reason: string;
  /** Not claimable before this time has passed. */
  readonly retryAfterMs: number;
  /** `failure` counts against the limit of attempts, `deferral` does not, `dead` ends delivery until somebody retries or discards it. */
  readonly kind: 'failure' | 'deferral' | 'dead';
}

export interface DeadLetter {
  readonly event: CloudEvent;
  readonly reason: string;
  readonly attempts: number;
  /** RFC 3339 UTC. */
  readonly deadAt: string;
  /** Later events of the same key, which wait. */
  readonly waiting: number;
}

export interface InboxCounts {
  /** Unfinished events that are neither dead nor behind a dead one. */
  readonly pending: number;
  readonly dead: number;
  /** Events that wait behind a dead one of the same key. */
  readonly waiting: number;
  /** Time since the oldest pending event was ingested; 0 if there is none. */
  readonly oldestAgeMs: number;
}

/**
 * What one consumer has received and not yet handled, kept in its own database so that handling an event and its effect commit
 * together (idempotent consumer pattern).
 *
 * - **Ingestion** is atomic with the checkpoint and idempotent by event id, for as long as finished events are kept (`prune`).
 * - **Order**: of the unfinished events with one ordering key only the oldest can be claimed; a delayed or dead one holds back the later
 *   ones of its key and no others.
 * - **Exactly once**: `complete` takes effect with the transaction it runs in, and only for the newest claim of an unfinished event.
 * - **Leases** are measured by the database's clock alone, so clocks of processes need not agree.
 * - **Concurrency**: all methods may be called at the same time, from any number of processes.
 * - **Close**: holds nothing beside the database that it was given.
 */
export interface Inbox {
  checkpoint(log: string): Promise<Checkpoint>;
  /**
   * Stores the events that are new and moves the checkpoint, in one transaction. Resolves with the new checkpoint, or with `undefined`, and
   * nothing changed, if somebody else has moved it: read it again.
   */
  ingest(ingestion: Ingestion): Promise<Checkpoint | undefined>;
  /** Leases the oldest claimable events, at most one a key and never one that another worker holds. */
  claim(request: ClaimRequest): Promise<readonly Claim[]>;
  /**
   * Marks the event as handled, in the transaction of `sql` if one is given. Make it the transaction's last statement: from here to the
   * commit, ingesting events of the same key waits.
   * @throws ServiceError `aborted` `lease_lost` if the claim is no longer the newest one; the transaction must then roll back
   */
  complete(claim: Claim, sql?: Sql): Promise<void>;
  /** Ends a claim without success. Resolves with false, and changes nothing, if the claim is no longer the newest one. */
  fail(claim: Claim, failure: Failure): Promise<boolean>;
  /** Makes every event claimed by `owner` claimable at once, as a deferral, and fences the claims off; returns how many. */
  release(owner: string): Promise<number>;
  /** Dead letters, longest dead first. */
  deadLetters(limit: number): Promise<readonly DeadLetter[]>;
  /** Starts delivery anew, with a fresh count of attempts; returns how many of `eventIds` were dead letters. */
  retryDeadLetters(eventIds: readonly string[]): Promise<number>;
  /** Gives dead letters up for good, so that later events of their keys go on; returns how many of `eventIds` were dead letters. */
  discardDeadLetters(eventIds: readonly string[]): Promise<number>;
  counts(): Promise<InboxCounts>;
  /** Forgets events finished more than `olderThanMs` ago, in small steps; returns how many. A duplicate that comes later is handled again. */
  prune(olderThanMs: number): Promise<number>;
}
