import { type Clock, ServiceError } from '@banyan/core';
import {
  type CloudEvent,
  decodeEvent,
  type LogPage,
  type LogPosition,
  type LogReader,
  type MalformedRecord,
  type PositionLoss,
  toMalformedRecord,
} from '@banyan/events';
import type { PostgresDatabase } from '../database.ts';
import { freshPlan } from './fresh-plan.ts';

export interface LogTableReaderOptions {
  readonly database: PostgresDatabase;
  readonly topics: readonly string[];
  /** The last position read, by partition. */
  readonly places: Map<number, number>;
  readonly clock: Clock;
  readonly maxScannedRows: number;
  readonly onClose: () => void;
}

export interface LogTableReader extends LogReader {
  /** Events of these topics may have been published; undefined for any. */
  wake(topics: readonly string[] | undefined): void;
}

export function createLogTableReader(options: LogTableReaderOptions): LogTableReader {
  return new TableReader(options);
}

/** If a wake-up was lost. */
const pollMs = 1_000;
/** A partition that had no event is reported once it was moved so far: each report is a row that the consumer writes. */
const reportEvery = 5_000;

/** The first row tells of the page as a whole. */
interface Row {
  /** In the first row the end of what was looked at. */
  readonly position: number;
  readonly partition: number | null;
  /** In the first row the last position of the log, and the last forgotten one. */
  readonly topic: string;
  readonly event: string;
}

/** What one statement found for the partitions that stand at one place. */
interface Found {
  readonly limit: number;
  readonly partitions: readonly number[];
  readonly rows: readonly Row[];
  readonly reached: number;
  readonly isBehind: boolean;
}

class TableReader implements LogTableReader {
  readonly #options: LogTableReaderOptions;
  readonly #topics: ReadonlySet<string>;
  /** Where each partition stands, and where it stood when its place was last told. */
  readonly #places: Map<number, number>;
  readonly #told: Map<number, number>;
  #ahead: Promise<Found> | undefined;
  #turn = 0;
  #isDue = false;
  #endWait: (() => void) | undefined;
  #isClosed = false;

  constructor(options: LogTableReaderOptions) {
    this.#options = options;
    this.#topics = new Set(options.topics);
    this.#places = options.places;
    this.#told = new Map(options.places);
  }

