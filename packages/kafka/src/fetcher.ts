import { type Clock, type Logger, sleep } from '@banyan/core';
import { fetchV13 } from '@platformatic/kafka';
import type { BrokerConnection } from './broker-connection.ts';
import type { Cluster, TopicPlan } from './cluster.ts';
import { kafkaError } from './errors.ts';
import { generationOf } from './positions.ts';
import { createSignal, type Signal } from './signal.ts';
import { addBatches, type Track } from './track.ts';

export interface FetcherOptions {
  readonly cluster: Cluster;
  readonly tracks: readonly Track[];
  readonly requestTimeoutMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Something was fetched, or went wrong. */
  readonly onChange: () => void;
}

/** Reads ahead on behalf of one reader: one connection and one waiting request for each broker that leads some of its partitions. */
export interface Fetcher {
  /** Why some partition cannot be read, if that has been so for longer than a broker may take to answer. */
  readonly failure: unknown;
  /** So many bytes were given out. */
  release(bytes: number): void;
  /** Look now whether topics that did not exist have been created. */
  lookAgain(): void;
  close(): void;
}

export function createFetcher(options: FetcherOptions): Fetcher {
  const fetcher = new TrackFetcher(options);
  void fetcher.run();
  return fetcher;
}

const readAheadBytes = 8 * 1024 * 1024;
const maxResponseBytes = 4 * 1024 * 1024;
const maxPartitionBytes = 1024 * 1024;
/** How long a broker holds a request for which it has nothing; also how late a reader meets a partition that moved to a known broker. */
const maxWaitMs = 500;
const calmIntervalMs = 30_000;
const retryIntervalMs = 250;

const outOfRange = 1;
const denied = 29;

class TrackFetcher implements Fetcher {
  readonly #options: FetcherOptions;
  readonly #attention: Signal;
  readonly #room: Signal;
  readonly #running = new Map<number, BrokerConnection | undefined>();
  /** By node, or by what is wrong apart from one node. */
  readonly #failures = new Map<number | 'metadata' | 'leader', Failure>();
  #heldBytes = 0;
  #turn = 0;
  #isClosed = false;

  constructor(options: FetcherOptions) {
    this.#options = options;
    this.#attention = createSignal(options.clock);
    this.#room = createSignal(options.clock);
  }

  get failure(): unknown {
    const { clock, requestTimeoutMs } = this.#options;
    for (const { error, sinceMs } of this.#failures.values()) {
      if (clock.nowMs() - sinceMs >= requestTimeoutMs) return error;
    }
    return undefined;
  }

  release(bytes: number): void {
    this.#heldBytes -= bytes;
    this.#room.raise();
  }

  lookAgain(): void {
    this.#attention.raise();
  }

  close(): void {
    this.#isClosed = true;
    for (const connection of this.#running.values()) connection?.destroy();
    this.#attention.raise();
    this.#room.raise();
  }

  /** Keeps one loop going for each broker that leads something. Never rejects. */
  async run(): Promise<void> {
    const { cluster, tracks, clock } = this.#options;
    const topics = [...new Set(tracks.map(({ topic }) => topic))];
    let isFirst = true;
    while (!this.#isClosed) {
      try {
        // Whoever opened the reader has just asked.
        if (!isFirst) await cluster.refresh(topics);
        isFirst = false;
        this.#failures.delete('metadata');
        this.#startLoops();
      } catch (error) {
        this.#failed('metadata', error);
      }
      const isCalm = this.#failures.size === 0 && tracks.every((track) => this.#isSettled(track));
      await this.#attention.wait(isCalm ? calmIntervalMs : retryIntervalMs);
      // A leader that is gone takes a while to be replaced; asking without a pause helps nobody.
      if (!this.#isClosed && this.#failures.size > 0) await sleep(retryIntervalMs, clock);
    }
  }

  #startLoops(): void {
    const { tracks } = this.#options;
    const nodes = new Set<number>();
    let hasLeaders = true;
    for (const track of tracks) {
      this.#orient(track);
      const node = this.#leaderOf(track);
      if (node !== undefined) nodes.add(node);
      else if (track.generation !== undefined) {
        hasLeaders = false;
        this.#failed(
          'leader',
          kafkaError('kafka_unavailable', { message: `Kafka has no leader for ${track.topic}.` }),
        );
      }
    }
    if (hasLeaders) this.#failures.delete('leader');
    for (const node of this.#failures.keys()) {
      if (typeof node === 'number' && !nodes.has(node)) this.#failures.delete(node);
    }
    for (const node of nodes) {
      if (!this.#running.has(node)) void this.#fetchFrom(node);
    }
  }

  #isSettled(track: Track): boolean {
    return track.lost !== undefined || (this.#leaderOf(track) !== undefined && !track.isStale);
  }

  /** Compares a track with what the cluster says now. */
  #orient(track: Track): void {
    const plan = this.#options.cluster.topic(track.topic);
    if (plan === undefined) return;
    const generation = generationOf(plan.id);
    track.generation ??= generation;
    track.isStale = false;
    if (track.generation === generation || track.lost !== undefined) return;
    track.lost = `the Kafka topic ${track.topic} was deleted and created again`;
    this.#options.onChange();
  }

