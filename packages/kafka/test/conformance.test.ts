import { after, test } from 'node:test';
import { describeEventLog } from '@banyan/events/testing';
import { type KafkaCluster, startKafka } from './broker/kafka-cluster.ts';
import { whatKafkaNeeds } from './broker/kafka-jars.ts';
import { createTestLog, sharedUrl } from './kafka-under-test.ts';

const missing = await whatKafkaNeeds();
if (missing === undefined) {
  // A broker of its own, because the suite restarts it.
  let cluster: Promise<KafkaCluster> | undefined;
  after(async () => (await cluster)?.stop());
  describeEventLog('Kafka', async () => {
    cluster ??= startKafka();
    const { url, brokers } = await cluster;
    const log = await createTestLog(url);
    const restart = async () => {
      await brokers[0]?.stop();
      await brokers[0]?.start();
    };
    return { ...log, faults: { restart } };
  });
} else if (sharedUrl !== undefined) {
  const url = sharedUrl;
  describeEventLog('Kafka', () => createTestLog(url));
} else {
  test('the event log on Kafka conforms to its port', { skip: missing }, () => {});
}
