import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { until } from '@banyan/core/testing';
import { createEvent, partitionOf, type StartAt, toEncodedEvent } from '@banyan/events';
import { Consumer } from '@platformatic/kafka';
import { createTestLog, sharedIsMissing, sharedUrl } from './kafka-under-test.ts';
import { everywhere, readEvents, sampleEvent, valuesOf } from './samples.ts';

const topics = ['orders.placed'];
const group = 'mail';

describe('the event log on a shared Kafka broker', { skip: sharedIsMissing }, () => {
  let fixture: Awaited<ReturnType<typeof createTestLog>>;
  beforeEach(async () => {
    fixture = await createTestLog(sharedUrl ?? '');
  });
  afterEach(() => fixture.close());

  const follow = (from: StartAt, of = topics) =>
    fixture.log.open({ group, topics: of, from: everywhere(fixture.log.partitions, from) });

  test('other programs find key, value, time and headers in the record, in the partition of the key', async () => {
    const { log, prefix, url } = fixture;
    const occurredAtMs = Date.UTC(2026, 0, 2, 3, 4, 5, 678);
    const event = createEvent({
      ...{ service: 'orders', name: 'placed', type: 'OrderPlaced', key: 'o-1', data: { a: 'ü' } },
      occurredAtMs,
    });
    const encoded = toEncodedEvent(event);
    await log.publish([encoded]);
    const bootstrapBrokers = /\/\/([^?]+)/.exec(url)?.[1]?.split(',') ?? [];
    const consumer = new Consumer({ groupId: prefix, clientId: 'test', bootstrapBrokers, autocommit: false });
    const stream = await consumer.consume({ topics: [`${prefix}orders`], mode: 'earliest' });
    try {
      for await (const record of stream) {
        assert.equal(record.key.toString(), 'orders/o-1');
        assert.equal(record.value.toString(), encoded.text);
        assert.equal(Number(record.timestamp), occurredAtMs);
        assert.equal(record.partition, partitionOf('orders/o-1', log.partitions));
        const headers = [...record.headers].map(([name, value]) => [name.toString(), value.toString()]);
        assert.deepEqual(Object.fromEntries(headers), {
          'content-type': 'application/cloudevents+json; charset=UTF-8',
          ce_banyanname: 'orders.placed',
          ce_id: event.id,
          ce_source: '/services/orders',
          ce_time: '2026-01-02T03:04:05.678Z',
        });
        break;
      }
    } finally {
      await stream.close();
      await consumer.close();
    }
  });

  test('topics are made to keep everything, with the partitions of the URL', async () => {
    const { log, prefix, raw } = fixture;
    await log.publish([sampleEvent('a', 1)]);
    const [described] = await raw.admin.describeConfigs({
      resources: [{ resourceType: 2, resourceName: `${prefix}orders` }],
    });
    const settings = new Map(described?.configs.map(({ name, value }) => [name, value]));
    assert.equal(settings.get('retention.ms'), '-1');
    assert.equal(settings.get('retention.bytes'), '-1');
    assert.equal(settings.get('cleanup.policy'), 'delete');
    assert.equal(settings.get('min.insync.replicas'), '1');
    const metadata = await raw.admin.metadata({ topics: [`${prefix}orders`] });
    assert.equal(metadata.topics.get(`${prefix}orders`)?.partitionsCount, log.partitions);
  });

  test('a reader that comes back after retention has passed it is told that its place is lost', async () => {
    const { log, prefix, raw } = fixture;
    await log.publish([1, 2, 3, 4].map((value) => sampleEvent('a', value)));
    const from = everywhere(log.partitions, 'start');
    const reader = await log.open({ group, topics, from });
    const page = await reader.next(1, 10_000);
    assert.deepEqual(valuesOf(page.events), [1]);
    for (const [partition, position] of page.positions) from.set(partition, { position });
    await reader.close();
    const partition = partitionOf('orders/a', log.partitions);
    await raw.admin.deleteRecords({
      topics: [{ name: `${prefix}orders`, partitions: [{ partition, offset: 3n }] }],
    });
    const late = await log.open({ group, topics, from });
    await assert.rejects(readEvents(late, 1), { code: 'failed_precondition', reason: 'position_lost' });
    const fresh = await follow('start');
    assert.deepEqual(valuesOf(await readEvents(fresh, 1)), [4]);
  });

  test('offsets of a deleted topic are not taken for those of the one made after it', async () => {
    const { log, prefix, raw } = fixture;
    await log.publish([1, 2].map((value) => sampleEvent('a', value)));
    const from = everywhere(log.partitions, 'start');
    const reader = await log.open({ group, topics, from });
    await readEvents(reader, 2, from);
    await raw.deleteTopics(`${prefix}orders`);
    await until(async () => {
      const all = await raw.admin.listTopics();
      return !all.includes(`${prefix}orders`);
    }, 'the topic is gone');
    await log.publish([3, 4, 5].map((value) => sampleEvent('a', value)));
    const lost = { code: 'failed_precondition', reason: 'position_lost' };
    await assert.rejects(readEvents(reader, 1), lost);
    const later = await log.open({ group, topics, from });
    await assert.rejects(readEvents(later, 1), lost);
    assert.deepEqual(valuesOf(await readEvents(await follow('start'), 3)), [3, 4, 5]);
  });

  test('a topic with another number of partitions is refused, for reading and for publishing', async () => {
    const { log, prefix, raw } = fixture;
    await raw.createTopic(`${prefix}orders`, 3);
    const unfit = { code: 'failed_precondition', reason: 'kafka_topic_unfit' };
    await assert.rejects(follow('start'), unfit);
    await assert.rejects(log.publish([sampleEvent('a', 1)]), unfit);
  });

  test('an event beyond what its topic takes is refused by its id, and nothing of its batch is added', async () => {
    const { log, prefix, raw } = fixture;
    await raw.createTopic(`${prefix}orders`, 12, { 'max.message.bytes': '100000' });
    const large = sampleEvent('b', 'x'.repeat(150_000));
    await assert.rejects(log.publish([sampleEvent('a', 'before'), large]), {
      code: 'invalid_argument',
      reason: 'event_refused',
      details: { ids: [large.id] },
    });
    await log.publish([sampleEvent('a', 'fits')]);
    const reader = await follow('start');
    assert.deepEqual(valuesOf(await readEvents(reader, 1)), ['fits']);
    assert.deepEqual((await reader.next(10, 100)).events, []);
  });

  test('what is more than Kafka takes at once arrives in order all the same', async () => {
    const { log } = fixture;
    const filling = 'x'.repeat(100_000);
    const events = Array.from({ length: 60 }, (_, number) =>
      sampleEvent(`k${number % 2}`, { number, filling }),
    );
    await log.publish(events);
    const seen = valuesOf(await readEvents(await follow('start'), events.length)) as { number: number }[];
    for (const half of [0, 1]) {
      const numbers = seen.map(({ number }) => number).filter((number) => number % 2 === half);
      assert.deepEqual(
        numbers,
        Array.from({ length: 30 }, (_, index) => 2 * index + half),
      );
    }
  });

  test('events published without waiting keep the order of the calls', async () => {
    const { log } = fixture;
    await log.publish([sampleEvent('a', -1)]);
    const reader = await follow('end');
    const numbers = Array.from({ length: 200 }, (_, number) => number);
    await Promise.all(numbers.map((number) => log.publish([sampleEvent('a', number)])));
    assert.deepEqual(valuesOf(await readEvents(reader, numbers.length)), numbers);
  });

  test('a topic that is added later is read from its beginning, and the others go on where they were', async () => {
    const { log } = fixture;
    const payment = (value: number) => sampleEvent('a', value, 'payments.captured');
    await log.publish([sampleEvent('a', 1), payment(10)]);
    const from = everywhere(log.partitions, 'start');
    const first = await log.open({ group, topics, from });
    assert.deepEqual(valuesOf(await readEvents(first, 1, from)), [1]);
    await log.publish([sampleEvent('a', 2), payment(20)]);
    const both = await log.open({ group, topics: ['orders.placed', 'payments.captured'], from });
    assert.deepEqual(valuesOf(await readEvents(both, 3, from)).sort(), [10, 2, 20]);
    const payments = await log.open({ group, topics: ['payments.captured'], from });
    await log.publish([sampleEvent('a', 3), payment(30)]);
    assert.deepEqual(valuesOf(await readEvents(payments, 1, from)), [30]);
    // The place among the orders was carried along by a reader that did not read them.
    const again = await log.open({ group, topics: ['orders.placed', 'payments.captured'], from });
    assert.deepEqual(valuesOf(await readEvents(again, 1)), [3]);
  });

  test('a position of another log is refused', async () => {
    await assert.rejects(follow({ position: '17' }), TypeError);
  });

  test('a closed log says so', async () => {
    await fixture.log.close();
    const closed = { code: 'unavailable', reason: 'kafka_log_closed' };
    await assert.rejects(fixture.log.publish([sampleEvent('a', 1)]), closed);
    await assert.rejects(follow('start'), closed);
  });
});
