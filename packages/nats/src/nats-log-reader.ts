import { type Clock, isServiceError, type Logger, type ServiceError } from '@banyan/core';
import {
  type CloudEvent,
  decodeEvent,
  type LogPage,
  type LogPosition,
  type LogReader,
  lossOf,
  type MalformedRecord,
  type ReadRequest,
  toMalformedRecord,
} from '@banyan/events';
import type { StreamInfo } from '@nats-io/jetstream';
import { type EventStream, placeOf } from './event-stream.ts';
import { Feed, type FeedMessage } from './feed.ts';
import type { LossGuard } from './loss-guard.ts';
import type { JetStreamConnection } from './nats-connection.ts';
import { checkOf, formatPosition } from './position.ts';
import { resolveStarts } from './starts.ts';
import { parseSubject, type SubjectSpace, subjectOf } from './subjects.ts';

export interface ReaderOptions {
  readonly connection: JetStreamConnection;
  readonly stream: EventStream;
  readonly guard: LossGuard;
  readonly partitions: number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Messages that a reader holds ahead of `next`, at most. */
  readonly readAhead: number;
  readonly onClose: (reader: LogReader) => void;
}

/** A feed and the partitions in it. */
interface Source {
  readonly feed: Feed;
  readonly partitions: ReadonlySet<number>;
  /** Everything up to this sequence was taken from the feed. */
  passed: number;
}

/**
 * Beyond this many messages between the places of two partitions, each gets a feed of its own: the foreign messages that the common feed would repeat
 * cost more than eleven feeds.
 */
const commonFeedSpread = 20_000;
/** A partition without events is moved along when it is this far behind, so that reading on there skips what is known to be none of its own. */
const idleSpread = 10_000;
/** How often to look whether partitions without events can be moved along. */
const idleCheckMs = 10_000;

/** @throws ServiceError `nats_unavailable`. What is wrong with the places is told by the first `next`. */
export async function openReader(options: ReaderOptions, request: ReadRequest): Promise<LogReader> {
  const info = await options.stream.ensure();
  const reader = new NatsLogReader(options, request);
  try {
    await reader.start(request, info);
  } catch (error) {
    if (!isServiceError(error) || error.reason !== 'position_lost') {
      await reader.close();
      throw error;
    }
    reader.fail(error);
    const loss = lossOf(error);
    if (loss === 'recreated' || loss === 'put_back') options.guard.missed(placeOf(info), loss);
  }
  return reader;
}

class NatsLogReader implements LogReader {
  readonly #options: ReaderOptions;
  readonly #topics: ReadonlySet<string>;
  readonly #sources: Source[] = [];
  /** Sequence up to which each partition was read. */
  readonly #places = new Map<number, number>();
  /** Moves that no page has told yet. */
  #moved = new Map<number, LogPosition>();
  readonly #stopListening: () => void;
  #space: SubjectSpace = { name: '', epoch: '' };
  #turn = 0;
  #failure: ServiceError | undefined;
  #isClosed = false;
  #wake: (() => void) | undefined;
  #idleCheckedAtMs: number;
  #isChecking = false;

