import { type Clock, type Logger, ServiceError } from '@banyan/core';
import { type EncodedEvent, partitionOf } from '@banyan/events';
import type { Cluster } from './cluster.ts';
import { kafkaError } from './errors.ts';
import { kafkaTopicOf } from './kafka-topics.ts';
import type { KafkaUrl } from './kafka-url.ts';
import { createLane, type Lane } from './lane.ts';
import { encodeRecord } from './record-encoding.ts';
import { createSender, type Sender } from './sender.ts';
import { defaultMaxBatchBytes, ensureTopics, readMaxBatchBytes } from './topic-creation.ts';

/** Room in a batch for its header and for the key, the headers and the time of one record. */
const batchOverheadBytes = 48_588;
export const maxEventBytes = defaultMaxBatchBytes - batchOverheadBytes;

export interface PublisherOptions {
  readonly cluster: Cluster;
  readonly url: KafkaUrl;
  readonly publishTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Topics that this process did not know of exist now. */
  readonly onTopicsReady: () => void;
}

export interface Publisher {
  /** See `EventLog.publish`. */
  publish(events: readonly EncodedEvent[]): Promise<void>;
  close(): void;
}

export function createPublisher(options: PublisherOptions): Publisher {
  return new KafkaPublisher(options);
}

/**
 * Puts each event into the lane of its partition. A lane has one batch on the way at a time, so that a failed one is repeated before the
 * next one goes; batches of different lanes travel together.
 */
class KafkaPublisher implements Publisher {
  readonly #options: PublisherOptions;
  readonly #sender: Sender;
  readonly #lanes = new Map<string, Lane>();
  /** Most bytes of a batch for each topic known to exist. */
  readonly #maxBatchBytes = new Map<string, number>();
  readonly #preparing = new Map<string, Promise<void>>();
  #isClosed = false;

  constructor(options: PublisherOptions) {
    this.#options = options;
    this.#sender = createSender({
      ...options,
      // Someone deleted the topic, or made it smaller: find out before the next event goes there.
      onTopicChanged: (topic) => this.#maxBatchBytes.delete(topic),
    });
  }

  async publish(events: readonly EncodedEvent[]): Promise<void> {
    if (events.length === 0) return;
    const { url, clock, publishTimeoutMs } = this.#options;
    refuseLarge(events, () => maxEventBytes);
    const byTopic = Map.groupBy(events, ({ topic }) => kafkaTopicOf(url.prefix, topic));
    const unconfirmed = new Set<Lane>();
    let cancel = () => {};
    const late = new Promise<never>((_, reject) => {
      cancel = clock.setTimer(() => {
        const error = this.#explain(unconfirmed);
        reject(error);
        for (const lane of unconfirmed) this.#sender.abandon(lane, error);
      }, publishTimeoutMs);
    });
    try {
      await Promise.race([late, this.#prepare([...byTopic.keys()])]);
      for (const [topic, ofTopic] of byTopic) {
        refuseLarge(
          ofTopic,
          () => (this.#maxBatchBytes.get(topic) ?? defaultMaxBatchBytes) - batchOverheadBytes,
        );
      }
      if (this.#isClosed) throw kafkaError('kafka_log_closed');
      const pieces = [...byTopic].flatMap(([topic, ofTopic]) => this.#enqueue(topic, ofTopic, unconfirmed));
      this.#sender.send(unconfirmed);
      await Promise.race([late, Promise.all(pieces)]);
    } finally {
      cancel();
    }
  }

  /** Why the time ran out, as far as brokers have said. */
  #explain(lanes: Iterable<Lane>): unknown {
    for (const lane of lanes) {
      const reason = this.#sender.whyNot(lane);
      if (reason !== undefined) return reason;
    }
    const { publishTimeoutMs } = this.#options;
    return kafkaError('kafka_unavailable', {
      message: `Kafka did not confirm the events within ${publishTimeoutMs} ms.`,
    });
  }

  /** Each topic once, however many callers wait for it. */
  async #prepare(topics: readonly string[]): Promise<void> {
    const unknown = topics.filter((topic) => !this.#maxBatchBytes.has(topic));
    if (unknown.length === 0) return;
    const fresh = unknown.filter((topic) => !this.#preparing.has(topic));
    if (fresh.length > 0) {
      const work = this.#prepareNow(fresh).finally(() => {
        for (const topic of fresh) this.#preparing.delete(topic);
      });
      for (const topic of fresh) this.#preparing.set(topic, work);
    }
    await Promise.all(unknown.map((topic) => this.#preparing.get(topic) ?? Promise.resolve()));
  }

  async #prepareNow(topics: readonly string[]): Promise<void> {
    const { cluster } = this.#options;
    await ensureTopics(topics, this.#options);
    const limits = await readMaxBatchBytes(cluster, topics);
    for (const topic of topics) this.#maxBatchBytes.set(topic, limits.get(topic) ?? defaultMaxBatchBytes);
    this.#options.onTopicsReady();
  }

  #enqueue(topic: string, events: readonly EncodedEvent[], unconfirmed: Set<Lane>): Promise<void>[] {
    const { url } = this.#options;
    const settled: Promise<void>[] = [];
    for (const [partition, ofPartition] of Map.groupBy(events, ({ key }) =>
      partitionOf(key, url.partitions),
    )) {
      const lane = this.#laneOf(topic, partition);
      const records = ofPartition.map(encodeRecord);
      unconfirmed.add(lane);
      const pieces = lane.add(records, this.#maxBatchBytes.get(topic) ?? defaultMaxBatchBytes);
      settled.push(Promise.all(pieces).then(() => void unconfirmed.delete(lane)));
    }
    return settled;
  }

  #laneOf(topic: string, partition: number): Lane {
    const name = `${topic}/${partition}`;
    const lane = this.#lanes.get(name) ?? createLane(topic, partition);
    this.#lanes.set(name, lane);
    return lane;
  }

  close(): void {
    this.#isClosed = true;
    const error = kafkaError('kafka_log_closed');
    for (const lane of this.#lanes.values()) this.#sender.abandon(lane, error);
    this.#sender.close();
  }
}

function refuseLarge(events: readonly EncodedEvent[], limit: () => number): void {
  const maxBytes = limit();
  // Three bytes a UTF-16 unit at most: most events need no exact count.
  const ids = events
    .filter(({ text }) => text.length * 3 > maxBytes && Buffer.byteLength(text) > maxBytes)
    .map(({ id }) => id);
  if (ids.length === 0) return;
  throw new ServiceError(
    `${ids.length} events are larger than the ${maxBytes} bytes that Kafka takes here.`,
    {
      code: 'invalid_argument',
      reason: 'event_refused',
      details: { ids },
    },
  );
}
