import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { isServiceError } from '@banyan/core';
import { until } from '@banyan/core/testing';
import { maxEventBytes, orderingKeyOf } from '../cloud-event.ts';
import { partitionOf } from '../encoded-event.ts';
import { lossOf, type StartAt } from '../event-log.ts';
import { createLogDriver, type EventLogFixture, everywhere, type LogDriver } from './log-driver.ts';
import { sampleEvent, valuesOf } from './samples.ts';

const placed = ['orders.placed'];

/** The part of the conformance suite that is about places: starting, going on, waiting, lag, retention, and what is no event. */
export function describeEventLogReading(name: string, create: () => Promise<EventLogFixture>): void {
  describe(`reading the event log on ${name}`, () => {
    let driver: LogDriver;
    beforeEach(async () => {
      driver = createLogDriver(await create());
    });
    afterEach(() => driver.close());

    const publishValues = (...values: unknown[]) =>
      driver.publish(...values.map((value) => sampleEvent('a', value)));
    const refuses = (from: StartAt) =>
      assert.rejects(
        async () => {
          const { log } = driver;
          const reader = await log.open({ group: 'late', topics: placed, from: everywhere(log, from) });
          await reader.close();
        },
        { code: 'failed_precondition', reason: 'not_supported' },
      );
    const nextMillisecond = () => {
      const nowMs = Date.now();
      return until(() => Date.now() > nowMs + 50, 'time goes on');
    };

    test('starts behind the newest event at `end`', async () => {
      await publishValues('old');
      const reader = await driver.follow(placed, { from: 'end' });
      await publishValues('new');
      assert.deepEqual(valuesOf(await reader.readUntil(1)), ['new']);
    });

    test('starts at the oldest event at `start`, or refuses', async () => {
      await publishValues(1, 2);
      if (!driver.log.features.replay) return refuses('start');
      const reader = await driver.follow(placed, { from: 'start' });
      await publishValues(3);
      assert.deepEqual(valuesOf(await reader.readUntil(3)), [1, 2, 3]);
    });

    test('starts at the first event at or after a time, or refuses', async () => {
      await publishValues('old');
      await nextMillisecond();
      const time = new Date().toISOString();
      await nextMillisecond();
      await publishValues('new', 'newer');
      if (!driver.log.features.replay) return refuses({ time });
      const reader = await driver.follow(placed, { from: { time } });
      assert.deepEqual(valuesOf(await reader.readUntil(2)), ['new', 'newer']);
      const future = new Date(Date.now() + 3_600_000).toISOString();
      const later = await driver.follow(placed, { from: { time: future } });
      assert.deepEqual(await later.readUntil(0), []);
    });

    test('reads again from any position it gave out, or goes on from the one that was committed', async () => {
      const { log, follow } = driver;
      const reader = await follow(placed, { group: 'mail' });
      await publishValues(1, 2, 3, 4, 5, 6);
      const places: [number, ReadonlyMap<number, StartAt>][] = [];
      while (reader.seen.length < 6) {
        await reader.page(2);
        places.push([reader.seen.length, new Map(reader.positions)]);
      }
      assert.deepEqual(valuesOf(reader.seen), [1, 2, 3, 4, 5, 6]);
      if (!log.features.replay) await reader.commit();
      await reader.close();
      for (const [count, from] of log.features.replay ? places : places.slice(-1)) {
        const again = await follow(placed, { group: 'mail', from });
        assert.deepEqual(valuesOf(await again.readUntil(6 - count)), [1, 2, 3, 4, 5, 6].slice(count));
        await again.close();
      }
    });

    test('another handle goes on where this one was, and so does one opened later', async () => {
      const { log, other, reopen, follow } = driver;
      assert.equal(other.id, log.id);
      const reader = await follow(placed, { group: 'mail' });
      await publishValues(1, 2, 3);
      while (reader.seen.length < 2) await reader.page(1);
      await reader.commit();
      await reader.close();
      const there = await follow(placed, { group: 'mail', log: other, from: reader.positions });
      while (there.seen.length < 1) await there.page(1);
      assert.deepEqual(valuesOf(there.seen), [3]);
      await there.commit();
      await there.close();
      await publishValues(4);
      const third = (await reopen?.()) ?? other;
      assert.equal(third.id, log.id);
      const last = await follow(placed, { group: 'mail', log: third, from: there.positions });
      assert.deepEqual(valuesOf(await last.readUntil(1)), [4]);
    });

    test('a page that was not committed is read again', async () => {
      const { log, follow } = driver;
      const reader = await follow(placed, { group: 'mail' });
      await publishValues(1, 2, 3);
      assert.deepEqual(valuesOf(await reader.readUntil(3)), [1, 2, 3]);
      await reader.close();
      const again = await follow(placed, { group: 'mail', from: log.features.replay ? 'start' : 'end' });
      assert.deepEqual(valuesOf(await again.readUntil(3)), [1, 2, 3]);
    });

    test('counts what lies behind a place, and moves past events of other topics', async () => {
      const { log, follow, publish } = driver;
      const reader = await follow(placed, { group: 'mail' });
      const lag = () => log.lag({ group: 'mail', topics: placed, from: reader.positions });
      assert.equal(await lag(), 0);
      await publish(...[1, 2, 3].map((value) => sampleEvent(`k${value}`, value)));
      await publish(...[4, 5].map((value) => sampleEvent(`k${value}`, value, 'orders.cancelled')));
      await until(async () => (await lag()) >= 3, 'three events lie behind');
      while (reader.seen.length < 3) await reader.page(1);
      await publish(...[6, 7].map((value) => sampleEvent(`k${value}`, value, 'orders.cancelled')));
      await until(async () => {
        await reader.page(10, 20);
        await reader.commit();
        return (await lag()) === 0;
      }, 'nothing lies behind');
      assert.equal(reader.seen.length, 3);
    });

    test('a waiting reader gets an event as soon as it is published', async () => {
      const { other, follow, publish } = driver;
      const readers = [await follow(placed), await follow(placed, { log: other })];
      // The first page may still set things up.
      for (const reader of readers) await reader.page(10, 10);
      for (const value of [1, 2, 3]) {
        const beganAtMs = Date.now();
        const waiting = Promise.all(readers.map((reader) => reader.page(10, 60_000)));
        await publish(sampleEvent('a', value));
        for (const page of await waiting) assert.deepEqual(valuesOf(page.events), [value]);
        assert.ok(Date.now() - beganAtMs < 30_000);
      }
    });

    test('a reader that waits in vain gives an empty page when its time is over', async () => {
      const reader = await driver.follow(placed);
      const beganAtMs = Date.now();
      const page = await reader.page(10, 300);
      assert.deepEqual([page.events, page.malformed], [[], []]);
      assert.ok(Date.now() - beganAtMs >= 200);
    });

    test('closing a reader ends its wait, and closing the log that of all its readers', async () => {
      const { log, other, follow } = driver;
      const reader = await follow(placed);
      const first = reader.page(10, 60_000);
      await reader.close();
      await reader.close();
      assert.deepEqual((await first).events, []);
      const second = (await follow(placed, { log: other })).page(10, 60_000);
      await other.close();
      await other.close();
      assert.deepEqual((await second).events, []);
      // The other handle's end is not this one's.
      const alive = await follow(placed, { log, from: 'end' });
      await publishValues('alive');
      assert.deepEqual(valuesOf(await alive.readUntil(1)), ['alive']);
    });

    test('what is no event is reported apart, and the events around it are read', async (t) => {
      const { publishRaw, follow } = driver;
      if (publishRaw === undefined) return t.skip('needs a way to put in what is no event');
      const reader = await follow(placed);
      await publishValues('before');
      const texts = ['no json {', '{"specversion":"1.0","id":"x"}', `"${'木'.repeat(100_000)}"`, ''];
      for (const text of texts) await publishRaw('orders.placed', 0, text);
      await publishValues('after');
      await until(async () => {
        await reader.page(3, 50);
        return reader.seen.length === 2 && reader.malformed.length === texts.length;
      }, 'everything was read');
      assert.deepEqual(valuesOf(reader.seen), ['before', 'after']);
      for (const [index, record] of reader.malformed.entries()) {
        const text = texts[index] ?? '';
        assert.equal(record.partition, 0);
        assert.ok(record.reason.length > 0);
        assert.ok(Buffer.byteLength(record.text) <= 64 * 1024);
        assert.ok(
          text.length > 1_000
            ? text.startsWith(record.text) && record.text.length > 1_000
            : record.text === text,
        );
        assert.ok(record.topic === undefined || record.topic === 'orders.placed');
      }
      assert.equal(new Set(reader.malformed.map(({ position }) => position)).size, texts.length);
      await reader.reopen();
      await publishValues('more');
      assert.deepEqual(valuesOf((await reader.readUntil(3)).slice(2)), ['more']);
    });

    test('an event that another program wrote, larger than ours may be, keeps its place', async (t) => {
      const { log, publish, publishRaw, follow } = driver;
      if (publishRaw === undefined) return t.skip('needs a way to put in what was not encoded here');
      const large = sampleEvent('a', 'x'.repeat(maxEventBytes));
      const reader = await follow(placed);
      // Other programs write to what is there.
      await publish(sampleEvent('a', 'before'));
      await publishRaw(
        'orders.placed',
        partitionOf(orderingKeyOf(large), log.partitions),
        JSON.stringify(large),
      );
      await publish(sampleEvent('a', 'next'));
      const seen = await reader.readUntil(3);
      assert.deepEqual(seen[1], large);
      assert.deepEqual(valuesOf(seen.toSpliced(1, 1)), ['before', 'next']);
      assert.deepEqual(reader.malformed, []);
    });

    test('forgets only what is older than told, and tells a reader that missed it', async () => {
      const { log, follow } = driver;
      const reader = await follow(placed);
      await publishValues(1, 2, 3);
      while (reader.seen.length < 1) await reader.page(1);
      assert.equal(await log.prune(3_600_000), 0);
      await nextMillisecond();
      const pruned = await log.prune(0);
      await publishValues(4);
      if (!log.features.replay) return;
      const fresh = await follow(placed, { from: 'start' });
      const late = await follow(placed, { from: reader.positions });
      if (pruned === 0) {
        assert.deepEqual(valuesOf(await fresh.readUntil(4)), [1, 2, 3, 4]);
        assert.deepEqual(valuesOf(await late.readUntil(3)), [2, 3, 4]);
        return;
      }
      assert.deepEqual(valuesOf(await fresh.readUntil(1)), [4]);
      await assert.rejects(late.readUntil(1), (error) => {
        assert.ok(isServiceError(error), String(error));
        assert.deepEqual([error.code, error.reason], ['failed_precondition', 'position_lost']);
        // Not every engine can tell, but none may call it something else: consumers go on elsewhere then.
        assert.ok([undefined, 'dropped'].includes(lossOf(error)), lossOf(error));
        return true;
      });
    });
  });
}
