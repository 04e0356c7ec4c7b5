import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { until } from '@banyan/core/testing';
import { toEncodedEvent } from '../encoded-event.ts';
import type { OutboxCursor } from '../outbox.ts';
import { describeOutboxRelaying } from './describe-outbox-relaying.ts';
import { createOutboxDriver, encodedValues, type OutboxDriver, type OutboxFixture } from './outbox-driver.ts';
import { sampleEvent } from './samples.ts';

/** The conformance suite of {@link Outbox}. */
export function describeOutbox(name: string, create: () => Promise<OutboxFixture>): void {
  describeOutboxRelaying(name, create);
  describe(`outbox on ${name}`, () => {
    let driver: OutboxDriver;
    beforeEach(async () => {
      driver = createOutboxDriver(await create());
    });
    afterEach(() => driver.close());

    const sample = (...values: readonly unknown[]) => values.map((value) => sampleEvent('a', value));

    test('gives back committed events, encoded, in the order they were appended', async () => {
      const { append, acquire, relay } = driver;
      const events = [...sample(1, 2), sampleEvent('a', { nul: '\0', half: '\ud800', quote: `"'\\` })];
      await append(events.slice(0, 2));
      await append(events.slice(2));
      const lease = await acquire();
      assert.deepEqual(await relay(lease), events.map(toEncodedEvent));
      assert.deepEqual(await relay(lease), []);
    });

    test('gives at most the limit, and says whether there is more', async () => {
      const { outbox, append, acquire } = driver;
      await append(sample(1, 2, 3, 4, 5));
      const first = await outbox.read(await outbox.cursor(await acquire()), 2);
      assert.deepEqual([encodedValues(first.events), first.more], [[1, 2], true]);
      const rest = await outbox.read(first.cursor, 10);
      assert.deepEqual(encodedValues(rest.events), [3, 4, 5]);
      const none = await outbox.read(rest.cursor, 10);
      assert.deepEqual([none.events, none.more], [[], false]);
    });

    test('reads the same again from the same cursor', async () => {
      const { outbox, append, acquire } = driver;
      await append(sample(1, 2));
      const cursor = await outbox.cursor(await acquire());
      const pages = [await outbox.read(cursor, 10), await outbox.read(cursor, 10)];
      // The cursors may differ: they also tell when they were made.
      for (const page of pages) assert.deepEqual([encodedValues(page.events), page.more], [[1, 2], false]);
    });

    test('appending nothing changes nothing', async () => {
      const { append, acquire, relay } = driver;
      await append([]);
      assert.deepEqual(await relay(await acquire()), []);
    });

    test('one transaction may append several times, also for the same key', async () => {
      const { outbox, tx, acquire, relay } = driver;
      await tx(async (sql) => {
        for (const event of sample(1, 2, 3)) await outbox.append(sql, [event]);
      });
      assert.deepEqual(encodedValues(await relay(await acquire())), [1, 2, 3]);
    });

    test('never gives an event whose transaction rolled back', async () => {
      const { open, append, acquire, relay } = driver;
      const lease = await acquire();
      const transaction = await open(sample('lost'));
      await relay(lease);
      await transaction.rollBack();
      await append(sample('kept'));
      assert.deepEqual(encodedValues(await relay(lease)), ['kept']);
    });

    test('does not skip a transaction that commits later than its successors', async () => {
      const { outbox, open, append, acquire, relay } = driver;
      const lease = await acquire();
      const late = await open([sampleEvent('late', 1), sampleEvent('late', 2)]);
      await append(sample('early'));
      assert.deepEqual(encodedValues(await relay(lease)), ['early']);
      for (let value = 0; value < 20; value += 1) await append(sample(value));
      assert.equal((await relay(lease, 3)).length, 20);
      await outbox.release(lease);
      await late.commit();
      await append(sample('last'));
      // The cursor of the relay before remembers what it did not see.
      const next = await acquire('orders-2');
      assert.deepEqual(new Set(encodedValues(await relay(next, 1))), new Set([1, 2, 'last']));
      assert.deepEqual(await relay(next), []);
    });

    test('keeps the order of commits within a key when transactions overlap', async () => {
      const { open, append, acquire, relay } = driver;
      const lease = await acquire();
      const first = await open(sample('first'));
      const second = append([sampleEvent('b', 'other'), ...sample('second')]);
      await append([sampleEvent('c', 'free')]);
      assert.deepEqual(encodedValues(await relay(lease)), ['free']);
      await first.commit();
      await second;
      const values = encodedValues(await relay(lease));
      assert.deepEqual(
        values.filter((value) => value !== 'other'),
        ['first', 'second'],
      );
      assert.equal(values.length, 3);
    });

    test('transactions that append the same keys in opposite orders do not wait for each other for ever', async () => {
      const { append, acquire, relay } = driver;
      const forth = ['a', 'b', 'c', 'd'];
      const back = forth.toReversed();
      await Promise.all(
        Array.from({ length: 40 }, (_, number) =>
          append((number % 2 === 0 ? forth : back).map((key) => sampleEvent(key, number))),
        ),
      );
      assert.equal((await relay(await acquire())).length, 160);
    });

    test('a cursor that follows many transactions at once sees everything once, each key in order', async () => {
      const { outbox, open, acquire } = driver;
      const writers = 6;
      const each = 25;
      const counters = Array.from({ length: writers }, () => 0);
      let isDone = false;
      const written = Promise.all(
        counters.map(async (_, writer) => {
          for (let round = 0; round < each; round += 1) {
            const value = counters[writer];
            const transaction = await open([
              sampleEvent(`w${writer}`, value),
              sampleEvent(`x${writer}-${round % 3}`),
            ]);
            // Every fifth one comes to nothing, and some stay open for longer.
            if (round % 4 === 0) await new Promise((resolve) => setTimeout(resolve, 3 * writer));
            if (round % 5 === writer % 5) await transaction.rollBack();
            else {
              await transaction.commit();
              counters[writer] = round + 1;
            }
          }
        }),
      ).finally(() => {
        isDone = true;
      });
      const seen: { key: string; value: unknown }[] = [];
      let cursor: OutboxCursor = await outbox.cursor(await acquire());
      for (let isLast = false; !isLast; ) {
        isLast = isDone;
        const page = await outbox.read(cursor, 7);
        // Memory answers at once: let the writers have their turn.
        await new Promise((resolve) => setImmediate(resolve));
        isLast &&= !page.more && page.events.length === 0;
        cursor = page.cursor;
        const values = encodedValues(page.events);
        seen.push(...page.events.map(({ key }, index) => ({ key, value: values[index] })));
      }
      await written;
      assert.equal(seen.length, writers * each * 2 * 0.8);
      for (const [writer] of counters.entries()) {
        const values = seen
          .filter(({ key }) => key === `orders/w${writer}`)
          .map(({ value }) => value as number);
        assert.deepEqual(
          values,
          values.toSorted((a, b) => a - b),
        );
        assert.equal(new Set(values).size, each * 0.8);
      }
    });

    test('an event that is not due waits, counted apart, and others go on', async () => {
      const { outbox, append, acquire, relay } = driver;
      const lease = await acquire();
      await append(sample('much later'), { dueAtMs: Date.now() + 3_600_000 });
      await append(sample('past'), { dueAtMs: Date.now() - 1_000 });
      await append(sample('now'));
      assert.deepEqual(encodedValues(await relay(lease)), ['past', 'now']);
      assert.deepEqual(await outbox.backlog(), { count: 0, oldestAgeMs: 0, delayed: 1, dead: 0 });
    });

    test('an event is given once it is due, and not before', async () => {
      const { append, acquire, relay } = driver;
      const lease = await acquire();
      const dueAtMs = Date.now() + 200;
      await append(sample('soon'), { dueAtMs });
      await until(async () => (await relay(lease)).length === 1, 'the event is due');
      // Two clocks may differ by a little even on one machine.
      assert.ok(Date.now() >= dueAtMs - 10);
      assert.deepEqual(await relay(lease), []);
    });

    test('an event that is due is released without a relay; the time to the next one is told', async () => {
      const { outbox, append, acquire } = driver;
      assert.equal(await outbox.releaseDue(), undefined);
      const dueAtMs = Date.now() + 200;
      await append(sample('soon'), { dueAtMs });
      const firstInMs = await outbox.releaseDue();
      assert.ok(firstInMs !== undefined && firstInMs <= 210, `${firstInMs} ms`);
      await until(async () => (await outbox.releaseDue()) === undefined, 'the event is released');
      assert.ok(Date.now() >= dueAtMs - 10);
      const lease = await acquire();
      const { events } = await outbox.read(await outbox.cursor(lease), 10);
      assert.deepEqual(encodedValues(events), ['soon']);
    });

    test('refuses an event that is too large or cannot be written, and its transaction with it', async () => {
      const { outbox, append } = driver;
      const large = sampleEvent('a', 'x'.repeat(300_000));
      await assert.rejects(append([sampleEvent('a', 'small'), large]), { reason: 'event_too_large' });
      const cyclic: unknown[] = [];
      cyclic.push(cyclic);
      await assert.rejects(append(sample(cyclic)), { reason: 'invalid_event' });
      assert.equal((await outbox.backlog()).count, 0);
    });

    test('wakes listeners of other processes until they unsubscribe', async () => {
      const { outbox, other } = driver;
      let heard = 0;
      const unsubscribe = other.onAppend(() => {
        heard += 1;
      });
      await until(() => {
        outbox.announce();
        return heard > 0;
      }, 'the listener was woken');
      unsubscribe();
      let isAwake = false;
      const end = other.onAppend(() => {
        isAwake = true;
      });
      const before = heard;
      await until(() => {
        outbox.announce();
        return isAwake;
      }, 'the listener that stayed was woken');
      end();
      assert.equal(heard, before);
    });
  });
}
