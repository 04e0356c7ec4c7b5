import { type Clock, type Logger, ServiceError, silentLogger, systemClock } from '@banyan/core';
import {
  channelOf,
  type EventLog,
  type LogFeatures,
  type LogReader,
  type ReadRequest,
  type StartAt,
} from '@banyan/events';
import { outboxPartitions } from './outbox-append.ts';
import { type Place, showsRow, toPlace } from './outbox-cursor.ts';
import { createOutboxLogReader, type OutboxLogReader, type OutboxStart } from './outbox-log-reader.ts';
import { lowestOf } from './outbox-places.ts';
import { scanOutbox } from './outbox-scan.ts';
import { OutboxSource } from './outbox-source.ts';
import { outboxTable, pruneTable } from './timed-table.ts';

export interface PostgresOutboxLogOptions {
  /** Names the system's log. */
  readonly id: string;
  /** The database of each service that emits or sends, for a role that may read its outbox. */
  readonly urls: Readonly<Record<string, string>>;
  /** Who may send messages and replies to a service. Default: every service. */
  readonly sendersTo?: (service: string) => readonly string[];
  /** What the outboxes of this process announce themselves with. */
  readonly sender: string;
  readonly clock?: Clock;
  readonly logger?: Logger;
}

/** A log that is the outboxes of a system's services together: what is committed is in it, and no relay is needed. */
export interface PostgresOutboxLog extends EventLog {
  /** Events were committed in the outbox of this service, in this process. Cheap, never throws. */
  wake(service: string): void;
}

/**
 * Consumers read the outboxes where they are: one write and one read less for each event than with a table between. Connects to an outbox when
 * a reader first asks for one of its topics. An outbox that is not there yet, because its service has never run, is empty.
 */
export function createPostgresOutboxLog(options: PostgresOutboxLogOptions): PostgresOutboxLog {
  return new OutboxLog(options);
}

/** Beyond this many rows `lag` says how many there are rather than counting those of the topics. */
const maxCounted = 2_000;

class OutboxLog implements PostgresOutboxLog {
  readonly id: string;
  readonly partitions = outboxPartitions;
  readonly features: LogFeatures = {
    replay: true,
    remembersIdsForMs: 0,
    flushes: true,
    maxEventBytes: 256 * 1024,
    readsOutboxes: true,
  };
  readonly #options: Required<PostgresOutboxLogOptions>;
  readonly #sources = new Map<string, OutboxSource>();
  readonly #readers = new Set<OutboxLogReader>();
  #closing: Promise<void> | undefined;

  constructor(options: PostgresOutboxLogOptions) {
    const services = Object.keys(options.urls);
    this.#options = { sendersTo: () => services, clock: systemClock, logger: silentLogger, ...options };
    this.id = `outboxes:${options.id}`;
  }

  publish(): Promise<void> {
    return Promise.reject(
      new ServiceError('Nothing is published to this log: it is the outboxes of the services.', {
        code: 'failed_precondition',
        reason: 'not_supported',
      }),
    );
  }

  async open({ topics, from }: ReadRequest): Promise<LogReader> {
    const { clock } = this.#options;
    const sources = this.#sourcesOf(topics);
    const reader = createOutboxLogReader({
      sources,
      topics,
      partitions: [...from.keys()],
      begin: (source, isNew) => beginAt(source, isNew ? behindNothing(from) : from),
      clock,
      onClose: () => this.#readers.delete(reader),
    });
    if (this.#closing !== undefined) {
      await reader.close();
      return reader;
    }
    await Promise.all(sources.map((source) => source.listen()));
    // `end` is now, not when the first page is asked for.
    await reader.begin();
    this.#readers.add(reader);
    return reader;
  }

  async lag({ topics, from }: ReadRequest): Promise<number> {
    const lags = await Promise.all(this.#sourcesOf(topics).map((source) => lagOf(source, topics, from)));
    return lags.reduce((sum, lag) => sum + lag, 0);
  }

  async prune(olderThanMs: number): Promise<number> {
    const pruned = await Promise.all(
      Object.keys(this.#options.urls).map(async (service) => {
        const source = this.#source(service);
        if (source === undefined || (await source.state()) === undefined) return 0;
        const { sql } = source.database;
        return pruneTable(sql, outboxTable(sql), olderThanMs);
      }),
    );
    return pruned.reduce((sum, count) => sum + count, 0);
  }

