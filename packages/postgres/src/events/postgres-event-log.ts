import { type Logger, silentLogger, uuidv7 } from '@banyan/core';
import { type CloudEvent, type EventLog, encodeEvent, type LogPage, type LogPosition } from '@banyan/events';
import type { PostgresDatabase } from '../database.ts';
import type { Listener } from '../listener.ts';
import { freshPlan } from './fresh-plan.ts';

export interface PostgresEventLogOptions {
  readonly logger?: Logger;
  /** Rows looked at by one `read`, whatever their topics, so that a rare topic costs no endless statement. Default 20,000. */
  readonly maxScannedRows?: number;
}

/** The event log of a system in its platform database. `read` and `publish` work without `start`; wake-ups from other processes need it. */
export interface PostgresEventLog extends EventLog {
  /** Opens the connection that hears of other processes' events. @throws ServiceError `unavailable` `database_unavailable` */
  start(): Promise<void>;
  /** Closes that connection; the database stays open. Idempotent. */
  stop(): Promise<void>;
}

/** Needs the tables of `migrations/platform`. Create one a process: publishers and readers of one process wake each other without the server. */
export function createPostgresEventLog(
  database: PostgresDatabase,
  options: PostgresEventLogOptions = {},
): PostgresEventLog {
  return new LogTable(database, options);
}

const channel = 'banyan_events';
/** PostgreSQL takes 8,000 bytes; a longer list of topics is left out and everybody looks. */
const maxPayloadLength = 7_000;
const publishLock = { space: 0x62_6e_70, key: 0 }; // 'bnp'

type AppendListener = (topics: readonly string[] | undefined) => void;

class LogTable implements PostgresEventLog {
  readonly id = 'postgres';
  readonly #database: PostgresDatabase;
  readonly #logger: Logger;
  readonly #maxScannedRows: number;
  readonly #listeners = new Set<AppendListener>();
  readonly #senderId = uuidv7();
  #notifications: Promise<Listener> | undefined;

  constructor(database: PostgresDatabase, options: PostgresEventLogOptions) {
    this.#database = database;
    this.#logger = options.logger ?? silentLogger;
    this.#maxScannedRows = options.maxScannedRows ?? 20_000;
  }

  async start(): Promise<void> {
    this.#notifications ??= this.#database.listen(channel, (payload) => this.#hear(payload));
    try {
      await this.#notifications;
    } catch (error) {
      this.#notifications = undefined;
      throw error;
    }
  }

  async stop(): Promise<void> {
    const notifications = this.#notifications;
    this.#notifications = undefined;
    await (await notifications)?.close();
  }

  /**
   * One statement, so that a publisher that is paused or dies holds nothing. The lock makes publishers take turns until their commit:
   * positions become visible in their order, and a reader's position never overtakes a row that is still to come.
   */
  async publish(events: readonly CloudEvent[]): Promise<void> {
    if (events.length === 0) return;
    const topics = [...new Set(events.map((event) => event.banyanname))];
    const payload = `${this.#senderId} ${topics.join(' ')}`;
    const { sql } = this.#database;
    await sql`
      with turn as materialized (
        select count(pg_advisory_xact_lock(${publishLock.space}::int4, ${publishLock.key}::int4)) as held
      ), added as (
        insert into banyan.event_log (event_id, topic, event)
        select e.id, e.topic, e.event::json
        from unnest(
          ${sql.array(
            events.map((event) => event.id),
            'uuid',
          )},
          ${sql.array(
            events.map((event) => event.banyanname),
            'text',
          )},
          ${sql.array(events.map(encodeEvent), 'text')}
        ) with ordinality as e (id, topic, event, number), turn
        where turn.held > 0
        order by e.number
        on conflict (event_id) do nothing
        returning 1
      )
      select pg_notify(${channel}, ${payload.length > maxPayloadLength ? this.#senderId : payload})
      where exists (select from added)`;
    this.#tell(topics);
  }

  async read(topics: readonly string[], after: LogPosition | undefined, limit: number): Promise<LogPage> {
    const from = after ?? '0';
    const { sql } = this.#database;
    const rows = await sql<{
      position: number | null;
      event: CloudEvent | null;
      end: number;
      isLast: boolean;
    }>`
      with bounds as materialized (
        select least(head.position, ${from}::int8 + ${this.#maxScannedRows}::int8) as "end", head.position
        from (select coalesce(max(position), 0) as position from banyan.event_log) as head
      )
      select bounds."end", bounds."end" >= bounds.position as is_last, page.position, page.event
      from bounds left join lateral (
        select position, event from banyan.event_log
        where position > ${from}::int8 and position <= bounds."end" and topic = any(${sql.array(topics, 'text')})
        order by position limit ${limit}
      ) as page on true ${freshPlan}`;
    return toPage(rows, from, limit);
  }

  async latest(): Promise<LogPosition> {
    const [row] = await this.#database.sql<{ position: number }>`
      select coalesce(max(position), 0)::int8 as position from banyan.event_log`;
    return String(row?.position ?? 0);
  }

  onAppend(listener: AppendListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #hear(payload: string | undefined): void {
    const [sender, ...topics] = payload?.split(' ') ?? [];
    // Our own events were told when they were published.
    if (sender === this.#senderId) return;
    this.#tell(topics.length === 0 ? undefined : topics);
  }

  #tell(topics: readonly string[] | undefined): void {
    for (const listener of this.#listeners) {
      try {
        listener(topics);
      } catch (error) {
        this.#logger.error('a listener of the event log failed', { error });
      }
    }
  }
}

function toPage(
  rows: readonly { position: number | null; event: CloudEvent | null; end: number; isLast: boolean }[],
  from: LogPosition,
  limit: number,
): LogPage {
  const events: CloudEvent[] = [];
  for (const { event } of rows) if (event !== null) events.push(event);
  const isFull = events.length === limit;
  const { position, end, isLast } = rows.at(-1) ?? { position: null, end: Number(from), isLast: true };
  const reached = isFull ? (position ?? end) : Math.max(end, Number(from));
  return { events, position: String(reached), more: isFull || !isLast };
}
