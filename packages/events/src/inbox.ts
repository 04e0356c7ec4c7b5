import type { Sql } from '@banyan/core';
import type { CloudEvent } from './cloud-event.ts';
import type { LogPosition, MalformedRecord, StartAt } from './event-log.ts';

/** One instance's right to read one partition for the consumer, until its membership ends or a rebalance gives the partition to another. */
export interface PartitionLease {
  readonly log: string;
  readonly partition: number;
  /** Fencing token: rises with every change of the owner, and with every `replay`. */
  readonly token: string;
  /** Where to read on, by topic; a topic without an entry was never read. */
  readonly positions: Readonly<Record<string, StartAt>>;
}

export interface ShareRequest {
  /** The log's `id`. */
  readonly log: string;
  readonly partitions: number;
  /** This instance's name: different from every other running one's, the same after its restart. */
  readonly instance: string;
  /** An instance that does not call again for so long loses its partitions. */
  readonly leaseMs: number;
}

/** What an instance may read at the moment. */
export interface Share {
  readonly leases: readonly PartitionLease[];
  /** Live instances of the consumer, this one included. */
  readonly members: number;
}

/** Where the consumer stands in one partition, whoever reads it. */
export interface PartitionPlace {
  readonly partition: number;
  /** The instance that reads it at the moment, if any. */
  readonly owner: string | undefined;
  readonly positions: Readonly<Record<string, StartAt>>;
}

/** A page of the log, for the inbox. */
export interface Arrival {
  /** Of the partitions that the page moves. */
  readonly leases: readonly PartitionLease[];
  /** The topics that were read. */
  readonly topics: readonly string[];
  /** Where the page ended, by partition; a partition of `leases` that has no entry keeps its place. */
  readonly positions: ReadonlyMap<number, LogPosition>;
  readonly events: readonly CloudEvent[];
  readonly malformed: readonly MalformedRecord[];
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
  /** Stack of the last error, cut to 8 KiB. */
  readonly stack?: string | undefined;
  /** Not claimable before this time has passed. */
  readonly retryAfterMs: number;
  /** `failure` counts against the limit of attempts, `deferral` does not, `dead` ends delivery until somebody retries or discards it. */
  readonly kind: 'failure' | 'deferral' | 'dead';
}

export interface DeadLetter {
  /** Names the letter in `retry` and `discard`: the event's id, or one of its own for what is no event. */
  readonly id: string;
  readonly topic: string | undefined;
  /** Ordering key; undefined for what is no event. */
  readonly key: string | undefined;
  /** Undefined for what is no event: see `text`. */
  readonly event: CloudEvent | undefined;
  /** What stood in the log. */
  readonly text: string | undefined;
  readonly reason: string;
  readonly stack: string | undefined;
  readonly attempts: number;
  /** RFC 3339 UTC. */
  readonly deadAt: string;
  /** Later events of the same key, which wait. */
  readonly waiting: number;
}

/** Where a page of dead letters ends: the next one begins behind it. */
export type DeadLetterPlace = Pick<DeadLetter, 'deadAt' | 'id'>;

/**
 * Which dead letters: by their ids, or all of a total that somebody has seen. What has died since is not among them, so nothing is given up that nobody
 * knew of.
 */
export type DeadLetterChoice = readonly string[] | { readonly through: DeadLetterPlace };

/** How many dead letters there were at one moment. */
export interface DeadLetterTotal {
  readonly count: number;
  /** Undefined if there is none. */
  readonly last: DeadLetterPlace | undefined;
}

/** One deed of an operator. */
export interface AuditEntry {
  /** RFC 3339 UTC. */
  readonly at: string;
  readonly by: string;
  readonly action: 'retry' | 'edit' | 'discard' | 'replay';
  /** The dead letter, or the topic of a replay. */
  readonly subject: string;
  /** What was there before an edit or a discard, so that it can be put back. */
  readonly before: unknown;
}

export interface ReplayRequest {
  readonly log: string;
  readonly topics: readonly string[];
  readonly from: StartAt;
  readonly by: string;
}

export interface InboxCounts {
  /** Unfinished events that are neither dead nor behind a dead one. */
  readonly pending: number;
  readonly dead: number;
  /** Events that wait behind a dead one of the same key. */
  readonly waiting: number;
  /** Time since the oldest pending event was stored; 0 if there is none. */
  readonly oldestAgeMs: number;
  /** How often partitions changed their owner. */
  readonly rebalances: number;
}

