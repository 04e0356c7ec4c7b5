import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { until } from '@banyan/core/testing';
import { toEncodedEvent } from '../encoded-event.ts';
import { createOutboxDriver, encodedValues, type OutboxDriver, type OutboxFixture } from './outbox-driver.ts';
import { sampleEvent } from './samples.ts';

const leaseLost = { code: 'aborted', reason: 'lease_lost' };

/** The part of the conformance suite that is about who relays, what is confirmed, buried, read again and forgotten. */
export function describeOutboxRelaying(name: string, create: () => Promise<OutboxFixture>): void {
  describe(`relaying from the outbox on ${name}`, () => {
    let driver: OutboxDriver;
    beforeEach(async () => {
      driver = createOutboxDriver(await create());
    });
    afterEach(() => driver.close());

    const appendValues = (...values: readonly unknown[]) =>
      driver.append(values.map((value) => sampleEvent('a', value)));

    test('goes on behind what was confirmed, and reads again what was not', async () => {
      const { outbox, other, acquire } = driver;
      await appendValues(1, 2, 3, 4);
      const lease = await acquire();
      const first = await outbox.read(await outbox.cursor(lease), 2);
      await outbox.confirm(lease, first.cursor);
      const second = await outbox.read(first.cursor, 1);
      assert.deepEqual(encodedValues(second.events), [3]);
      const again = await other.read(await other.cursor(lease), 10);
      assert.deepEqual(encodedValues(again.events), [3, 4]);
      assert.equal((await outbox.backlog()).count, 2);
    });

    test('one relay has the lease, until it gives it back', async () => {
      const { outbox, other } = driver;
      const lease = await outbox.acquire('orders-1', 60_000);
      assert.ok(lease);
      assert.equal(lease.owner, 'orders-1');
      assert.equal(await other.acquire('orders-2', 60_000), undefined);
      assert.deepEqual(await outbox.acquire('orders-1', 60_000), lease);
      await outbox.release(lease);
      const next = await other.acquire('orders-2', 60_000);
      assert.ok(next);
      assert.notEqual(next.token, lease.token);
      // A lease that is gone cannot be given back.
      await outbox.release(lease);
      assert.equal(await outbox.acquire('orders-1', 60_000), undefined);
    });

    test('of many that ask at once one gets the lease', async () => {
      const { outbox, other } = driver;
      const leases = await Promise.all(
        Array.from({ length: 8 }, (_, number) =>
          (number % 2 === 0 ? outbox : other).acquire(`orders-${number}`, 60_000),
        ),
      );
      assert.equal(leases.filter((lease) => lease !== undefined).length, 1);
    });

    test('a relay whose lease ended and was taken over can confirm and bury nothing', async () => {
      const { outbox, other } = driver;
      await appendValues(1);
      const lost = await outbox.acquire('orders-1', 1);
      assert.ok(lost);
      const page = await outbox.read(await outbox.cursor(lost), 10);
      const taken = await until(() => other.acquire('orders-2', 60_000), 'the lease is over');
      assert.notEqual(taken.token, lost.token);
      await assert.rejects(outbox.confirm(lost, page.cursor), leaseLost);
      const [event] = page.events;
      assert.ok(event);
      await assert.rejects(outbox.bury(lost, [event.id], 'refused'), leaseLost);
      await outbox.release(lost);
      assert.equal((await outbox.backlog()).count, 1);
      assert.deepEqual(encodedValues(await driver.relay(taken)), [1]);
    });

    test('buried events are dead letters, and make way for others', async () => {
      const { outbox, acquire, relay } = driver;
      const poison = sampleEvent('a', 'poison');
      await driver.append([poison, sampleEvent('a', 'next')]);
      const lease = await acquire();
      await outbox.bury(lease, [poison.id, 'no such id'], 'too large for the log');
      assert.deepEqual(encodedValues(await relay(lease)), ['next']);
      const [letter, ...others] = await outbox.deadLetters(10);
      assert.deepEqual(others, []);
      assert.deepEqual([letter?.event, letter?.reason], [toEncodedEvent(poison), 'too large for the log']);
      assert.match(letter?.deadAt ?? '', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/);
      assert.deepEqual(await outbox.backlog(), { count: 0, oldestAgeMs: 0, delayed: 0, dead: 1 });
    });

    test('rewinding has events read again in order, and fences the relay off', async () => {
      const { outbox, acquire, relay } = driver;
      const lease = await acquire();
      await appendValues('old');
      await relay(lease);
      const oldAtMs = Date.now();
      await until(() => Date.now() > oldAtMs + 50, 'time goes on');
      const since = new Date().toISOString();
      await until(() => Date.now() > oldAtMs + 100, 'time goes on');
      await appendValues(1, 2);
      const page = await outbox.read(await outbox.cursor(lease), 10);
      await outbox.confirm(lease, page.cursor);
      assert.equal(await outbox.rewind(since), 2);
      assert.equal((await outbox.backlog()).count, 2);
      await assert.rejects(outbox.confirm(lease, page.cursor), leaseLost);
      await appendValues(3);
      const again = await acquire();
      assert.notEqual(again.token, lease.token);
      assert.deepEqual(encodedValues(await relay(again)), [1, 2, 3]);
      assert.equal(await outbox.rewind(new Date(Date.now() + 3_600_000).toISOString()), 0);
    });

    test('rewinding does not lose a transaction that is still open', async () => {
      const { outbox, open, acquire, relay } = driver;
      const lease = await acquire();
      const late = await open([sampleEvent('late', 'late')]);
      await appendValues('early');
      await relay(lease);
      assert.equal(await outbox.rewind(new Date(0).toISOString()), 1);
      const again = await acquire();
      assert.deepEqual(encodedValues(await relay(again)), ['early']);
      await late.commit();
      assert.deepEqual(encodedValues(await relay(again)), ['late']);
    });

    test('tells how many events wait and for how long', async () => {
      const { outbox, acquire, relay } = driver;
      assert.deepEqual(await outbox.backlog(), { count: 0, oldestAgeMs: 0, delayed: 0, dead: 0 });
      await appendValues(1, 2);
      const backlog = await until(async () => {
        const now = await outbox.backlog();
        return now.oldestAgeMs > 20 && now;
      }, 'the events grow older');
      assert.equal(backlog.count, 2);
      assert.ok(backlog.oldestAgeMs < 30_000);
      await relay(await acquire());
      assert.deepEqual(await outbox.backlog(), { count: 0, oldestAgeMs: 0, delayed: 0, dead: 0 });
    });

    test('forgets published events only, and only old ones', async () => {
      const { outbox, acquire, relay } = driver;
      const lease = await acquire();
      await appendValues(1, 2);
      await relay(lease);
      await appendValues('waits');
      assert.equal(await outbox.prune(60_000), 0);
      let count = 0;
      await until(async () => {
        count += await outbox.prune(0);
        return count === 2;
      }, 'both published events are gone');
      assert.deepEqual(encodedValues(await relay(lease)), ['waits']);
      assert.equal(await outbox.rewind(new Date(0).toISOString()), 1);
    });
  });
}
