import type { Sql, User } from '@banyan/core';
import type { JournalEntry, NewJournalEntry } from './durable/journal.ts';
import type { Letter, Mail, SagaState, SagaStatus } from './state.ts';

export interface NewSaga {
  readonly id: string;
  readonly name: string;
  readonly version: number;
  readonly idempotencyKey: string | undefined;
  /** JSON value, validated. */
  readonly input: unknown;
  readonly deadlineMs: number | undefined;
  readonly user: User | undefined;
  readonly traceparent: string | undefined;
  readonly parent: { readonly id: string; readonly step: string } | undefined;
  /** Default: that of a saga in which nothing has begun. */
  readonly state?: SagaState;
  /** How far it has come in the transaction that writes it first; instead of `state`. */
  readonly progress?: Progress;
}

/** A saga as a worker has it in hand. */
export interface SagaRow {
  readonly id: string;
  readonly name: string;
  readonly version: number;
  readonly input: unknown;
  readonly state: SagaState;
  readonly status: SagaStatus;
  readonly deadlineAtMs: number | undefined;
  readonly user: User | undefined;
  readonly traceparent: string | undefined;
  readonly parent: { readonly id: string; readonly step: string } | undefined;
  readonly mail: Mail;
  /** Another worker had it in hand, and did not give it back. */
  readonly isTakenOver: boolean;
  /** Undefined if the store does not say. */
  readonly startedAtMs?: number | undefined;
}

/** A saga as anyone may look at it. */
export interface StoredSaga extends SagaRow {
  readonly idempotencyKey: string | undefined;
  readonly startedAt: string;
  readonly changedAt: string;
  readonly endedAt: string | undefined;
  readonly readyAt: string | undefined;
  readonly deadlineAt: string | undefined;
  readonly waitingFor: readonly string[];
  /** Name of the instance that has it in hand. */
  readonly worker: string | undefined;
}

/** How far a saga has come. */
export interface Progress {
  readonly state: SagaState;
  readonly status: SagaStatus;
  /** The worker keeps it. Else it is given up until `readyInMs` from now, or until a letter comes. */
  readonly isHeld: boolean;
  readonly readyInMs: number | undefined;
  readonly waitingFor: readonly string[];
}

/** What is written when a saga has gone on. */
export interface Transition extends Progress {
  readonly id: string;
  /** Letters that `state` knows of. If there are more, the worker keeps it. */
  readonly mailSeen: number;
}

export interface Advanced {
  readonly id: string;
  readonly mailCount: number;
  readonly isHeld: boolean;
}

/** What became of a letter, and whose it is: `createOrder@1`. */
export type Posted =
  | { readonly state: 'posted' | 'ended' | 'full'; readonly saga: string }
  | { readonly state: 'unknown' };

/** What a saga may have of letters that it has not read; what it has read does not count. */
export interface MailBounds {
  readonly letters: number;
  /** As JSON. */
  readonly bytes: number;
}

export interface SagaFilter {
  readonly name?: string;
  readonly status?: SagaStatus;
  readonly limit: number;
}

export interface SagaStanding {
  readonly stuck: number;
  /** Sagas that are due and nobody took, and for how long the oldest has been; ended ones and those that wait do not count. */
  readonly overdue: number;
  readonly overdueMs: number;
  /** Definitions that sagas need and that `known` does not have: `createOrder@1`. */
  readonly unknown: readonly string[];
  /** The alarm about stuck sagas is raised. */
  readonly isAlarmed: boolean;
}

/** What an operator may do to a saga; each is audited. */
export interface OperatorChange {
  readonly id: string;
  readonly actor: string;
  readonly action: string;
  readonly state: SagaState;
  readonly status: SagaStatus;
  readonly detail?: unknown;
}

export interface AuditEntry {
  readonly at: string;
  readonly actor: string;
  readonly action: string;
  readonly sagaId: string;
  readonly detail: unknown;
}

/**
 * The sagas of one service, kept in its own database.
 *
 * - **Atomicity**: methods that take `sql` take effect with its transaction.
 * - **Fencing**: `advance` changes only what its token owns. A worker that was declared dead owns nothing once another one has taken over.
 * - **Once**: `start` leaves out a saga whose id is there already.
 * - **Time** is measured by the database's clock alone.
 * - **Concurrency**: all methods may be called at the same time, from any number of processes.
 */
export interface SagaStore {
  /** A new token, with a lease. */
  join(instance: string, leaseMs: number): Promise<number>;
  /** False if the worker was declared dead: what it had in hand is somebody else's. */
  renew(token: number, leaseMs: number): Promise<boolean>;
  /** Gives up the lease: others may take over at once. */
  leave(token: number): Promise<void>;
  /** Ids that are new. `owner` has them in hand at once; without one they are due. */
  start(sql: Sql, sagas: readonly NewSaga[], owner: number | undefined): Promise<readonly string[]>;
  /**
   * As `start`, for sagas whose steps are in the same transaction: one whose id is there fails it. The statement is on its way when `begin` returns, so that
   * whoever commits right behind it need not wait for the answer.
   */
  begin(sql: Sql, sagas: readonly NewSaga[], owner: number): Promise<void>;
  /** Takes what is due, and what dead workers had in hand, of the named definitions (`createOrder@1`). */
  claim(token: number, definitions: readonly string[], limit: number): Promise<readonly SagaRow[]>;
  /** In the order of nothing. What is missing in the answer belongs to somebody else. */
  advance(sql: Sql, token: number, transitions: readonly Transition[]): Promise<readonly Advanced[]>;
  /** Adds to the journals of durable functions. Only what `advance` of the same transaction has not refused may be committed. */
  append(sql: Sql, entries: readonly NewJournalEntry[]): Promise<void>;
  /** Journals by id, in their order; none for an id that has no entry. */
  journal(ids: readonly string[]): Promise<ReadonlyMap<string, readonly JournalEntry[]>>;
  /** What a worker has in hand, by the database's word. */
  owned(token: number): Promise<readonly { readonly id: string; readonly mailCount: number }[]>;
  /** What the worker has in hand of these. */
  load(token: number, ids: readonly string[]): Promise<readonly SagaRow[]>;
  /**
   * Leaves a letter, and has the saga looked at. `ended`: nobody will read it. A signal whose key has come before changes nothing.
   * `full`: the letter would exceed the bounds, and was not left. Default: none.
   */
  post(sql: Sql, id: string, letter: Letter, bounds?: MailBounds): Promise<Posted>;
  read(id: string): Promise<StoredSaga | undefined>;
  /** Newest first. */
  list(filter: SagaFilter): Promise<readonly StoredSaga[]>;
  /** False if the saga has changed since `changedAt`. */
  change(change: OperatorChange, changedAt: string): Promise<boolean>;
  /** Newest first. */
  audit(limit: number): Promise<readonly AuditEntry[]>;
  /** Writes down what an operator did by letter. */
  note(entry: Pick<OperatorChange, 'id' | 'actor' | 'action' | 'detail'>): Promise<void>;
  standing(known: readonly string[]): Promise<SagaStanding>;
  /** Notes whether sagas are stuck, if that is still so; resolves with true if it is news to all instances of the service. */
  noteAlarm(sql: Sql, isStuck: boolean): Promise<boolean>;
  /** Forgets sagas that ended more than `olderThanMs` ago; returns how many sagas. */
  prune(olderThanMs: number): Promise<number>;
}
