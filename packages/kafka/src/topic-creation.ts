import { type Clock, sleep } from '@banyan/core';
import { createTopicsV7, describeConfigsV4 } from '@platformatic/kafka';
import type { Cluster } from './cluster.ts';
import { kafkaError } from './errors.ts';
import type { KafkaUrl } from './kafka-url.ts';

/** What Kafka takes in one batch of records unless a topic says otherwise; also what topics made here say. */
export const defaultMaxBatchBytes = 1_048_588;

const createTimeoutMs = 10_000;
const metadataTimeoutMs = 10_000;
const metadataIntervalMs = 50;
const topicResource = 2;
const maxBytesSetting = 'max.message.bytes';

const alreadyExists = 36;
const denied = [29, 31];
/** The name, the settings, the partitions or the replicas are not to Kafka's liking, or its policy forbids them. */
const unfit = [17, 37, 40, 42, 44];

export interface TopicCreation {
  readonly cluster: Cluster;
  readonly url: KafkaUrl;
  readonly clock: Clock;
}

/**
 * Makes sure that the topics exist and have leaders. Safe to call from several processes at once.
 * @throws ServiceError `unavailable`; `kafka_topic_unfit`; `kafka_denied`
 */
export async function ensureTopics(
  names: readonly string[],
  { cluster, url, clock }: TopicCreation,
): Promise<void> {
  await cluster.refresh(names);
  const missing = names.filter((name) => cluster.topic(name) === undefined);
  if (missing.length === 0) return;
  const plans = missing.map((name) => ({
    name,
    numPartitions: url.partitions,
    replicationFactor: url.replicas,
    assignments: [],
    configs: Object.entries(settingsOf(url)).map(([key, value]) => ({ name: key, value: String(value) })),
  }));
  const words: [typeof plans, number, boolean] = [plans, createTimeoutMs, false];
  const { topics } = await cluster.ask(createTopicsV7.api, words, createTimeoutMs);
  for (const topic of topics) explain(topic);
  // Brokers learn of a new topic one after the other.
  const endsAtMs = clock.nowMs() + metadataTimeoutMs;
  while (missing.some((name) => !isLed(cluster, name))) {
    if (clock.nowMs() > endsAtMs) throw kafkaError('kafka_unavailable');
    await sleep(metadataIntervalMs, clock);
    await cluster.refresh(missing);
  }
}

function settingsOf(url: KafkaUrl): Readonly<Record<string, string | number>> {
  return {
    'cleanup.policy': 'delete',
    'retention.ms': url.retentionMs,
    'retention.bytes': -1,
    'min.insync.replicas': url.minInSyncReplicas,
    [maxBytesSetting]: defaultMaxBatchBytes,
    // The time of the event, even where the clock of its emitter is ahead.
    'message.timestamp.type': 'CreateTime',
    'message.timestamp.after.max.ms': '9223372036854775807',
  };
}

function isLed(cluster: Cluster, name: string): boolean {
  return cluster.topic(name)?.leaders.every((leader) => leader !== undefined) ?? false;
}

function explain({ name, errorCode, errorMessage }: createTopicsV7.CreateTopicsResponseTopic): void {
  if (errorCode === 0 || errorCode === alreadyExists) return;
  const message = `Kafka did not create the topic ${name}: ${errorMessage ?? `error ${errorCode}`}`;
  if (denied.includes(errorCode)) throw kafkaError('kafka_denied', { message });
  if (unfit.includes(errorCode)) throw kafkaError('kafka_topic_unfit', { message });
  throw kafkaError('kafka_unavailable', { message });
}

/** Most bytes that a batch for each topic may have; topics that may not be looked at count as having the default. */
export async function readMaxBatchBytes(
  cluster: Cluster,
  names: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  const resources = names.map((name) => ({
    resourceType: topicResource as typeof topicResource,
    resourceName: name,
    configurationKeys: [maxBytesSetting],
  }));
  const { results } = await cluster.ask(describeConfigsV4.api, [resources, false, false]);
  return new Map(
    results.map(({ resourceName, configs }) => {
      const value = configs.find(({ name }) => name === maxBytesSetting)?.value;
      return [resourceName, value === undefined || value === null ? defaultMaxBatchBytes : Number(value)];
    }),
  );
}
