import {
  type Clock,
  isServiceError,
  type Logger,
  ServiceError,
  silentLogger,
  systemClock,
} from '@banyan/core';
import type { EncodedEvent, EventLog, LogFeatures, LogReader, ReadRequest } from '@banyan/events';
import type { StreamInfo } from '@nats-io/jetstream';
import { natsError } from './errors.ts';
import { EventStream, placeOf, type StreamPlace } from './event-stream.ts';
import { LossGuard } from './loss-guard.ts';
import { type JetStreamConnection, openConnection } from './nats-connection.ts';
import { openReader } from './nats-log-reader.ts';
import { type NatsUrl, parseNatsUrl } from './nats-url.ts';
import { Publisher } from './publisher.ts';
import { resolveStarts } from './starts.ts';
import { subjectOf } from './subjects.ts';

export interface NatsEventLogOptions {
  /**
   * `nats://user:password@one:4222,two:4222?name=shop&partitions=12&replicas=3`; `tls://` encrypts. The parameters: see the README. All but `name` take
   * effect when the stream is created; `partitions` must be the same for all processes and for ever.
   */
  readonly url: string;
  readonly clock?: Clock;
  readonly logger?: Logger;
  /** How long to wait for a confirmation or an answer before `unavailable`. Default 5,000. */
  readonly timeoutMs?: number;
  /** Unconfirmed messages at a time, of all `publish` calls together. Default 512. */
  readonly maxInFlight?: number;
  /** Events that a reader holds ahead of `next`, at most, if they are small. Default 2,000. */
  readonly readAhead?: number;
}

/** Left for subject and headers in what the server counts. */
const overheadBytes = 2_048;
const purgeStep = 50_000;

/**
 * The event log on NATS JetStream, server 2.9 or newer. Connects, and creates the stream if it is missing; from then on it connects again by itself for
 * as long as it is open.
 * @throws ServiceError `nats_url_invalid`, `nats_unavailable`, `nats_denied`, `nats_stream_unfit`
 */
export async function createNatsEventLog(options: NatsEventLogOptions): Promise<EventLog> {
  const { clock = systemClock, logger = silentLogger, timeoutMs = 5_000 } = options;
  const url = parseNatsUrl(options.url);
  const connection = await openConnection({ url, requestTimeoutMs: timeoutMs, logger });
  try {
    const stream = new EventStream(connection, url, { clock, logger });
    const info = await stream.ensure();
    const { maxInFlight = 512, readAhead = 2_000 } = options;
    const settings = { clock, logger, timeoutMs, maxInFlight, readAhead };
    return new NatsEventLog({ connection, stream, url, info, settings });
  } catch (error) {
    await connection.close();
    throw error;
  }
}

interface Parts {
  readonly connection: JetStreamConnection;
  readonly stream: EventStream;
  readonly url: NatsUrl;
  readonly info: StreamInfo;
  readonly settings: Required<Omit<NatsEventLogOptions, 'url'>>;
}

class NatsEventLog implements EventLog {
  readonly id: string;
  readonly partitions: number;
  readonly features: LogFeatures;
  readonly #parts: Parts;
  readonly #publisher: Publisher;
  readonly #readers = new Set<LogReader>();
  readonly #guard: LossGuard;
  #isClosed = false;

  constructor(parts: Parts) {
    this.#parts = parts;
    const { connection, stream, url, info, settings } = parts;
    this.id = `nats:${url.name}`;
    this.partitions = url.partitions;
    const { duplicate_window: windowNanos, max_msg_size: streamBytes } = info.config;
    const serverBytes = connection.nc.info?.max_payload ?? 1_048_576;
    this.features = {
      replay: true,
      remembersIdsForMs: windowNanos / 1_000_000,
      flushes: false,
      maxEventBytes: Math.min(serverBytes, streamBytes > 0 ? streamBytes : serverBytes) - overheadBytes,
    };
    this.#guard = new LossGuard({ ...settings, connection, stream, place: placeOf(info) });
    this.#publisher = new Publisher({
      ...settings,
      connection,
      stream,
      guard: this.#guard,
      partitions: url.partitions,
      ackTimeoutMs: settings.timeoutMs,
    });
  }

  async publish(events: readonly EncodedEvent[]): Promise<void> {
    this.#assertOpen();
    this.#refuseLarge(events);
    await this.#publisher.publish(events);
  }

  async open(request: ReadRequest): Promise<LogReader> {
    this.#assertOpen();
    const { connection, stream, settings } = this.#parts;
    const onClose = (reader: LogReader) => this.#readers.delete(reader);
    const reader = await openReader(
      { ...settings, connection, stream, guard: this.#guard, partitions: this.partitions, onClose },
      request,
    );
    this.#readers.add(reader);
    if (this.#isClosed) await reader.close();
    return reader;
  }

  async lag({ topics, from }: ReadRequest): Promise<number> {
    this.#assertOpen();
    const { stream } = this.#parts;
    const place = await stream.place();
    const first = await this.#firstOf(from, place);
    const topic = topics.length === 1 ? topics[0] : undefined;
    const counts = [...first]
      .filter(([, sequence]) => sequence <= place.last)
      .map(([partition, sequence]) => stream.countFrom(sequence, subjectOf(place, partition, topic)));
    return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
  }

  async prune(olderThanMs: number): Promise<number> {
    this.#assertOpen();
    const { stream, settings } = this.#parts;
    const info = await stream.ensure();
    // The server does it by itself.
    if (info.config.max_age > 0) return 0;
    const { first, last } = placeOf(info);
    if (first > last) return 0;
    const end = Math.min(
      await stream.sequenceAt(new Date(settings.clock.nowMs() - olderThanMs).toISOString()),
      last + 1,
    );
    let count = 0;
    for (let sequence = first; sequence < end; ) {
      sequence = Math.min(sequence + purgeStep, end);
      count += await stream.purgeBefore(sequence);
    }
    return count;
  }

  onLoss(listener: () => void): () => void {
    return this.#guard.onLoss(listener);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#guard.stop();
    await Promise.all([...this.#readers].map((reader) => reader.close()));
    await this.#parts.connection.close();
  }

  /** A place that is lost counts as the start: what is kept lies behind it. */
  async #firstOf(from: ReadRequest['from'], place: StreamPlace): Promise<ReadonlyMap<number, number>> {
    try {
      return (await resolveStarts(this.#parts.stream, from, place)).first;
    } catch (error) {
      if (!isServiceError(error) || error.reason !== 'position_lost') throw error;
      return new Map([...from.keys()].map((partition) => [partition, place.first]));
    }
  }

  #assertOpen(): void {
    if (this.#isClosed) throw natsError('nats_log_closed');
  }

  #refuseLarge(events: readonly EncodedEvent[]): void {
    const { maxEventBytes } = this.features;
    // Three bytes a UTF-16 unit at most: most events need no exact count.
    const isLarge = ({ text }: EncodedEvent) =>
      text.length * 3 > maxEventBytes && Buffer.byteLength(text) > maxEventBytes;
    const ids = events.filter(isLarge).map(({ id }) => id);
    if (ids.length === 0) return;
    throw new ServiceError(
      `${ids.length} events are larger than ${maxEventBytes} bytes, which is all that NATS takes.`,
      {
        code: 'invalid_argument',
        reason: 'event_refused',
        details: { ids },
      },
    );
  }
}