  constructor(options: ReaderOptions, request: ReadRequest) {
    this.#options = options;
    this.#topics = new Set(request.topics);
    this.#idleCheckedAtMs = options.clock.nowMs();
    this.#stopListening = options.connection.onDown((error) => {
      // What was on its way is lost without a trace; the places know what was not.
      for (const { feed } of this.#sources) feed.fail(error);
      this.#wake?.();
    });
  }

  async start({ from }: ReadRequest, info: StreamInfo): Promise<void> {
    const { stream } = this.#options;
    const place = placeOf(info);
    this.#space = place;
    const { first, found } = await resolveStarts(stream, from, place);
    this.#moved = new Map(found);
    for (const [partition, sequence] of first) this.#places.set(partition, sequence - 1);
    const sequences = [...first.values()];
    const least = Math.min(...sequences);
    const isCommon =
      first.size === this.#options.partitions && Math.max(...sequences) - least <= commonFeedSpread;
    const messageBytes = info.state.messages === 0 ? 8_192 : info.state.bytes / info.state.messages;
    if (isCommon) this.#addSource(new Set(first.keys()), least, messageBytes);
    else
      for (const [partition, sequence] of first)
        this.#addSource(new Set([partition]), sequence, messageBytes);
    await Promise.all(this.#sources.map(({ feed }) => feed.start()));
  }

  #addSource(partitions: ReadonlySet<number>, firstSequence: number, messageBytes: number): void {
    const { connection, stream, clock, readAhead } = this.#options;
    const [only] = partitions;
    const isAll = partitions.size === this.#options.partitions;
    const feed = new Feed({
      connection,
      stream,
      clock,
      firstSequence,
      messageBytes: Math.max(1, messageBytes),
      window: isAll ? readAhead : Math.max(64, Math.floor(readAhead / this.#places.size)),
      ...(!isAll && only !== undefined && { filter: subjectOf(this.#space, only) }),
      onChange: () => this.#wake?.(),
    });
    this.#sources.push({ feed, partitions, passed: firstSequence - 1 });
  }

  async next(limit: number, waitMs: number): Promise<LogPage> {
    const { clock } = this.#options;
    const endsAtMs = clock.nowMs() + waitMs;
    this.#checkIdle();
    for (;;) {
      const page = this.#isClosed ? emptyPage() : this.#take(limit);
      if (this.#isClosed || page.events.length + page.malformed.length > 0) return this.#tell(page);
      const failure = this.#failure ?? this.#sources.find(({ feed }) => feed.failure)?.feed.failure;
      if (failure !== undefined) throw failure;
      const restMs = endsAtMs - clock.nowMs();
      if (restMs <= 0) return this.#tell(page);
      await this.#wait(restMs);
    }
  }

  async commit(): Promise<void> {}

  /** Lets the next `next` reject. */
  fail(error: ServiceError): void {
    this.#failure = error;
    this.#wake?.();
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#stopListening();
    for (const { feed } of this.#sources) feed.close();
    this.#wake?.();
    this.#options.onClose(this);
  }

  /** Takes from each feed in turn, another one first each time, so that none starves. */
  #take(limit: number): Pick<LogPage, 'events' | 'malformed'> {
    const page = emptyPage();
    this.#turn += 1;
    for (let index = 0; index < this.#sources.length; index += 1) {
      const source = this.#sources[(index + this.#turn) % this.#sources.length] as Source;
      this.#takeFrom(source, limit, page);
    }
    return page;
  }

  #takeFrom(source: Source, limit: number, page: ReturnType<typeof emptyPage>): void {
    const last = new Map<number, FeedMessage>();
    let newest: FeedMessage | undefined;
    while (page.events.length + page.malformed.length < limit) {
      const message = source.feed.shift();
      if (message === undefined) break;
      newest = message;
      const { partition, topic } = parseSubject(message.subject);
      const place = this.#places.get(partition);
      // The common feed begins at the place that is furthest behind.
      if (place === undefined || message.sequence <= place) continue;
      this.#places.set(partition, message.sequence);
      last.set(partition, message);
      if (this.#topics.has(topic)) this.#read(message, partition, topic, page);
    }
    if (newest === undefined) return;
    source.passed = newest.sequence;
    for (const partition of source.partitions) {
      const message = last.get(partition);
      if (message !== undefined) this.#moveTo(partition, message);
      else if (newest.sequence - (this.#places.get(partition) ?? 0) > idleSpread)
        this.#moveTo(partition, newest);
    }
  }

  #read(message: FeedMessage, partition: number, topic: string, page: ReturnType<typeof emptyPage>): void {
    const { buffer, byteOffset, byteLength } = message.message.data;
    const text = Buffer.from(buffer, byteOffset, byteLength).toString();
    try {
      page.events.push(decodeEvent(text));
    } catch (error) {
      const position = this.#positionOf(message);
      page.malformed.push(toMalformedRecord({ partition, position, topic, text }, error));
    }
  }

  #moveTo(partition: number, message: FeedMessage): void {
    this.#places.set(partition, message.sequence);
    this.#moved.set(partition, this.#positionOf(message));
  }

  #positionOf(message: FeedMessage): LogPosition {
    const check = checkOf(message.message.headers?.get('Nats-Msg-Id'));
    return formatPosition({ epoch: this.#space.epoch, sequence: message.sequence, check });
  }

  #tell(page: Pick<LogPage, 'events' | 'malformed'>): LogPage {
    const positions = this.#moved;
    this.#moved = new Map();
    return { ...page, positions };
  }

  #wait(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const finish = () => {
        cancel();
        this.#wake = undefined;
        resolve();
      };
      const cancel = this.#options.clock.setTimer(finish, timeoutMs);
      this.#wake = finish;
    });
  }

  /**
   * Moves partitions along that had nothing for a while: otherwise their places would stay behind for ever, retention would overtake them, and a reader
   * opened there would be told that it missed something.
   */
  #checkIdle(): void {
    const { clock, logger } = this.#options;
    if (this.#isChecking || clock.nowMs() - this.#idleCheckedAtMs < idleCheckMs) return;
    this.#isChecking = true;
    this.#moveIdle()
      // A reader that cannot read says so in `next`.
      .catch((error: unknown) => logger.debug('idle partitions were not moved along', { error }))
      .finally(() => {
        this.#isChecking = false;
        this.#idleCheckedAtMs = clock.nowMs();
      });
  }

  async #moveIdle(): Promise<void> {
    const { epoch, last } = await this.#options.stream.place();
    const check = await this.#options.stream.checkAt(last);
    if (epoch !== this.#space.epoch || check === undefined) return;
    for (const source of this.#sources) {
      const behind = [...source.partitions].filter((partition) => (this.#places.get(partition) ?? 0) < last);
      // Asked after the end of the stream was read: whoever is drained now has passed it.
      if (behind.length === 0 || !(await source.feed.isDrained())) continue;
      for (const partition of behind) {
        if ((this.#places.get(partition) ?? 0) >= last) continue;
        this.#places.set(partition, last);
        this.#moved.set(partition, formatPosition({ epoch, sequence: last, check }));
      }
    }
  }
}

function emptyPage(): { events: CloudEvent[]; malformed: MalformedRecord[] } {
  return { events: [], malformed: [] };
}
