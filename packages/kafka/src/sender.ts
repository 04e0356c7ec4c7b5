import type { Clock, Logger } from '@banyan/core';
import { initProducerIdV4 } from '@platformatic/kafka';
import type { BrokerConnection } from './broker-connection.ts';
import type { Cluster } from './cluster.ts';
import { kafkaError } from './errors.ts';
import type { KafkaUrl } from './kafka-url.ts';
import type { Chunk, Lane } from './lane.ts';
import { produce } from './produce-request.ts';
import { ensureTopics } from './topic-creation.ts';

export interface SenderOptions {
  readonly cluster: Cluster;
  readonly url: KafkaUrl;
  readonly requestTimeoutMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onTopicChanged: (topic: string) => void;
}

/** Brings what waits in lanes to the brokers that lead them, again and again until it is confirmed or abandoned. */
export interface Sender {
  send(lanes: Iterable<Lane>): void;
  abandon(lane: Lane, error: unknown): void;
  /** What the last try failed of; undefined if there was no failure since the last success. */
  whyNot(lane: Lane): unknown;
  close(): void;
}

export function createSender(options: SenderOptions): Sender {
  return new KafkaSender(options);
}

const firstBackOffMs = 50;
const maxBackOffMs = 1_000;
/** Lanes in one request: each has at most half a megabyte. */
const maxLanesInRequest = 16;

const errorCodes = {
  unknownTopic: 3,
  tooLarge: [10, 18],
  replicasMissing: [19, 20],
  denied: [29, 31, 58],
  /** Out of order, duplicate beyond the broker's memory, older epoch, unknown producer: count anew. Readers know the ids of what is doubled. */
  miscounted: [45, 46, 47, 59],
} as const;

class KafkaSender implements Sender {
  readonly #options: SenderOptions;
  readonly #waiting = new Set<Lane>();
  readonly #busy = new Set<number>();
  readonly #connections = new Map<number, BrokerConnection>();
  /** Lanes that failed and wait for the next try. */
  readonly #failed = new Set<Lane>();
  readonly #reasons = new Map<Lane, unknown>();
  #producerId: Promise<bigint> | undefined;
  #backOffMs = firstBackOffMs;
  #isBackingOff = false;
  #isClosed = false;

  constructor(options: SenderOptions) {
    this.#options = options;
  }

  send(lanes: Iterable<Lane>): void {
    for (const lane of lanes) this.#waiting.add(lane);
    this.#pump();
  }

  abandon(lane: Lane, error: unknown): void {
    lane.abandon(error);
    this.#failed.delete(lane);
    this.#reasons.delete(lane);
    this.#waiting.delete(lane);
  }

  whyNot(lane: Lane): unknown {
    return this.#reasons.get(lane);
  }

  close(): void {
    this.#isClosed = true;
    this.#waiting.clear();
  }

  /** One request at a time for each broker; it takes all lanes that have something by then. */
  #pump(): void {
    if (this.#isClosed) return;
    const byNode = new Map<number, Lane[]>();
    for (const lane of this.#waiting) {
      if (this.#failed.has(lane)) continue;
      const node = this.#options.cluster.topic(lane.topic)?.leaders[lane.partition];
      if (node === undefined) {
        this.#fail(
          lane,
          kafkaError('kafka_unavailable', { message: `Kafka has no leader for ${lane.topic}.` }),
        );
      } else if (!this.#busy.has(node)) {
        const lanes = byNode.get(node) ?? [];
        byNode.set(node, lanes);
        if (lanes.length < maxLanesInRequest) lanes.push(lane);
      }
    }
    for (const [node, lanes] of byNode) void this.#sendTo(node, lanes);
  }

