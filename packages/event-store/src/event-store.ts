import type { Sql, Transaction } from '@banyan/core';
import type { EventOf, EventTypes, NewEvent } from './event-types.ts';

/** What an append expects of its stream: nothing, that it has no events, that it has some, or the revision of its last event. */
export type ExpectedRevision = 'any' | 'noStream' | 'streamExists' | number;

/**
 * JSON object beside the data: who did it, by which command. Not encrypted. An append in a service whose traces are recorded adds `traceparent`, unless it
 * is there: whoever handles the event goes on with that trace.
 */
export type EventMetadata = Readonly<Record<string, unknown>>;

/** What the store knows of an event. */
export interface Recorded {
  readonly stream: string;
  /** Number in its stream, from 0, without gaps. */
  readonly revision: number;
  /** Rises over all streams, with gaps. What an append could see has a lower one. */
  readonly position: number;
  /** By the clock of the database, RFC 3339 UTC. */
  readonly recordedAt: string;
  /** Version of the type that was stored; `data` is always of the current one. */
  readonly version: number;
  readonly metadata: EventMetadata;
  readonly tags: readonly string[];
  /** True if its subject was forgotten: the personal fields of `data` have the values for that. */
  readonly erased: boolean;
  /** Whose personal data it has, or had; undefined for an event without. */
  readonly subject: string | undefined;
}

/** An event as it is read: what was appended, in the current version of its type, and what the store knows of it. */
export type RecordedEvent<Types extends EventTypes> = EventOf<Types> & Recorded;

/** Matches an event that matches one of the items. */
export type EventQuery<Types extends EventTypes = EventTypes> = readonly EventQueryItem<Types>[];

/** Matches an event of one of `types` that has all of `tags`; what is left out, or empty, asks for nothing. At least one of them. */
export interface EventQueryItem<Types extends EventTypes = EventTypes> {
  readonly types?: readonly (keyof Types & string)[];
  readonly tags?: readonly string[];
}

/** Where a reader is: what it has seen, which is more than a number, because transactions commit out of order. Opaque text. */
export type EventCursor = string;

/** What must not have happened for an append to succeed (a dynamic consistency boundary). */
export interface AppendCondition<Types extends EventTypes = EventTypes> {
  /** The append fails if an event that matches exists … */
  readonly failIf: EventQuery<Types>;
  /** … which the reader of this cursor has not seen; default: at all. From `query`, `readPage` or a subscription. */
  readonly after?: EventCursor;
}

/** What an append expects, and in which transaction it happens. */
export interface AppendOptions<Types extends EventTypes = EventTypes> {
  /** Default `any`. */
  readonly expected?: ExpectedRevision;
  readonly condition?: AppendCondition<Types>;
  readonly metadata?: EventMetadata;
  /** Appends in this open transaction of the same database. Without it the append commits by itself, together with others that wait. */
  readonly tx?: AppendTransaction;
}

/**
 * The part of a transaction that an append uses. Without `onCommit`, as in handlers of events and steps of sagas, readers are not woken: they find the
 * events when they poll.
 */
export type AppendTransaction = Pick<Transaction, 'sql'> & Partial<Pick<Transaction, 'onCommit'>>;

/** Where the events of an append are. */
export interface Appended {
  /** Of the last event in its stream. */
  readonly revision: number;
  /** Of the last event. */
  readonly position: number;
}

/** Which part of a stream is read. */
export interface ReadStreamOptions {
  /** First revision, inclusive; default 0. */
  readonly from?: number;
  /** Last revision, inclusive. */
  readonly to?: number;
  /** Only what was recorded up to this time, RFC 3339. */
  readonly recordedUntil?: string;
  /** Reads in this transaction, and so sees its own appends. */
  readonly tx?: { readonly sql: Sql };
}

/** Which events a reader of the whole log wants; all of what is given must hold. */
export interface EventFilter<Types extends EventTypes = EventTypes> {
  readonly types?: readonly (keyof Types & string)[] | undefined;
  /** Names of streams up to the first `-`. */
  readonly categories?: readonly string[];
  /** One of so many equal parts of all streams, by the hash of the stream's name. */
  readonly partition?: { readonly index: number; readonly of: number };
}

