import { type Clock, type Logger, silentLogger, systemClock } from '@banyan/core';
import type { EncodedEvent, EventLog, LogFeatures, LogReader, ReadRequest } from '@banyan/events';
import { type Cluster, openCluster } from './cluster.ts';
import { kafkaError } from './errors.ts';
import { createKafkaLogReader, type KafkaLogReader } from './kafka-log-reader.ts';
import { type KafkaUrl, parseKafkaUrl } from './kafka-url.ts';
import { findOffsets, latest } from './offsets.ts';
import { createPublisher, maxEventBytes, type Publisher } from './publisher.ts';
import { findStarts, type StartsOptions } from './starts.ts';

export interface KafkaEventLogOptions {
  /**
   * `kafka://host:9092,host2:9092?prefix=shop.&partitions=12&replicas=3`: some brokers of the cluster, and how topics are made. Defaults: no
   * prefix, 12 partitions, 1 replica; `minInSyncReplicas` one fewer than the replicas; `retentionMs` -1, for ever. `kafka+ssl://` encrypts, and
   * `user:password@` before the hosts logs in by `sasl`: `SCRAM-SHA-512` (default), `SCRAM-SHA-256`, or `PLAIN` (with TLS only).
   */
  readonly url: string;
  /** How long `publish` tries before it rejects; default 15,000 ms. An election of a new leader takes about 10 s by Kafka's defaults. */
  readonly publishTimeoutMs?: number;
  /** How long a broker may take to answer before its connection is given up; default 5,000 ms. */
  readonly requestTimeoutMs?: number;
  readonly clock?: Clock;
  readonly logger?: Logger;
}

/**
 * An event log on Apache Kafka 3.6 or newer: one topic for the events of each service and one for the messages to it, read by partition and
 * offset. Creates topics when something is published to them.
 * @throws ServiceError `failed_precondition` `kafka_url_invalid`; `unavailable` `kafka_unavailable` if no broker answers
 */
export async function createKafkaEventLog(options: KafkaEventLogOptions): Promise<EventLog> {
  const { requestTimeoutMs = 5_000, publishTimeoutMs = 15_000 } = options;
  const { clock = systemClock, logger = silentLogger } = options;
  const url = parseKafkaUrl(options.url);
  const { isTls, login } = url;
  const connection = {
    clientId: 'banyan',
    connectTimeoutMs: requestTimeoutMs,
    requestTimeoutMs,
    isTls,
    login,
  };
  const cluster = await openCluster({ ...url, connection, clock, logger });
  return new KafkaEventLog({ cluster, url, clock, logger, requestTimeoutMs, publishTimeoutMs });
}

interface LogParts {
  readonly cluster: Cluster;
  readonly url: KafkaUrl;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly requestTimeoutMs: number;
  readonly publishTimeoutMs: number;
}

class KafkaEventLog implements EventLog {
  readonly id: string;
  readonly partitions: number;
  /** Kafka acknowledges what the replicas have in memory. A producer's ids are remembered for its own repetitions only. */
  readonly features: LogFeatures = { replay: true, remembersIdsForMs: 0, flushes: false, maxEventBytes };
  readonly #parts: LogParts;
  readonly #publisher: Publisher;
  readonly #readers = new Set<KafkaLogReader>();
  #isClosed = false;

  constructor(parts: LogParts) {
    const { cluster, url } = parts;
    this.id = `kafka:${cluster.id}/${url.prefix}`;
    this.partitions = url.partitions;
    this.#parts = parts;
    this.#publisher = createPublisher({
      ...parts,
      onTopicsReady: () => {
        for (const reader of this.#readers) reader.lookAgain();
      },
    });
  }

  async publish(events: readonly EncodedEvent[]): Promise<void> {
    this.#checkOpen();
    await this.#publisher.publish(events);
  }

  async open(request: ReadRequest): Promise<LogReader> {
    this.#checkOpen();
    const { url, ...parts } = this.#parts;
    const starts = await findStarts(request, this.#startsOptions());
    this.#checkOpen();
    const reader = createKafkaLogReader({
      ...parts,
      ...starts,
      topics: request.topics,
      prefix: url.prefix,
      onClose: (closed) => this.#readers.delete(closed),
    });
    this.#readers.add(reader);
    return reader;
  }

  async lag(request: ReadRequest): Promise<number> {
    this.#checkOpen();
    const options = this.#startsOptions();
    const { starts } = await findStarts(request, options);
    const existing = starts.filter(({ topic }) => options.cluster.topic(topic) !== undefined);
    const ends = await findOffsets(
      existing.map(({ topic, partition }) => ({ topic, partition, at: latest })),
      options,
    );
    return existing.reduce((sum, { offset }, index) => sum + Math.max(0, (ends[index] ?? 0) - offset), 0);
  }

  /** Kafka forgets by the `retention.ms` of its topics, see `retentionMs` in the URL. */
  async prune(): Promise<number> {
    return 0;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#publisher.close();
    for (const reader of [...this.#readers]) await reader.close();
    this.#parts.cluster.close();
  }

  #startsOptions(): StartsOptions {
    const { url, cluster, clock, requestTimeoutMs } = this.#parts;
    return { cluster, clock, requestTimeoutMs, prefix: url.prefix };
  }

  #checkOpen(): void {
    if (this.#isClosed) throw kafkaError('kafka_log_closed');
  }
}
