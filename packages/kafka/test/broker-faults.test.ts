import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { isServiceError } from '@banyan/core';
import { until } from '@banyan/core/testing';
import { type KafkaCluster, startKafka } from './broker/kafka-cluster.ts';
import { whatKafkaNeeds } from './broker/kafka-jars.ts';
import { follow } from './follower.ts';
import { createTestLog } from './kafka-under-test.ts';
import { assertComplete, isComplete, startPublishing } from './numbered-publisher.ts';
import { everywhere, sampleEvent, valuesOf } from './samples.ts';

const missing = await whatKafkaNeeds();
const rounds = Number(process.env['BANYAN_KAFKA_KILLS'] ?? 1);
const topics = ['orders.placed'];

describe('a Kafka broker that fails', { skip: missing ?? false, timeout: 300_000 + rounds * 60_000 }, () => {
  let cluster: KafkaCluster | undefined;
  after(() => cluster?.stop());
  const broker = async () => {
    cluster ??= await startKafka();
    const [only] = cluster.brokers;
    assert.ok(only);
    return { url: cluster.url, only };
  };

  test(`killed ${rounds} times while events are published, it loses none that it confirmed and keeps the order of keys`, async (t) => {
    const { url, only } = await broker();
    const { log, other, close } = await createTestLog(url);
    t.after(close);
    const publisher = startPublishing(log);
    const following = follow(other);
    for (let round = 0; round < rounds; round += 1) {
      const before = publisher.confirmed;
      await until(async () => publisher.confirmed > before + 20, 'events are confirmed');
      await only.kill();
      await only.start();
    }
    const before = publisher.confirmed;
    await until(async () => publisher.confirmed > before + 20, 'events are confirmed again');
    const count = await publisher.stop();
    await until(async () => isComplete(following.seen, count), 'everything was read');
    await following.stop();
    assertComplete(following.seen, count);
  });

  test('while it is paused, publishing and reading are refused in bounded time; then everything goes on', async (t) => {
    const { url, only } = await broker();
    const { log, other, close } = await createTestLog(url, {
      publishTimeoutMs: 1_500,
      requestTimeoutMs: 700,
    });
    t.after(close);
    await log.publish([sampleEvent('a', 0)]);
    const following = follow(other);
    await until(async () => following.seen.length === 1, 'the first event was read');
    const first = [1, 2].map((value) => sampleEvent('a', value));
    only.pause();
    try {
      await assert.rejects(log.publish(first), { code: 'unavailable' });
      await assert.rejects(log.lag({ group: 'g', topics, from: everywhere(12, 'start') }), {
        code: 'unavailable',
      });
      await until(async () => following.rejected > 0, 'the reader is refused');
    } finally {
      only.resume();
    }
    const publishAgain = async () => {
      try {
        await log.publish([...first, sampleEvent('a', 3)]);
        return true;
      } catch (error) {
        if (!isServiceError(error) || error.code !== 'unavailable') throw error;
        return false;
      }
    };
    await until(publishAgain, 'it takes events again');
    await log.publish([sampleEvent('a', 4)]);
    await until(async () => valuesOf(following.seen).includes(4), 'everything was read');
    await following.stop();
    // What was sent before the pause may be added twice, but never behind what came after it.
    const values = valuesOf(following.seen);
    assert.deepEqual([...new Set(values)], [0, 1, 2, 3, 4]);
    assert.equal(values.at(-1), 4);
  });

  test('stopped in order, it refuses publishing until it is back', async (t) => {
    const { url, only } = await broker();
    const { log, close } = await createTestLog(url, { publishTimeoutMs: 1_000 });
    t.after(close);
    await log.publish([sampleEvent('a', 0)]);
    await only.stop();
    await assert.rejects(log.publish([sampleEvent('a', 1)]), { code: 'unavailable' });
    // Of a service that never published: its topic cannot even be made.
    await assert.rejects(log.publish([sampleEvent('a', 1, 'payments.captured')]), { code: 'unavailable' });
    await assert.rejects(log.open({ group: 'g', topics, from: everywhere(12, 'start') }), {
      code: 'unavailable',
    });
    await only.start();
    await until(async () => {
      const published = log.publish([sampleEvent('a', 2)]);
      return await published.then(() => true).catch(() => false);
    }, 'it takes events again');
  });
});