/**
 * What one consumer has received, kept in its own database so that the effect of an event, the record that it was handled and the place in the log
 * commit together (idempotent consumer pattern).
 *
 * There are two ways in. `admit` is the short one: the events of a page are handled in the very transaction that moves the places. `ingest` is the
 * patient one: the events are stored, and handled one by one through `claim` and `complete`, with retries and dead letters.
 *
 * - **Once**: an event is admitted or stored only if its id was not before, for as long as ids are kept (`prune`).
 * - **Order**: of the unfinished events with one ordering key only the oldest can be claimed; a delayed or dead one holds back the later ones of its
 *   key and no others. `admit` stores what would overtake an unfinished event of its key.
 * - **Exactly once**: `admit` and `complete` take effect with the transaction they run in; `admit` only for the present owner of the partitions,
 *   `complete` only for the newest claim of an unfinished event.
 * - **Leases** are measured by the database's clock alone, so clocks of processes need not agree.
 * - **Concurrency**: all methods may be called at the same time, from any number of processes.
 * - **Close**: holds nothing beside the database that it was given.
 */
export interface Inbox {
  /**
   * Keeps this instance a member of the consumer and gives it its fair share of the partitions: at most the number of partitions divided by that of the
   * live members, rounded up. Call it every third of `leaseMs`, and when a lease is lost. What it no longer returns is no longer this instance's.
   */
  share(request: ShareRequest): Promise<Share>;
  /** The places in every partition that was ever shared; changes nothing. */
  places(log: string): Promise<readonly PartitionPlace[]>;
  /** Ends the membership, so that others take over at once. */
  leave(log: string, instance: string): Promise<void>;
  /**
   * In the transaction of `sql`: moves the places and returns the events to handle now, in this transaction, in the order of the log. Left out are those
   * known by their id, and those whose key has unfinished events, which are stored behind them.
   * @throws ServiceError `aborted` `lease_lost` if a partition is no longer this owner's; the transaction must then roll back
   */
  admit(sql: Sql, arrival: Arrival): Promise<readonly CloudEvent[]>;
  /**
   * Stores the new events and moves the places, in one transaction of its own. A malformed record becomes a dead letter, once for its partition and
   * position. @throws as `admit`
   */
  ingest(arrival: Arrival): Promise<void>;
  /** Leases the oldest claimable events, at most one a key and never one that another worker holds. */
  claim(request: ClaimRequest): Promise<readonly Claim[]>;
  /**
   * Marks the event as handled, in the transaction of `sql` if one is given. Make it the transaction's last statement: from here to the
   * commit, storing events of the same key waits.
   * @throws ServiceError `aborted` `lease_lost` if the claim is no longer the newest one; the transaction must then roll back
   */
  complete(claim: Claim, sql?: Sql): Promise<void>;
  /** Ends a claim without success. Resolves with false, and changes nothing, if the claim is no longer the newest one. */
  fail(claim: Claim, failure: Failure): Promise<boolean>;
  /** Makes every event claimed by `owner` claimable at once, as a deferral, and fences the claims off; returns how many. */
  release(owner: string): Promise<number>;
  /** Dead letters, longest dead first; `after` goes on behind the last one of the page before. */
  deadLetters(limit: number, after?: DeadLetterPlace): Promise<readonly DeadLetter[]>;
  /** The one with this id. */
  deadLetter(id: string): Promise<DeadLetter | undefined>;
  deadLetterTotal(): Promise<DeadLetterTotal>;
  /** Starts their delivery anew, with a fresh count of attempts; returns of how many. Malformed ones need `editDeadLetter`. */
  retryDeadLetters(chosen: DeadLetterChoice, by: string): Promise<number>;
  /**
   * Replaces the data of a dead letter, or a malformed record by a whole event, and starts delivery anew. False if there is no such dead letter.
   * @throws ServiceError `invalid_argument` `invalid_event`
   */
  editDeadLetter(id: string, event: CloudEvent, by: string): Promise<boolean>;
  /** Gives them up for good, so that later events of their keys go on; returns how many were dead letters. */
  discardDeadLetters(chosen: DeadLetterChoice, by: string): Promise<number>;
  /** What operators did, newest first. */
  audit(limit: number): Promise<readonly AuditEntry[]>;
  /**
   * Has the consumer read `topics` again: moves the places, forgets the ids of events from then on, takes unfinished and dead events of these topics out, and
   * fences readers off. Handlers run again, so their effects must be cleared first or be repeatable.
   */
  replay(request: ReplayRequest): Promise<void>;
  counts(): Promise<InboxCounts>;
  /** Forgets ids of events finished more than `olderThanMs` ago, in small steps; returns how many. A duplicate that comes later is handled again. */
  prune(olderThanMs: number): Promise<number>;
}
