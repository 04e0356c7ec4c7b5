import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from '@banyan/core/testing';
import { startKafka } from './broker/kafka-cluster.ts';
import { whatKafkaNeeds } from './broker/kafka-jars.ts';
import { follow } from './follower.ts';
import { createTestLog } from './kafka-under-test.ts';
import { assertComplete, isComplete, startPublishing } from './numbered-publisher.ts';
import { sampleEvent } from './samples.ts';

const isWanted = process.env['CI'] !== undefined || process.env['BANYAN_KAFKA_CLUSTER'] !== undefined;
const skip = isWanted
  ? ((await whatKafkaNeeds()) ?? false)
  : 'slow: set BANYAN_KAFKA_CLUSTER=1 to start three Kafka brokers';

test('with three brokers one may be killed: nothing confirmed is lost, and what wants all three is refused', {
  skip,
}, async (t) => {
  const cluster = await startKafka({ brokers: 3 });
  const closing: (() => Promise<void>)[] = [];
  t.after(async () => {
    // Topics are not deleted one by one: the whole cluster goes.
    for (const close of closing) await close();
    await cluster.stop();
  });
  const { log, other, closeLogs } = await createTestLog(cluster.url, { replicas: 3 });
  closing.push(closeLogs);
  const strict = await createTestLog(cluster.url, {
    replicas: 3,
    minInSyncReplicas: 3,
    publishTimeoutMs: 3_000,
  });
  closing.push(strict.closeLogs);
  await strict.log.publish([sampleEvent('a', 0)]);

  const publisher = startPublishing(log);
  const following = follow(other);
  await until(async () => publisher.confirmed > 20, 'events are confirmed');
  const [, second] = cluster.brokers;
  await second?.kill();
  const before = publisher.confirmed;
  await until(async () => publisher.confirmed > before + 50, 'the others take over');
  const refusal = await until(async () => {
    const published = strict.log.publish([sampleEvent('a', 1)]);
    const error = await published.then(() => undefined).catch((reason) => reason);
    return error?.reason === 'kafka_replicas_missing' && error;
  }, 'too few replicas are left');
  assert.equal(refusal.code, 'unavailable');
  await second?.start();
  await until(async () => {
    const published = strict.log.publish([sampleEvent('a', 2)]);
    return await published.then(() => true).catch(() => false);
  }, 'all three are in sync again');
  const count = await publisher.stop();
  await until(async () => isComplete(following.seen, count), 'everything was read');
  await following.stop();
  assertComplete(following.seen, count);
});