  async #sendTo(node: number, lanes: readonly Lane[]): Promise<void> {
    this.#busy.add(node);
    try {
      const producerId = await this.#getProducerId();
      const connection = await this.#connectionTo(node);
      const sent = new Map<string, { readonly lane: Lane; readonly chunk: Chunk }>();
      for (const lane of lanes) {
        const chunk = lane.take(producerId);
        if (chunk === undefined) this.#waiting.delete(lane);
        else sent.set(`${lane.topic}/${lane.partition}`, { lane, chunk });
      }
      if (sent.size > 0) await this.#produce(connection, sent);
    } catch (error) {
      for (const lane of lanes) this.#fail(lane, error);
    } finally {
      this.#busy.delete(node);
    }
    this.#pump();
  }

  async #produce(
    connection: BrokerConnection,
    sent: ReadonlyMap<string, { readonly lane: Lane; readonly chunk: Chunk }>,
  ): Promise<void> {
    const { requestTimeoutMs } = this.#options;
    const batches = [...sent.values()].flatMap(({ lane: { topic, partition }, chunk: { records, stamp } }) =>
      stamp === undefined ? [] : [{ topic, partition, stamp, records }],
    );
    const answer = await connection.request(produce, [batches, requestTimeoutMs], requestTimeoutMs);
    for (const { name, partitionResponses } of answer.responses) {
      for (const { index, errorCode } of partitionResponses) {
        const { lane, chunk } = sent.get(`${name}/${index}`) ?? {};
        // Abandoned meanwhile: whoever waited has been told.
        if (lane === undefined || chunk === undefined || !lane.isOnTheWay(chunk)) continue;
        if (errorCode === 0) this.#confirm(lane, chunk);
        else this.#refused(lane, errorCode);
      }
    }
  }

  #confirm(lane: Lane, chunk: Chunk): void {
    lane.confirm(chunk);
    this.#reasons.delete(lane);
    this.#backOffMs = firstBackOffMs;
    // To the end of the line: a lane that always has more must not keep the others from their turn.
    this.#waiting.delete(lane);
    if (lane.isWaiting) this.#waiting.add(lane);
  }

  #refused(lane: Lane, errorCode: number): void {
    const { denied, miscounted, replicasMissing, tooLarge, unknownTopic } = errorCodes;
    const about = `the topic ${lane.topic} (error ${errorCode})`;
    if (isOneOf(errorCode, denied)) {
      this.abandon(lane, kafkaError('kafka_denied', { message: `Kafka denies writing to ${about}.` }));
      return;
    }
    if (isOneOf(errorCode, tooLarge)) {
      this.#options.onTopicChanged(lane.topic);
      const message = `Kafka takes less at once than it used to for ${about}.`;
      this.abandon(lane, kafkaError('kafka_unavailable', { message }));
      return;
    }
    if (isOneOf(errorCode, miscounted)) {
      this.#producerId = undefined;
      lane.restamp();
    }
    if (errorCode === unknownTopic) this.#options.onTopicChanged(lane.topic);
    const reason = isOneOf(errorCode, replicasMissing) ? 'kafka_replicas_missing' : 'kafka_unavailable';
    this.#fail(lane, kafkaError(reason, { message: `Kafka cannot write to ${about} now.` }));
  }

  /** Tried again after a while, with fresh knowledge of who leads, until the caller's time is over. */
  #fail(lane: Lane, error: unknown): void {
    if (!lane.isWaiting) {
      this.#waiting.delete(lane);
      return;
    }
    this.#failed.add(lane);
    this.#reasons.set(lane, error);
    if (this.#isBackingOff) return;
    this.#isBackingOff = true;
    const delayMs = this.#backOffMs;
    this.#backOffMs = Math.min(maxBackOffMs, delayMs * 2);
    this.#options.clock.setTimer(() => void this.#retry(), delayMs);
  }

  async #retry(): Promise<void> {
    const { logger } = this.#options;
    const lanes = [...this.#failed];
    const topics = [...new Set(lanes.map(({ topic }) => topic))];
    try {
      if (!this.#isClosed && topics.length > 0) await ensureTopics(topics, this.#options);
      for (const lane of lanes) this.#failed.delete(lane);
    } catch (error) {
      logger.warn('Kafka cannot be asked who leads; trying again', { topics, error });
    }
    this.#isBackingOff = false;
    if (this.#isClosed) return;
    for (const lane of [...this.#failed]) this.#fail(lane, this.#reasons.get(lane));
    this.#pump();
  }

  async #connectionTo(node: number): Promise<BrokerConnection> {
    const open = this.#connections.get(node);
    if (open?.isOpen) return open;
    const connection = await this.#options.cluster.connect(node);
    this.#connections.set(node, connection);
    return connection;
  }

  #getProducerId(): Promise<bigint> {
    this.#producerId ??= this.#askForProducerId().catch((error: unknown) => {
      this.#producerId = undefined;
      throw error;
    });
    return this.#producerId;
  }

  async #askForProducerId(): Promise<bigint> {
    const answer = await this.#options.cluster.ask(initProducerIdV4.api, [null, 60_000, -1n, -1]);
    if (answer.errorCode === 0) return answer.producerId;
    throw kafkaError('kafka_unavailable', {
      message: `Kafka gave no producer id (error ${answer.errorCode}).`,
    });
  }
}

function isOneOf(code: number, codes: readonly number[]): boolean {
  return codes.includes(code);
}
