import { type Clock, type Logger, ServiceError, silentLogger, systemClock } from '@banyan/core';
import {
  type EncodedEvent,
  type EventLog,
  type LogFeatures,
  type LogReader,
  partitionOf,
  type ReadRequest,
  type StartAt,
} from '@banyan/events';
import type { PostgresDatabase } from '../database.ts';
import { createLogTableReader, type LogTableReader } from './event-log-reader.ts';
import { findFirstSince, logTable, pruneTable } from './timed-table.ts';
import { WakeChannel } from './wake-channel.ts';

export interface PostgresEventLogOptions {
  readonly clock?: Clock;
  readonly logger?: Logger;
  /** Rows looked at by one statement of a reader, whatever their topics, so that a rare topic costs no endless statement. Default 2,000. */
  readonly maxScannedRows?: number;
}

/**
 * The event log of a system in its platform database. Open one a process: publishers and readers of one process wake each other without the server.
 * Needs the tables of `migrations/platform`. The database stays open when the log is closed.
 * @throws ServiceError `unavailable` `database_unavailable`
 */
export async function openPostgresEventLog(
  database: PostgresDatabase,
  options: PostgresEventLogOptions = {},
): Promise<EventLog> {
  const [state] = await database.sql<{ id: string; partitions: number }>`
    select id, partitions from banyan.event_log_state`;
  if (state === undefined) throw new Error('banyan.event_log_state has lost its row.');
  const log = new LogTable(database, state, options);
  await log.listen();
  return log;
}

const publishLock = { space: 0x62_6e_70, key: 0 }; // 'bnp'
/** Beyond this many events `lag` says how many rows there are rather than counting those of the topics. */
const maxCounted = 10_000;

class LogTable implements EventLog {
  readonly id: string;
  readonly partitions: number;
  readonly features: LogFeatures = {
    replay: true,
    remembersIdsForMs: Number.POSITIVE_INFINITY,
    flushes: true,
    maxEventBytes: 1024 * 1024,
  };
  readonly #database: PostgresDatabase;
  readonly #options: Required<PostgresEventLogOptions>;
  readonly #channel: WakeChannel;
  readonly #readers = new Set<LogTableReader>();
  #closing: Promise<void> | undefined;

  constructor(
    database: PostgresDatabase,
    { id, partitions }: { readonly id: string; readonly partitions: number },
    options: PostgresEventLogOptions,
  ) {
    this.id = `postgres:${id}`;
    this.partitions = partitions;
    this.#database = database;
    this.#options = { clock: systemClock, logger: silentLogger, maxScannedRows: 2_000, ...options };
    this.#channel = new WakeChannel({
      database,
      channel: 'banyan_events',
      logger: this.#options.logger,
      onWake: (topics) => this.#wake(topics),
    });
  }

  listen(): Promise<void> {
    return this.#channel.listen();
  }

  /**
   * One statement, so that a publisher that is paused or dies holds nothing. The lock makes publishers take turns until their commit:
   * positions become visible in their order, and a reader's position never overtakes a row that is still to come.
   */
  async publish(events: readonly EncodedEvent[]): Promise<void> {
    if (events.length === 0) return;
    this.#checkSizes(events);
    const topics = events.map(({ topic }) => topic);
    const { sql } = this.#database;
    await sql`
      with turn as materialized (
        select count(pg_advisory_xact_lock(${publishLock.space}::int4, ${publishLock.key}::int4)) as held
      )
      insert into banyan.event_log (partition, event_id, topic, event)
      select e.partition, e.id, e.topic, e.event
      from unnest(
        ${sql.array(
          events.map(({ key }) => partitionOf(key, this.partitions)),
          'int2',
        )},
        ${sql.array(
          events.map(({ id }) => id),
          'uuid',
        )},
        ${sql.array(topics, 'text')},
        ${sql.array(
          events.map(({ text }) => text),
          'text',
        )}
      ) with ordinality as e (partition, id, topic, event, number), turn
      where turn.held > 0
      order by e.number
      on conflict (event_id) do nothing`;
    const distinct = new Set(topics);
    this.#wake([...distinct]);
    this.#channel.announce(distinct);
  }

  async open(request: ReadRequest): Promise<LogReader> {
    const places = await this.#resolve(request.from);
    const reader = createLogTableReader({
      database: this.#database,
      topics: request.topics,
      places,
      clock: this.#options.clock,
      maxScannedRows: this.#options.maxScannedRows,
      onClose: () => this.#readers.delete(reader),
    });
    if (this.#closing === undefined) this.#readers.add(reader);
    else await reader.close();
    return reader;
  }

  async lag({ topics, from }: ReadRequest): Promise<number> {
    if (from.size === 0) return 0;
    const places = await this.#resolve(from);
    const { sql } = this.#database;
    const lowest = Math.min(...places.values());
    const [row] = await sql<{ counted: number; rows: number }>`
      select (
        select count(*) from (
          select 1 from banyan.event_log as e
          join unnest(${sql.array([...places.keys()], 'int2')}, ${sql.array([...places.values()], 'int8')}) as f (partition, place)
            on f.partition = e.partition and e.position > f.place
          where e.position > ${lowest}::int8 and e.topic = any(${sql.array(topics, 'text')}) limit ${maxCounted + 1}
        ) as behind
      )::int8 as counted, greatest(0, (select max(position) from banyan.event_log) - ${lowest}::int8)::int8 as rows`;
    if (row === undefined) return 0;
    return row.counted > maxCounted ? Math.max(row.counted, row.rows) : row.counted;
  }

  prune(olderThanMs: number): Promise<number> {
    const { sql } = this.#database;
    return pruneTable(sql, logTable(sql), olderThanMs);
  }

  close(): Promise<void> {
    this.#closing ??= (async () => {
      await Promise.all([...this.#readers].map((reader) => reader.close()));
      await this.#channel.close();
    })();
    return this.#closing;
  }

  async #resolve(from: ReadonlyMap<number, StartAt>): Promise<Map<number, number>> {
    const times = [...from.values()].flatMap((at) =>
      typeof at === 'object' && 'time' in at ? [at.time] : [],
    );
    const { sql } = this.#database;
    const [ends] = await sql<{ start: number; end: number }>`
      select pruned_to as start,
        greatest(pruned_to, (select max(position) from banyan.event_log))::int8 as "end" from banyan.event_log_state`;
    const { start, end } = ends ?? { start: 0, end: 0 };
    const places = new Map<string, number>();
    for (const time of new Set(times))
      places.set(time, (await findFirstSince(sql, logTable(sql), { time, start, end })) - 1);
    const toPlace = (at: StartAt): number => {
      if (typeof at === 'string') return at === 'start' ? start : end;
      return 'position' in at ? Number(at.position) : (places.get(at.time) ?? end);
    };
    return new Map([...from].map(([partition, at]) => [partition, toPlace(at)]));
  }

  #checkSizes(events: readonly EncodedEvent[]): void {
    const { maxEventBytes } = this.features;
    const isTooLarge = ({ text }: EncodedEvent) =>
      text.length * 3 > maxEventBytes && Buffer.byteLength(text) > maxEventBytes;
    const refused = events.filter(isTooLarge);
    if (refused.length === 0) return;
    throw new ServiceError(`${refused.length} events are larger than ${maxEventBytes} bytes.`, {
      code: 'invalid_argument',
      reason: 'event_refused',
      details: { ids: refused.map(({ id }) => id) },
    });
  }

  #wake(topics: readonly string[] | undefined): void {
    for (const reader of this.#readers) reader.wake(topics);
  }
}