  wake(service: string): void {
    const source = this.#sources.get(service);
    if (source !== undefined) for (const reader of this.#readers) reader.wake(source);
  }

  close(): Promise<void> {
    this.#closing ??= (async () => {
      await Promise.all([...this.#readers].map((reader) => reader.close()));
      await Promise.all([...this.#sources.values()].map((source) => source.close()));
    })();
    return this.#closing;
  }

  /** Who emits these events, and who may send these messages. */
  #sourcesOf(topics: readonly string[]): readonly OutboxSource[] {
    const services = new Set(
      topics.flatMap((topic) => {
        const channel = channelOf(topic);
        return channel.startsWith('@') ? this.#options.sendersTo(channel.slice(1)) : [channel];
      }),
    );
    return [...services].sort().flatMap((service) => this.#source(service) ?? []);
  }

  #source(service: string): OutboxSource | undefined {
    const known = this.#sources.get(service);
    const { urls, sender, clock, logger } = this.#options;
    const url = Object.hasOwn(urls, service) ? urls[service] : undefined;
    if (known !== undefined || url === undefined) return known;
    const onWake = () => this.wake(service);
    const source = new OutboxSource({ service, url, sender, onWake, clock, logger });
    this.#sources.set(service, source);
    return source;
  }
}

/** Undefined while there is no outbox. */
async function beginAt(
  source: OutboxSource,
  from: ReadonlyMap<number, StartAt>,
): Promise<OutboxStart | undefined> {
  const state = await source.state();
  if (state === undefined) return undefined;
  const known = new Map<string, Promise<Place>>();
  const find = (name: string, ask: () => Promise<Place>): Promise<Place> => {
    const place = known.get(name) ?? ask();
    known.set(name, place);
    return place;
  };
  const places = new Map<number, Place>();
  for (const [partition, at] of from) {
    if (at === 'end') places.set(partition, await find('end', () => source.end()));
    else if (typeof at === 'object' && 'time' in at)
      places.set(partition, await find(at.time, () => source.since(at.time)));
    else {
      const cursor = at === 'start' ? undefined : cursorIn(at.position, `${source.service}@${state.id} `);
      // An outbox that was made anew, or a service that was none of the sources before: nothing of it was read.
      const place = cursor === undefined ? await find('start', () => source.start()) : toPlace(cursor);
      places.set(partition, place);
    }
  }
  return { id: state.id, home: state.home, places };
}

/** What lies at the end of an outbox that was not there when the reader began is its beginning. */
function behindNothing(from: ReadonlyMap<number, StartAt>): ReadonlyMap<number, StartAt> {
  return new Map([...from].map(([partition, at]) => [partition, at === 'end' ? 'start' : at]));
}

function cursorIn(position: string, prefix: string): string | undefined {
  return position
    .split(';')
    .find((each) => each.startsWith(prefix))
    ?.slice(prefix.length);
}

async function lagOf(
  source: OutboxSource,
  topics: readonly string[],
  from: ReadonlyMap<number, StartAt>,
): Promise<number> {
  const start = await beginAt(source, from);
  if (start === undefined || start.places.size === 0) return 0;
  const { sql } = source.database;
  const place = lowestOf([...start.places.values()], start.home);
  const { rows, more } = await scanOutbox(sql, place, {
    topics,
    partitions: [...start.places.keys()],
    limit: maxCounted,
    isCounting: true,
  });
  const isBehind = ({ partition, ...row }: (typeof rows)[number]) => {
    const own = start.places.get(partition ?? 0);
    return row.event !== null && own !== undefined && !showsRow(own, row);
  };
  const count = rows.filter(isBehind).length;
  if (!more) return count;
  const { after } = await source.end();
  return Math.max(count, Number(after) - Number(place.after));
}
