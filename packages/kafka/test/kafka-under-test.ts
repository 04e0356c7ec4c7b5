import { randomBytes } from 'node:crypto';
import { until } from '@banyan/core/testing';
import { createKafkaEventLog, type KafkaEventLogOptions } from '@banyan/kafka';
import { Admin, Producer } from '@platformatic/kafka';

/** The broker that tests share, from `BANYAN_TEST_KAFKA_URL`; faults have brokers of their own. */
export const sharedUrl = process.env['BANYAN_TEST_KAFKA_URL'];
export const sharedIsMissing =
  sharedUrl === undefined &&
  'needs BANYAN_TEST_KAFKA_URL, as node tools/bootstrap.mjs test/support/kafka/start-kafka.ts prints it';

/** Two handles on a log of the test's own; its topics begin with a prefix of their own and are deleted in the end. */
export async function createTestLog(
  broker: string,
  { partitions = 12, replicas = 1, minInSyncReplicas, ...options }: TestLogOptions = {},
) {
  const prefix = `test-${randomBytes(6).toString('hex')}.`;
  const least = minInSyncReplicas === undefined ? '' : `&minInSyncReplicas=${minInSyncReplicas}`;
  const url = `${broker}?prefix=${prefix}&partitions=${partitions}&replicas=${replicas}${least}`;
  const open = () => createKafkaEventLog({ url, ...options });
  const logs = await Promise.all([open(), open()]);
  const [log, other] = logs as [(typeof logs)[number], (typeof logs)[number]];
  const raw = createRawKafka(broker);
  return {
    log,
    other,
    prefix,
    url,
    raw,
    async reopen() {
      const another = await open();
      logs.push(another);
      return another;
    },
    publishRaw: (topic: string, partition: number, text: string) =>
      raw.produce(`${prefix}${topic.split('.')[0]}`, partition, text),
    closeLogs: () => closeAll([...logs, raw]),
    async close() {
      try {
        await closeAll(logs);
        await raw.deleteTopics(prefix);
      } finally {
        await raw.close();
      }
    },
  };
}

export interface TestLogOptions extends Omit<KafkaEventLogOptions, 'url'> {
  readonly partitions?: number;
  readonly replicas?: number;
  readonly minInSyncReplicas?: number;
}

/** Kafka as any other program sees it. */
export function createRawKafka(broker: string) {
  const bootstrapBrokers = broker.replace('kafka://', '').split(',');
  const options = { clientId: 'banyan-test', bootstrapBrokers };
  const admin = new Admin(options);
  const producer = new Producer<Buffer, Buffer, Buffer, Buffer>(options);
  return {
    admin,
    async produce(topic: string, partition: number, text: string) {
      await producer.send({ acks: -1, messages: [{ topic, partition, value: Buffer.from(text) }] });
    },
    /** As an operator would: with settings of their own. */
    async createTopic(topic: string, partitions: number, settings: Readonly<Record<string, string>> = {}) {
      const configs = Object.entries(settings).map(([name, value]) => ({ name, value }));
      await admin.createTopics({ topics: [topic], partitions, replicas: 1, configs });
      await until(async () => (await admin.listTopics()).includes(topic), 'the topic is known');
    },
    async deleteTopics(prefix: string) {
      const topics = (await admin.listTopics()).filter((topic) => topic.startsWith(prefix));
      if (topics.length > 0) await admin.deleteTopics({ topics });
    },
    close: () => closeAll([producer, admin]),
  };
}

/** Also those behind one that fails, because its broker is away: a client that stays open keeps the process alive. */
async function closeAll(clients: readonly { close(): Promise<unknown> }[]): Promise<void> {
  const outcomes = await Promise.allSettled(clients.map((client) => client.close()));
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
}
