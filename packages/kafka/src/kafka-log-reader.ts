import { type Clock, type Logger, ServiceError } from '@banyan/core';
import type { CloudEvent, LogPage, LogPosition, LogReader, MalformedRecord } from '@banyan/events';
import type { Cluster } from './cluster.ts';
import { createFetcher, type Fetcher } from './fetcher.ts';
import { encodePosition, type PartitionPlace, type TopicPlace } from './positions.ts';
import { decodeRecord } from './record-decoding.ts';
import { createSignal, type Signal } from './signal.ts';
import type { Starts } from './starts.ts';
import { createTrack, nextRecord, passRecord, settleTrack, type Track } from './track.ts';

export interface KafkaReaderOptions extends Starts {
  readonly cluster: Cluster;
  readonly topics: readonly string[];
  readonly prefix: string;
  readonly requestTimeoutMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onClose: (reader: KafkaLogReader) => void;
}

export interface KafkaLogReader extends LogReader {
  /** A topic was created by this process. */
  lookAgain(): void;
}

export function createKafkaLogReader(options: KafkaReaderOptions): KafkaLogReader {
  return new TrackReader(options);
}

interface Page {
  readonly events: CloudEvent[];
  readonly malformed: MalformedRecord[];
  readonly moved: Set<number>;
}

class TrackReader implements KafkaLogReader {
  readonly #options: KafkaReaderOptions;
  readonly #wanted: ReadonlySet<string>;
  readonly #tracks: readonly Track[];
  readonly #byPartition: ReadonlyMap<number, readonly Track[]>;
  readonly #arrival: Signal;
  readonly #fetcher: Fetcher;
  #turn = 0;
  #isClosed = false;

  constructor(options: KafkaReaderOptions) {
    this.#options = options;
    this.#wanted = new Set(options.topics);
    this.#tracks = options.starts.map(createTrack);
    this.#byPartition = Map.groupBy(this.#tracks, ({ partition }) => partition);
    this.#arrival = createSignal(options.clock);
    const onChange = () => this.#arrival.raise();
    this.#fetcher = createFetcher({ ...options, tracks: this.#tracks, onChange });
  }

  async next(limit: number, waitMs: number): Promise<LogPage> {
    const { clock } = this.#options;
    const endsAtMs = clock.nowMs() + waitMs;
    const page: Page = { events: [], malformed: [], moved: new Set() };
    for (;;) {
      if (!this.#isClosed) this.#take(limit, page);
      const restMs = endsAtMs - clock.nowMs();
      const isFound = page.events.length + page.malformed.length > 0;
      if (isFound || this.#isClosed || restMs <= 0) return this.#finish(page);
      this.#complain(page);
      await this.#arrival.wait(restMs);
    }
  }

  /** From each track in turn, another one first each time, so that none starves. */
  #take(limit: number, page: Page): void {
    this.#turn += 1;
    const first = this.#turn % Math.max(1, this.#tracks.length);
    let bytes = 0;
    for (let index = 0; index < this.#tracks.length; index += 1) {
      const track = this.#tracks[(first + index) % this.#tracks.length] as Track;
      const before = track.offset;
      for (let next = nextRecord(track); next !== undefined; next = nextRecord(track)) {
        if (page.events.length + page.malformed.length >= limit) break;
        if (track.sinceMs !== undefined && next.timestampMs >= track.sinceMs) track.sinceMs = undefined;
        if (track.sinceMs === undefined) this.#give(track, page);
        bytes += next.bytes;
        passRecord(track);
      }
      settleTrack(track);
      if (track.offset !== before) page.moved.add(track.partition);
    }
    if (bytes > 0) this.#fetcher.release(bytes);
  }

  #give(track: Track, { events, malformed }: Page): void {
    const next = nextRecord(track);
    if (next === undefined) return;
    const decoded = decodeRecord(next.record, track.topic, this.#wanted);
    if (decoded.kind === 'event') events.push(decoded.event);
    if (decoded.kind !== 'malformed') return;
    const position = this.#positionOf(track.partition, { track, offset: next.offset });
    malformed.push({ ...decoded.malformed, partition: track.partition, position });
  }

  #finish({ events, malformed, moved }: Page): LogPage {
    const positions = new Map<number, LogPosition>();
    for (const partition of moved) positions.set(partition, this.#positionOf(partition));
    return { events, malformed, positions };
  }

  /** @param at stands in for where one track is */
  #positionOf(partition: number, at?: { readonly track: Track; readonly offset: number }): LogPosition {
    const { kept, prefix } = this.#options;
    const place = new Map<string, TopicPlace>(kept.get(partition) as PartitionPlace | undefined);
    for (const track of this.#byPartition.get(partition) ?? []) {
      const { generation } = track;
      if (generation === undefined) continue;
      const offset = track === at?.track ? at.offset : track.offset;
      place.set(track.topic.slice(prefix.length), { generation, offset });
    }
    return encodePosition(place);
  }

  /** Only when there is nothing to give; what was passed over is told by the next reader's page. */
  #complain({ moved }: Page): void {
    const lost = this.#tracks.find((track) => track.lost !== undefined && nextRecord(track) === undefined);
    if (lost !== undefined) {
      throw new ServiceError(
        `The log does not keep what comes next in partition ${lost.partition}: ${lost.lost}. Start again at a place that it keeps.`,
        { code: 'failed_precondition', reason: 'position_lost' },
      );
    }
    const failure = this.#fetcher.failure;
    if (failure !== undefined && moved.size === 0) throw failure;
  }

  async commit(): Promise<void> {}

  lookAgain(): void {
    this.#fetcher.lookAgain();
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#fetcher.close();
    this.#arrival.raise();
    this.#options.onClose(this);
  }
}
