import { type Logger, type Sql, silentLogger, sqlBase, sqlObserver } from '@banyan/core';
import { AppendBatcher } from './append-batcher.ts';
import { callAppend, toAppendError, toAppended } from './append-call.ts';
import {
  checkStream,
  checkTags,
  type EncodedEvent,
  invalid,
  maxEvents,
  toMember,
  toMetadataText,
} from './append-member.ts';
import { AppendSignal } from './append-signal.ts';
import { type Place, startPlace, toCursor, toPlace } from './cursor.ts';
import { enterEra } from './era.ts';
import { eventStoreError } from './errors.ts';
import type {
  AppendCondition,
  Appended,
  AppendOptions,
  EventCursor,
  EventMetadata,
  EventPage,
  EventQuery,
  EventStore,
  EventStoreDatabase,
  ReadLogOptions,
  ReadStreamOptions,
  RecordedEvent,
} from './event-store.ts';
import { EventReader, type EventTypes, type NewEvent } from './event-types.ts';
import { type RawPage, readPage, readShownPage } from './log-read.ts';
import { Sealing } from './sealing.ts';
import { Slots } from './slots.ts';
import { EventDecoder } from './stored-event.ts';
import { type AnyQuery, readQuery, readStream } from './stream-read.ts';
import { type KeyEncryption, SubjectKeys } from './subject-keys.ts';

/** What {@link createEventStore} needs. */
export interface EventStoreOptions<Types extends EventTypes> {
  /** Its `sql` must commit each statement by itself. Needs the tables of `platformMigrations.service` of `@banyan/postgres`. */
  readonly database: EventStoreDatabase;
  /** From `defineEvents`. */
  readonly events: Types;
  /** Needed to write and read personal data. */
  readonly encryption?: KeyEncryption;
  readonly logger?: Logger;
}

/**
 * The event store of one database. Create one for a process and database: appends that share it share commits.
 * @throws TypeError if a key of `encryption` has not 32 bytes, or the current one is missing
 */
export function createEventStore<Types extends EventTypes>(
  options: EventStoreOptions<Types>,
): EventStore<Types> {
  return new DatabaseEventStore(options);
}

/**
 * The same for services that get their database with each call: `const store = defineEventStore({ events })`, then
 * `store(context).append(…)`. There is one store for each database; `settings` count when it is made.
 */
export function defineEventStore<Types extends EventTypes>({
  events,
}: {
  readonly events: Types;
}): (
  context: EventStoreDatabase,
  settings?: Omit<EventStoreOptions<Types>, 'database' | 'events'>,
) => EventStore<Types> {
  const stores = new WeakMap<Sql, DatabaseEventStore<Types>>();
  return (context, settings) => {
    const { sql } = context;
    // Where traces are recorded each call has a template of its own, and still the store of all.
    const base = sql[sqlBase] ?? sql;
    let store = stores.get(base);
    if (store === undefined) {
      const listen = context.listen?.bind(context);
      const database = { sql: base, ...(listen && { listen }) };
      store = new DatabaseEventStore({ ...settings, events, database });
      stores.set(base, store);
    }
    return sql === base ? store : store.through(sql);
  };
}

/** Whoever handles the event later goes on with the trace that it was appended in. What the caller says counts. */
function withTrace(
  metadata: EventMetadata | undefined,
  traceparent: string | undefined,
): EventMetadata | undefined {
  return traceparent === undefined ? metadata : { traceparent, ...metadata };
}

/** Conditional appends wait for locks with a connection in hand; more at once would take all of them. */
const maxConditional = 4;
const maxItems = 20;

/** What all who use one database share. */
class SharedParts<Types extends EventTypes> {
  readonly sql: Sql;
  readonly reader: EventReader<Types>;
  readonly sealing: Sealing;
  readonly decoder: EventDecoder<Types>;
  readonly signal: AppendSignal;
  readonly batcher: AppendBatcher;
  readonly conditional = new Slots(maxConditional);
  hasEntered = false;
  entering: Promise<void> | undefined = undefined;

  constructor({ database, events, encryption, logger = silentLogger }: EventStoreOptions<Types>) {
    this.sql = database.sql;
    this.reader = new EventReader(events);
    const keys = new SubjectKeys(encryption, this.sql);
    this.sealing = new Sealing(events, this.reader, keys);
    this.decoder = new EventDecoder(this.reader, this.sealing);
    this.signal = new AppendSignal({ database, logger, onForget: () => keys.clear() });
    this.batcher = new AppendBatcher(this.sql, () => this.signal.announce());
  }
}