  #leaderOf({ topic, partition }: Track): number | undefined {
    return this.#options.cluster.topic(topic)?.leaders[partition];
  }

  async #fetchFrom(node: number): Promise<void> {
    this.#running.set(node, undefined);
    let connection: BrokerConnection | undefined;
    try {
      connection = await this.#options.cluster.connect(node);
      this.#running.set(node, connection);
      while (!this.#isClosed) {
        const tracks = this.#options.tracks.filter((track) => this.#canFetch(track, node));
        if (tracks.length === 0) break;
        if (this.#heldBytes < readAheadBytes) await this.#fetch(node, connection, tracks);
        else await this.#room.wait(calmIntervalMs);
      }
    } catch (error) {
      this.#failed(node, error);
      this.#attention.raise();
    } finally {
      connection?.destroy();
      this.#running.delete(node);
    }
  }

  #canFetch(track: Track, node: number): boolean {
    return track.lost === undefined && !track.isStale && this.#leaderOf(track) === node;
  }

  async #fetch(node: number, connection: BrokerConnection, tracks: readonly Track[]): Promise<void> {
    const asked = new Map<string, { readonly track: Track; readonly offset: number }>();
    const topics = new Map<string, { topicId: string; partitions: fetchV13.FetchRequestPartition[] }>();
    this.#turn += 1;
    // A broker fills its answer in the order of the request, so another partition comes first each time.
    const first = this.#turn % tracks.length;
    for (const track of [...tracks.slice(first), ...tracks.slice(0, first)]) {
      const { id } = this.#options.cluster.topic(track.topic) as TopicPlan;
      const topic = topics.get(id) ?? { topicId: id, partitions: [] };
      topics.set(id, topic);
      asked.set(`${id}/${track.partition}`, { track, offset: track.fetchOffset });
      topic.partitions.push({
        partition: track.partition,
        currentLeaderEpoch: -1,
        fetchOffset: BigInt(track.fetchOffset),
        lastFetchedEpoch: -1,
        partitionMaxBytes: maxPartitionBytes,
      });
    }
    const answer = await connection.request(
      fetchV13.api,
      [maxWaitMs, 1, maxResponseBytes, 0, 0, -1, [...topics.values()], [], ''],
      maxWaitMs,
    );
    let isStale = answer.errorCode !== 0;
    let hasNews = false;
    for (const { topicId, partitions } of answer.responses) {
      for (const partition of partitions) {
        const { track, offset } = asked.get(`${topicId}/${partition.partitionIndex}`) ?? {};
        // Another broker may have answered for it meanwhile.
        if (track === undefined || track.fetchOffset !== offset) continue;
        if (partition.errorCode !== 0) {
          this.#refused(node, track, partition.errorCode);
          isStale = true;
          continue;
        }
        this.#heldBytes += addBatches(track, partition.records ?? []);
        hasNews ||= track.fetchOffset !== offset;
      }
    }
    if (hasNews) this.#options.onChange();
    if (answer.errorCode !== 0) for (const track of tracks) track.isStale = true;
    if (isStale) this.#attention.raise();
    else this.#failures.delete(node);
  }

  #refused(node: number, track: Track, errorCode: number): void {
    if (errorCode === outOfRange) {
      track.lost = `Kafka keeps nothing at offset ${track.fetchOffset} of ${track.topic}`;
      this.#options.onChange();
      return;
    }
    track.isStale = true;
    const error =
      errorCode === denied
        ? kafkaError('kafka_denied', { message: `Kafka denies reading ${track.topic}.` })
        : kafkaError('kafka_unavailable', {
            message: `Kafka cannot read ${track.topic} now (error ${errorCode}).`,
          });
    this.#failed(node, error);
  }

  #failed(what: number | 'metadata' | 'leader', error: unknown): void {
    if (this.#isClosed || this.#failures.has(what)) return;
    const { clock, logger, onChange, requestTimeoutMs } = this.#options;
    logger.warn('reading from Kafka fails; trying again', { error });
    this.#failures.set(what, { error, sinceMs: clock.nowMs() });
    // Wakes a reader that waits for events when its patience is over.
    clock.setTimer(onChange, requestTimeoutMs);
  }
}

interface Failure {
  readonly error: unknown;
  readonly sinceMs: number;
}