  async next(limit: number, waitMs: number): Promise<LogPage> {
    const { clock } = this.#options;
    const endsAtMs = clock.nowMs() + waitMs;
    while (!this.#isClosed && this.#places.size > 0) {
      this.#isDue = false;
      const { rows, isBehind } = await this.#readOn(limit);
      if (rows.length > 0) return this.#toPage(rows);
      const restMs = endsAtMs - clock.nowMs();
      if (restMs <= 0) break;
      if (!isBehind) await this.#wait(Math.min(restMs, pollMs));
    }
    if (this.#places.size === 0 && !this.#isClosed) await this.#wait(waitMs);
    return this.#toPage([]);
  }

  commit(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.#isClosed = true;
    this.#endWait?.();
    this.#options.onClose();
    return Promise.resolve();
  }

  wake(topics: readonly string[] | undefined): void {
    if (topics !== undefined && !topics.some((topic) => this.#topics.has(topic))) return;
    this.#isDue = true;
    this.#endWait?.();
  }

  /** Looks once at every place, until there is something. Partitions at different places take turns until they have met. */
  async #readOn(limit: number): Promise<Pick<Found, 'rows' | 'isBehind'>> {
    let isBehind = false;
    for (let left = new Set(this.#places.values()).size; left > 0; left -= 1) {
      const ahead = this.#ahead;
      this.#ahead = undefined;
      let found = await (ahead ?? this.#find(limit));
      if (found.limit > limit) found = await this.#find(limit);
      if (this.#isClosed) break;
      for (const partition of found.partitions) this.#places.set(partition, found.reached);
      isBehind ||= found.isBehind;
      if (found.rows.length === 0) continue;
      if (found.isBehind) {
        this.#ahead = this.#find(limit);
        // Whoever asks for the next page gets the rejection.
        this.#ahead.catch(() => {});
      }
      return found;
    }
    return { rows: [], isBehind };
  }

  async #find(limit: number): Promise<Found> {
    const places = [...new Set(this.#places.values())].sort((a, b) => a - b);
    const index = this.#turn++ % places.length;
    const from = places[index] as number;
    const partitions = [...this.#places].flatMap(([partition, place]) => (place === from ? [partition] : []));
    const { maxScannedRows } = this.#options;
    const upTo = Math.min(
      places[index + 1] ?? Number.POSITIVE_INFINITY,
      from + Math.max(limit, maxScannedRows),
    );
    const [head, ...rows] = await this.#query(partitions, { from, upTo, limit });
    const [last = 0, forgotten = 0] = head?.topic.split(' ').map(Number) ?? [];
    if (from < forgotten) throw positionLost(partitions);
    const isFull = rows.length === limit;
    const reached = isFull ? (rows.at(-1) as Row).position : Math.max(from, head?.position ?? from);
    return { limit, partitions, rows, reached, isBehind: reached < last };
  }

  /** Limited before it is filtered: else the planner, which takes every topic for rare, collects and sorts all rows of the range for each page. */
  #query(
    partitions: readonly number[],
    { from, upTo, limit }: { readonly from: number; readonly upTo: number; readonly limit: number },
  ): Promise<Row[]> {
    const { database, topics } = this.#options;
    const { sql } = database;
    return sql<Row>`
      with bounds as materialized (
        select last, least(last, ${upTo}::int8) as "end"
        from (select coalesce(max(position), 0) as last from banyan.event_log) as newest
      ), page as materialized (
        select * from (
          select position, partition, topic, event from banyan.event_log
          where position > ${from}::int8 order by position limit ${upTo - from}
        ) as scanned
        where position <= (select "end" from bounds)
          and topic = any(${sql.array(topics, 'text')}) and partition = any(${sql.array(partitions, 'int2')})
        order by position limit ${limit}
      )
      select "end" as position, null::int2 as partition,
        last || ' ' || (select pruned_to from banyan.event_log_state) as topic, '' as event
      from bounds
      union all
      select position, partition, topic, event from page ${freshPlan}`;
  }

  #toPage(rows: readonly Row[]): LogPage {
    const events: CloudEvent[] = [];
    const malformed: MalformedRecord[] = [];
    const moved = new Set<number>();
    for (const { position, partition, topic, event } of rows) {
      if (partition === null) continue;
      moved.add(partition);
      try {
        events.push(decodeEvent(event));
      } catch (error) {
        const record = { partition, position: String(position), topic, text: event };
        malformed.push(toMalformedRecord(record, error));
      }
    }
    const positions = new Map<number, LogPosition>();
    for (const [partition, place] of this.#places) {
      const distance = place - (this.#told.get(partition) ?? 0);
      const isTold = moved.has(partition) || distance >= reportEvery || (rows.length === 0 && distance > 0);
      if (!isTold) continue;
      this.#told.set(partition, place);
      positions.set(partition, String(place));
    }
    return { events, malformed, positions };
  }

  #wait(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        cancel();
        this.#endWait = undefined;
        resolve();
      };
      const cancel = this.#options.clock.setTimer(end, timeoutMs);
      this.#endWait = end;
      if (this.#isDue || this.#isClosed) end();
    });
  }
}

function positionLost(partitions: readonly number[]): ServiceError {
  return new ServiceError(
    `The event log no longer keeps what comes next in the partitions ${partitions.join(', ')}.`,
    {
      code: 'failed_precondition',
      reason: 'position_lost',
      details: { loss: 'dropped' satisfies PositionLoss },
    },
  );
}