/** One page of the log. */
export interface EventPage<Types extends EventTypes> {
  /** In the order of positions. Those that were committed late come on a later page, each exactly once. */
  readonly events: readonly RecordedEvent<Types>[];
  /** How many events the page looked at, those that the filter dropped included. */
  readonly passed: number;
  /** Behind this page. */
  readonly cursor: EventCursor;
  /** False if the page ends at what is committed now. */
  readonly more: boolean;
}

/** Which events a reader of the log gets, and how many it looks at at once. */
export interface ReadLogOptions<Types extends EventTypes = EventTypes> {
  readonly filter?: EventFilter<Types>;
  /** Events that a page looks at, before the filter; 1–10,000, default 500. */
  readonly pageSize?: number;
}

/** What the store needs of a database. `listen` lets subscriptions hear of appends in other processes at once. */
export interface EventStoreDatabase {
  readonly sql: Sql;
  listen?(
    channel: string,
    listener: (payload: string | undefined) => void,
  ): Promise<{ close(): Promise<void> }>;
}

/**
 * An append-only log of events in streams, in the database of one service. Safe for concurrent use, by many processes.
 *
 * Events of a stream are numbered without gaps; appends of one stream take turns, by a lock until the commit. The order of the whole
 * log respects what each append could see: an event comes after everything that was committed before its own append began. Two that
 * were appended at the same time may come in either order, and different readers may see them differently.
 */
export interface EventStore<Types extends EventTypes> {
  /** Of its database; each statement commits by itself. */
  readonly sql: Sql;
  readonly types: Types;
  /**
   * Appends all of `events` to `stream`, or nothing; at most 10,000, each of at most 1 MiB.
   *
   * Without `tx` it resolves when the events are flushed to disk. A lost connection leaves the outcome unknown, so repeat only with an
   * exact `expected` or a condition. With `tx` they are there if, and only if, the transaction commits.
   *
   * @throws ServiceError `aborted` `wrong_expected_revision`, `append_condition_failed`, `stream_busy`; `invalid_argument` `append_invalid`,
   * `invalid_input`; `failed_precondition` `event_type_unknown`, `isolation_unsupported`, `subject_forgotten`, `key_encryption_key_missing`;
   * `resource_exhausted` `appends_exhausted`; and what `Sql` throws
   */
  append(
    stream: string,
    events: readonly NewEvent<Types>[],
    options?: AppendOptions<Types>,
  ): Promise<Appended>;
  /** Events of one stream, oldest first, all at once; none for a stream that is not there. */
  readStream(stream: string, options?: ReadStreamOptions): Promise<readonly RecordedEvent<Types>[]>;
  /** Every event that matches, in the order of positions, and the cursor for an append condition. */
  query(
    query: EventQuery<Types>,
    options?: { readonly tx?: { readonly sql: Sql } },
  ): Promise<{ readonly events: readonly RecordedEvent<Types>[]; readonly cursor: EventCursor }>;
  /** One page of the whole log behind `cursor`. */
  readPage(cursor: EventCursor, options?: ReadLogOptions<Types>): Promise<EventPage<Types>>;
  /** The whole log behind `cursor` (default: its start), page by page, to what is committed when it gets there. The next page is fetched meanwhile. */
  replay(
    options?: ReadLogOptions<Types> & { readonly cursor?: EventCursor },
  ): AsyncGenerator<EventPage<Types>, void, undefined>;
  /** The cursor before the first event, or behind the last. */
  cursorAt(place: 'start' | 'end'): Promise<EventCursor>;
  /** Deletes the key of `subject`, and the snapshots that were made with it. Its data can be read by nobody afterwards. Idempotent. */
  forget(subject: string, options?: { readonly tx?: { readonly sql: Sql } }): Promise<void>;
  /** Wraps every key of a subject anew with the current key-encryption key; resolves with how many. The others may then be destroyed. */
  rewrapKeys(): Promise<number>;
  /** Calls `listener` after appends, here and (if the database can listen) in other processes. A hint: also poll. */
  onAppend(listener: () => void): () => void;
}
