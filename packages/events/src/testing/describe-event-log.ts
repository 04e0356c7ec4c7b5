import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { type CloudEvent, encodeEvent, maxEventBytes } from '../cloud-event.ts';
import { partitionOf, toEncodedEvent } from '../encoded-event.ts';
import { describeEventLogConcurrency } from './describe-event-log-concurrency.ts';
import { describeEventLogReading } from './describe-event-log-reading.ts';
import { createLogDriver, type EventLogFixture, type LogDriver } from './log-driver.ts';
import { sampleEvent, sampleMessage, valuesOf } from './samples.ts';

const placed = ['orders.placed'];

/**
 * The conformance suite of {@link EventLog}. What the log declares in its `features` decides what is asked of it: what an engine cannot do it
 * must refuse.
 */
export function describeEventLog(name: string, create: () => Promise<EventLogFixture>): void {
  describeEventLogReading(name, create);
  describeEventLogConcurrency(name, create);
  describe(`event log on ${name}`, () => {
    let driver: LogDriver;
    beforeEach(async () => {
      driver = createLogDriver(await create());
    });
    afterEach(() => driver.close());

    test('gives back what was published, page by page, in order for each key', async () => {
      const reader = await driver.follow(placed);
      const events = [1, 2, 3, 4, 5].map((value) => sampleEvent('a', value));
      await driver.publish(...events.slice(0, 2));
      await driver.publish(...events.slice(2));
      assert.deepEqual(await reader.readUntil(5, 2), events);
    });

    test('publishing nothing changes nothing', async () => {
      const reader = await driver.follow(placed);
      await driver.publish();
      assert.deepEqual((await reader.page()).events, []);
    });

    test('keeps data and keys as they are, whatever they hold', async () => {
      const { log, other, follow } = driver;
      const reader = await follow(placed, { log: other });
      const value = { nul: '\0', half: '\ud800', emoji: '🌳', deep: [[[{}]]], zero: -0.5, none: null };
      const events = [
        sampleEvent('key with \'quotes\', "more" and {braces}, \\ * > . # and 木', value),
        sampleEvent('a', 'x'.repeat(200_000)),
        sampleEvent('b', 'a\r\nb\tc'),
      ];
      await log.publish(events.map(toEncodedEvent));
      const seen = await reader.readUntil(events.length);
      for (const event of events)
        assert.deepEqual(
          seen.find(({ id }) => id === event.id),
          event,
        );
    });

    test('takes the largest event that an outbox takes', async () => {
      const { log, publish, follow } = driver;
      assert.ok(log.features.maxEventBytes >= maxEventBytes);
      const reader = await follow(placed);
      const empty = Buffer.byteLength(encodeEvent(sampleEvent('a', '')));
      const largest = sampleEvent('a', 'x'.repeat(maxEventBytes - empty));
      await publish(largest, sampleEvent('a', 'next'));
      const seen = await reader.readUntil(2);
      assert.deepEqual(seen[0], largest);
      assert.deepEqual(valuesOf(seen.slice(1)), ['next']);
    });

    test('refuses an event that is too large, by its id, and adds none of its batch', async (t) => {
      const { log, publish, follow } = driver;
      if (log.features.readsOutboxes)
        return t.skip('nothing is published to it: its outboxes refuse such events');
      const reader = await follow(placed);
      const large = toEncodedEvent(sampleEvent('a', 'large'));
      const text = large.text.replace('"large"', `"${'x'.repeat(log.features.maxEventBytes)}"`);
      const batch = [
        toEncodedEvent(sampleEvent('b', 'before')),
        { ...large, text },
        toEncodedEvent(sampleEvent('a', 'after')),
      ];
      await assert.rejects(log.publish(batch), {
        code: 'invalid_argument',
        reason: 'event_refused',
        details: { ids: [large.id] },
      });
      await publish(sampleEvent('a', 'fits'));
      assert.deepEqual(valuesOf(await reader.readUntil(1)), ['fits']);
    });

    test('adds an event once, however often it is published, as long as it remembers ids', async () => {
      const { log, other, follow } = driver;
      const reader = await follow(placed);
      const events = [1, 2, 3].map((value) => sampleEvent('a', value));
      const encoded = events.map(toEncodedEvent);
      await log.publish(encoded.slice(0, 2));
      await other.publish(encoded.slice(1));
      await log.publish(encoded);
      await log.publish([toEncodedEvent(sampleEvent('a', 'last'))]);
      const copies = log.features.remembersIdsForMs > 0 ? 3 : 7;
      const seen = valuesOf(await reader.readUntil(copies + 1));
      assert.deepEqual([...new Set(seen)], [1, 2, 3, 'last']);
      assert.equal(seen.length, copies + 1);
    });

    test('keeps a key in the partition that its hash names, and gives only the partitions asked for', async () => {
      const { log, publish, follow } = driver;
      const some = log.features.replay ? 'start' : 'end';
      const asked = [0, log.partitions - 1];
      const reader = await follow(placed, { from: new Map(asked.map((partition) => [partition, some])) });
      const events = Array.from({ length: 60 }, (_, number) => sampleEvent(`key ${number}`, number));
      await publish(...events);
      const expected = events.filter(({ subject }) =>
        asked.includes(partitionOf(`orders/${subject}`, log.partitions)),
      );
      assert.ok(expected.length > 0);
      const seen = await reader.readUntil(expected.length, 7);
      assert.deepEqual(ids(seen), ids(expected));
    });

    test('gives only the topics asked for, and keeps the order of a key across topics of one service', async () => {
      const { publish, follow } = driver;
      const topics = ['orders.placed', 'orders.cancelled'];
      const readers = {
        placed: await follow(placed),
        both: await follow(topics),
        none: await follow(['orders.other']),
      };
      await publish(...[1, 2, 3, 4].map((value) => sampleEvent('a', value, topics[(value - 1) % 2])));
      assert.deepEqual(valuesOf(await readers.placed.readUntil(2)), [1, 3]);
      assert.deepEqual(valuesOf(await readers.both.readUntil(4)), [1, 2, 3, 4]);
      assert.deepEqual(await readers.none.readUntil(0), []);
    });

    test('a reader of topics of several services gets them all', async () => {
      const { publish, follow } = driver;
      const reader = await follow(['orders.placed', 'payments.captured', '@stock.reserve']);
      await publish(sampleEvent('a', 'event'), sampleEvent('a', 'payment', 'payments.captured'));
      await publish(
        sampleMessage('a', 'message', 'stock.reserve'),
        sampleEvent('a', 'no', 'payments.refused'),
      );
      const seen = await reader.readUntil(3);
      assert.deepEqual(new Set(valuesOf(seen)), new Set(['event', 'payment', 'message']));
    });

    test('messages are kept apart from events of the same name', async () => {
      const { publish, follow } = driver;
      const messages = await follow(['@stock.reserve']);
      const events = await follow(['stock.reserve']);
      const message = sampleMessage('a', 'message', 'stock.reserve');
      await publish(message, sampleEvent('a', 'event', 'stock.reserve'));
      assert.deepEqual(await messages.readUntil(1), [message]);
      assert.deepEqual(valuesOf(await events.readUntil(1)), ['event']);
    });

    test('gives every group all events', async () => {
      const { publish, follow } = driver;
      const groups = await Promise.all(['mail', 'stock', 'audit'].map((group) => follow(placed, { group })));
      await publish(...[1, 2, 3].map((value) => sampleEvent('a', value)));
      for (const group of groups) assert.deepEqual(valuesOf(await group.readUntil(3)), [1, 2, 3]);
    });
  });
}

function ids(events: readonly CloudEvent[]): string[] {
  return events.map(({ id }) => id).sort();
}