class DatabaseEventStore<Types extends EventTypes> implements EventStore<Types> {
  readonly sql: Sql;
  readonly types: Types;
  readonly #shared: SharedParts<Types>;

  constructor(options: EventStoreOptions<Types>, shared?: SharedParts<Types>) {
    this.sql = options.database.sql;
    this.types = options.events;
    this.#shared = shared ?? new SharedParts(options);
  }

  /** The same store, whose statements go through `sql`, but for appends that share a commit with others. */
  through(sql: Sql): EventStore<Types> {
    return new DatabaseEventStore({ database: { sql }, events: this.types }, this.#shared);
  }

  async append(
    stream: string,
    events: readonly NewEvent<Types>[],
    options: AppendOptions<Types> = {},
  ): Promise<Appended> {
    const { tx } = options;
    if (!Array.isArray(events) || events.length > maxEvents)
      throw invalid(`An append has 1 to ${maxEvents} events.`);
    const encoded = await this.#encode(tx?.sql ?? this.sql, stream, events, options);
    const member = toMember(stream, options.expected, encoded);
    const condition = options.condition === undefined ? undefined : toEncodedCondition(options.condition);
    if (!this.#shared.hasEntered) await this.#enterEra(tx?.sql);
    if (tx === undefined && condition === undefined) return this.#shared.batcher.append(member);
    const call = async (sql: Sql) => {
      try {
        const [verdict] = await callAppend(sql, [member], { patient: true, condition });
        return toAppended(member, verdict ?? { verdict: -1, head: null, lastPosition: null });
      } catch (error) {
        throw toAppendError(member, error);
      }
    };
    if (tx !== undefined) {
      const appended = await call(tx.sql);
      tx.onCommit?.(() => this.#shared.signal.announce());
      return appended;
    }
    const appended = await this.#shared.conditional.run(() => call(this.sql));
    this.#shared.signal.announce();
    return appended;
  }

  async readStream(
    stream: string,
    options: ReadStreamOptions = {},
  ): Promise<readonly RecordedEvent<Types>[]> {
    checkStream(stream);
    const sql = options.tx?.sql ?? this.sql;
    return this.#shared.decoder.decode(sql, await readStream(sql, stream, options));
  }

  async query(
    query: EventQuery<Types>,
    { tx }: { readonly tx?: { readonly sql: Sql } } = {},
  ): Promise<{ readonly events: readonly RecordedEvent<Types>[]; readonly cursor: EventCursor }> {
    checkQuery(query);
    const sql = tx?.sql ?? this.sql;
    if (!this.#shared.hasEntered) await this.#enterEra(tx?.sql);
    const { rows, seen, era } = await readQuery(sql, query);
    const after = String(rows.at(-1)?.position ?? 0);
    return {
      events: await this.#shared.decoder.decode(sql, rows),
      cursor: toCursor({ ...startPlace, after, seen, era }),
    };
  }

  async readPage(cursor: EventCursor, options: ReadLogOptions<Types> = {}): Promise<EventPage<Types>> {
    if (!this.#shared.hasEntered) await this.#enterEra();
    return this.#decodePage(await this.#fetchPage(toPlace(cursor), options));
  }

  async *replay(
    options: ReadLogOptions<Types> & { readonly cursor?: EventCursor } = {},
  ): AsyncGenerator<EventPage<Types>, void, undefined> {
    const start = options.cursor === undefined ? startPlace : toPlace(options.cursor);
    if (!this.#shared.hasEntered) await this.#enterEra();
    let next: Promise<RawPage> | undefined = this.#fetchPage(start, options);
    while (next !== undefined) {
      const page: RawPage = await next;
      // Asked for before this page is decoded, so that the server reads meanwhile.
      next = page.more ? this.#fetchPage(page.next, options, page.isFarBehind) : undefined;
      // Whoever stops reading early does not wait for it, and a rejection that nobody observes would end the process.
      next?.catch(() => {});
      yield await this.#decodePage(page);
    }
  }

  async #fetchPage(
    place: Place,
    { filter, pageSize = 500 }: ReadLogOptions<Types>,
    isFarBehind = false,
  ): Promise<RawPage> {
    if (!Number.isInteger(pageSize) || pageSize < 1 || pageSize > 10_000) {
      throw new TypeError("'pageSize' is a whole number from 1 to 10,000.");
    }
    if (isFarBehind) return readShownPage(this.sql, place, pageSize);
    return readPage(this.sql, place, { limit: pageSize, filter });
  }

  async #decodePage({ rows, passed, next, more }: RawPage): Promise<EventPage<Types>> {
    return {
      events: await this.#shared.decoder.decode(this.sql, rows),
      passed,
      cursor: toCursor(next),
      more,
    };
  }

  async cursorAt(place: 'start' | 'end'): Promise<EventCursor> {
    if (place === 'start') return toCursor(startPlace);
    if (!this.#shared.hasEntered) await this.#enterEra();
    const [row] = await this.sql<{ after: string; seen: string; limit: string; era: string }>`
      select coalesce((select max(position) from banyan.event), 0)::text as after, pg_current_snapshot()::text as seen,
        pg_current_xact_id()::text as limit, (select coalesce(max(era), 0) from banyan.event_era)::text as era`;
    return toCursor({ ...startPlace, ...row });
  }

  async forget(subject: string, { tx }: { readonly tx?: { readonly sql: Sql } } = {}): Promise<void> {
    await (tx?.sql ?? this.sql)`select banyan.forget_subject(${subject})`;
    this.#shared.sealing.keys.clear();
  }

  rewrapKeys(): Promise<number> {
    return this.#shared.sealing.keys.rewrap(this.sql);
  }

  onAppend(listener: () => void): () => void {
    return this.#shared.signal.on(listener);
  }

  async #encode(
    sql: Sql,
    stream: string,
    events: readonly NewEvent<Types>[],
    options: AppendOptions<Types>,
  ): Promise<EncodedEvent[]> {
    const metadata = toMetadataText(withTrace(options.metadata, sql[sqlObserver]?.traceparent));
    const valid = events.map(({ type, data, tags = [] }) => ({
      type,
      tags,
      version: this.#shared.reader.definitionOf(type).version,
      data: this.#shared.reader.validate(type, data),
      subject: undefined as string | undefined,
    }));
    const subjects = new Set<string>();
    for (const event of valid) {
      if (!this.#shared.sealing.isPersonal(event.type)) continue;
      event.subject = this.#shared.sealing.subjectOf(event.type, event.data);
      subjects.add(event.subject);
    }
    const keys =
      subjects.size === 0 ? undefined : await this.#shared.sealing.keys.findOrCreate(sql, subjects);
    return valid.map(({ type, version, data, tags, subject }) => {
      const key = subject === undefined ? undefined : keys?.get(subject);
      const stored =
        subject === undefined || key === undefined
          ? data
          : this.#shared.sealing.seal(data, { stream, type, subject, key });
      const text = JSON.stringify(stored);
      if (text === undefined) throw invalid(`The data of '${type}' is no JSON value.`);
      return { type, version, data: text, metadata, tags };
    });
  }

  /** All who come before it is done wait for the same, so that they go on in the order in which they came. */
  async #enterEra(sql?: Sql): Promise<void> {
    const shared = this.#shared;
    if (sql !== undefined) await enterEra(sql, shared.sql);
    else {
      shared.entering ??= enterEra(shared.sql, shared.sql);
      try {
        await shared.entering;
      } finally {
        shared.entering = undefined;
      }
    }
    shared.hasEntered = true;
  }
}

function toEncodedCondition<Types extends EventTypes>({ failIf, after }: AppendCondition<Types>) {
  checkQuery(failIf);
  const place = after === undefined ? startPlace : toPlace(after);
  return { query: failIf, seen: place.seen, after: place.after };
}

function checkQuery(query: AnyQuery): void {
  if (!Array.isArray(query) || query.length === 0 || query.length > maxItems) {
    throw invalid(`A query has 1 to ${maxItems} items.`);
  }
  for (const { types = [], tags = [] } of query) {
    if (types.length === 0 && tags.length === 0)
      throw invalid('An item of a query names types, or tags, or both.');
    checkTags(tags);
    if (!types.every((type: unknown) => typeof type === 'string')) throw eventStoreError('append_invalid');
  }
}
