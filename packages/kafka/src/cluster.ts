import type { Clock, Logger } from '@banyan/core';
import { type API, metadataV12 } from '@platformatic/kafka';
import { type BrokerConnection, type ConnectionSettings, connectToBroker } from './broker-connection.ts';
import { kafkaError } from './errors.ts';
import type { BrokerAddress } from './kafka-url.ts';

export interface TopicPlan {
  readonly name: string;
  /** Changes when a topic is deleted and created again. */
  readonly id: string;
  /** Node that leads each partition; undefined while there is none. */
  readonly leaders: readonly (number | undefined)[];
}

export interface ClusterOptions {
  readonly brokers: readonly BrokerAddress[];
  readonly partitions: number;
  readonly connection: ConnectionSettings;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Who leads what, and the way there. Knows what the last answers said; whoever meets a stale answer asks again. */
export interface Cluster {
  /** Fixed when the cluster was formatted. */
  readonly id: string;
  topic(name: string): TopicPlan | undefined;
  /** All that are known. */
  topics(): Iterable<TopicPlan>;
  /**
   * Asks for some topics; those that do not exist are forgotten.
   * @throws ServiceError `unavailable`; `kafka_topic_unfit`; `kafka_denied`
   */
  refresh(names: readonly string[]): Promise<void>;
  /** Any broker. @throws ServiceError `unavailable` */
  ask<Words extends unknown[], Answer>(
    api: API<Words, Answer>,
    words: Words,
    waitMs?: number,
  ): Promise<Answer>;
  /** A connection of the caller's own. @throws ServiceError `unavailable` */
  connect(node: number): Promise<BrokerConnection>;
  /** Ends every connection, also those of callers. */
  close(): void;
}

/** @throws ServiceError `unavailable` if no broker answers */
export async function openCluster(options: ClusterOptions): Promise<Cluster> {
  const cluster = new KafkaCluster(options);
  try {
    await cluster.refresh([]);
  } catch (error) {
    cluster.close();
    throw error;
  }
  return cluster;
}

const unknownTopic = 3;
const invalidTopic = 17;
const topicDenied = 29;

class KafkaCluster implements Cluster {
  id = '';
  readonly #options: ClusterOptions;
  readonly #topics = new Map<string, TopicPlan>();
  readonly #connections = new Set<BrokerConnection>();
  #nodes: ReadonlyMap<number, BrokerAddress> = new Map();
  #shared: Promise<BrokerConnection> | undefined;
  #isClosed = false;
  #turn = 0;

  constructor(options: ClusterOptions) {
    this.#options = options;
  }

  topic(name: string): TopicPlan | undefined {
    return this.#topics.get(name);
  }

  topics(): Iterable<TopicPlan> {
    return this.#topics.values();
  }

  async refresh(names: readonly string[]): Promise<void> {
    const answer = await this.ask(metadataV12.api, [[...names], false, false]);
    this.id = answer.clusterId ?? '';
    this.#nodes = new Map(answer.brokers.map(({ nodeId, host, port }) => [nodeId, { host, port }]));
    for (const topic of answer.topics) this.#learn(topic);
  }

  #learn(topic: metadataV12.MetadataResponseTopic): void {
    const name = topic.name ?? '';
    if (topic.errorCode === topicDenied) {
      throw kafkaError('kafka_denied', { message: `Kafka denies access to the topic ${name}.` });
    }
    if (topic.errorCode === invalidTopic) {
      throw kafkaError('kafka_topic_unfit', { message: `Kafka refuses the name of the topic ${name}.` });
    }
    if (topic.errorCode === unknownTopic) {
      this.#topics.delete(name);
      return;
    }
    if (topic.partitions.length === 0) return;
    if (topic.partitions.length !== this.#options.partitions) {
      // With another number, keys would be looked for where they are not.
      throw kafkaError('kafka_topic_unfit', {
        message: `The Kafka topic ${name} has ${topic.partitions.length} partitions, and the URL asks for ${this.#options.partitions}.`,
      });
    }
    const leaders: (number | undefined)[] = [];
    for (const { partitionIndex, leaderId } of topic.partitions) {
      leaders[partitionIndex] = leaderId < 0 ? undefined : leaderId;
    }
    this.#topics.set(name, { name, id: topic.topicId, leaders });
  }

  async ask<Words extends unknown[], Answer>(
    api: API<Words, Answer>,
    words: Words,
    waitMs = 0,
  ): Promise<Answer> {
    let failure: unknown;
    // A connection may have died since it was last used; each broker gets one chance.
    for (let attempt = 0; attempt < 2; attempt += 1) {
      const connection = await this.#anyConnection();
      try {
        return await connection.request(api, words, waitMs);
      } catch (error) {
        failure = error;
        this.#shared = undefined;
      }
    }
    throw failure;
  }

  #anyConnection(): Promise<BrokerConnection> {
    this.#shared ??= this.#connectToAny().catch((error: unknown) => {
      this.#shared = undefined;
      throw error;
    });
    return this.#shared;
  }

  async #connectToAny(): Promise<BrokerConnection> {
    const known = [...this.#nodes.values(), ...this.#options.brokers];
    const unique = new Map(known.map((address) => [`${address.host}:${address.port}`, address]));
    // Another one first each time: one that accepts connections and answers nothing must not be asked for ever.
    this.#turn += 1;
    const first = this.#turn % unique.size;
    const addresses = [...unique.values()];
    addresses.push(...addresses.splice(0, first));
    let failure: unknown;
    for (const address of addresses) {
      try {
        return await this.#connectTo(address);
      } catch (error) {
        failure = error;
        if (this.#isClosed) break;
      }
    }
    throw failure;
  }

  async connect(node: number): Promise<BrokerConnection> {
    const address = this.#nodes.get(node);
    if (address === undefined) {
      throw kafkaError('kafka_unavailable', { message: `The Kafka broker ${node} is not in the cluster.` });
    }
    return await this.#connectTo(address);
  }

  async #connectTo(address: BrokerAddress): Promise<BrokerConnection> {
    if (this.#isClosed) throw kafkaError('kafka_log_closed');
    const connection = await connectToBroker(address, this.#options.connection);
    for (const other of this.#connections) {
      if (!other.isOpen) this.#connections.delete(other);
    }
    this.#connections.add(connection);
    if (!this.#isClosed) return connection;
    connection.destroy();
    throw kafkaError('kafka_log_closed');
  }

  close(): void {
    this.#isClosed = true;
    for (const connection of this.#connections) connection.destroy();
    this.#connections.clear();
  }
}
