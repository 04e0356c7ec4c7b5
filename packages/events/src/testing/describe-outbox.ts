import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { Sql } from '@banyan/core';
import type { CloudEvent } from '../cloud-event.ts';
import type { Outbox } from '../outbox.ts';
import { eventually, sampleEvent, valuesOf } from './samples.ts';

export interface OutboxFixture {
  readonly outbox: Outbox;
  /** Runs `work` in a transaction of the outbox's database. */
  tx(work: (sql: Sql) => Promise<void>): Promise<void>;
  close(): Promise<void>;
}

/** The conformance suite of {@link Outbox}. */
export function describeOutbox(name: string, create: () => Promise<OutboxFixture>): void {
  describe(`outbox on ${name}`, () => {
    let fixture: OutboxFixture;
    let delivered: CloudEvent[];
    beforeEach(async () => {
      fixture = await create();
      delivered = [];
    });
    afterEach(() => fixture.close());

    const append = (...events: CloudEvent[]) => fixture.tx((sql) => fixture.outbox.append(sql, events));
    const transfer = (limit = 100) =>
      fixture.outbox.transfer(limit, async (events) => void delivered.push(...events));
    /** A transaction that has appended `event` and waits for `end`. */
    const openTransaction = async (event: CloudEvent) => {
      const gate = Promise.withResolvers<void>();
      const appended = Promise.withResolvers<void>();
      const ended = fixture.tx(async (sql) => {
        await fixture.outbox.append(sql, [event]);
        appended.resolve();
        await gate.promise;
      });
      await Promise.race([appended.promise, ended]);
      return {
        commit() {
          gate.resolve();
          return ended;
        },
        rollBack() {
          gate.reject(new Error('rolled back'));
          return assert.rejects(ended, /rolled back/);
        },
      };
    };

    test('hands over committed events once, in the order they were appended', async () => {
      const events = [1, 2, 3].map((value) => sampleEvent('a', value));
      await append(...events.slice(0, 2));
      await append(...events.slice(2));
      assert.deepEqual(await transfer(), { busy: false, published: 3 });
      assert.deepEqual(delivered, events);
      assert.deepEqual(await transfer(), { busy: false, published: 0 });
      assert.equal(delivered.length, 3);
    });

    test('hands over at most the limit, oldest first', async () => {
      await append(...[1, 2, 3].map((value) => sampleEvent('a', value)));
      assert.equal((await transfer(2)).published, 2);
      assert.deepEqual(valuesOf(delivered), [1, 2]);
      assert.equal((await transfer(2)).published, 1);
      assert.deepEqual(valuesOf(delivered), [1, 2, 3]);
    });

    test('never hands over an event whose transaction rolled back', async () => {
      const transaction = await openTransaction(sampleEvent('a', 'lost'));
      await transaction.rollBack();
      await append(sampleEvent('a', 'kept'));
      await transfer();
      assert.deepEqual(valuesOf(delivered), ['kept']);
    });

    test('does not skip a transaction that commits later than its successors', async () => {
      const late = await openTransaction(sampleEvent('a', 'late'));
      await append(sampleEvent('b', 'early'));
      await transfer();
      assert.deepEqual(valuesOf(delivered), ['early']);
      await late.commit();
      await transfer();
      assert.deepEqual(valuesOf(delivered), ['early', 'late']);
    });

    test('keeps the order of commits within a key when transactions overlap', async () => {
      const first = await openTransaction(sampleEvent('a', 'first'));
      const second = append(sampleEvent('b', 'other'), sampleEvent('a', 'second'));
      await append(sampleEvent('c', 'free'));
      await transfer();
      assert.deepEqual(valuesOf(delivered), ['free']);
      await first.commit();
      await second;
      await transfer();
      const ofKey = delivered.filter((event) => event.subject === 'a');
      assert.deepEqual(valuesOf(ofKey), ['first', 'second']);
      assert.equal(delivered.length, 4);
    });

    test('transactions that append the same keys in opposite orders do not wait for each other for ever', async () => {
      const forth = ['a', 'b', 'c', 'd'];
      const back = forth.toReversed();
      await Promise.all(
        Array.from({ length: 40 }, (_, number) =>
          append(...(number % 2 === 0 ? forth : back).map((key) => sampleEvent(key, number))),
        ),
      );
      assert.equal((await transfer(1_000)).published, 160);
    });

    test('hands the same events over again when publishing fails', async () => {
      await append(sampleEvent('a', 1), sampleEvent('a', 2));
      const failing = fixture.outbox.transfer(100, () => Promise.reject(new Error('log down')));
      await assert.rejects(failing, /log down/);
      assert.equal((await fixture.outbox.backlog()).count, 2);
      await transfer();
      assert.deepEqual(valuesOf(delivered), [1, 2]);
    });

    test('lets one relay through at a time', async () => {
      await append(sampleEvent('a', 1));
      const gate = Promise.withResolvers<void>();
      let isPublishing = false;
      const first = fixture.outbox.transfer(100, () => {
        isPublishing = true;
        return gate.promise;
      });
      await eventually(() => isPublishing, 'the first relay publishes');
      assert.deepEqual(await transfer(), { busy: true, published: 0 });
      gate.resolve();
      assert.deepEqual(await first, { busy: false, published: 1 });
      assert.deepEqual(await transfer(), { busy: false, published: 0 });
    });

    test('does not call publish when there is nothing', async () => {
      const transferred = fixture.outbox.transfer(100, () => Promise.reject(new Error('called')));
      assert.deepEqual(await transferred, { busy: false, published: 0 });
    });

    test('tells how many events wait and for how long', async () => {
      assert.deepEqual(await fixture.outbox.backlog(), { count: 0, oldestAgeMs: 0 });
      await append(sampleEvent('a'), sampleEvent('b'));
      const backlog = await eventually(async () => {
        const { count, oldestAgeMs } = await fixture.outbox.backlog();
        return oldestAgeMs > 20 && { count, oldestAgeMs };
      }, 'the events grow older');
      assert.equal(backlog.count, 2);
      assert.ok(backlog.oldestAgeMs < 30_000);
      await transfer();
      assert.deepEqual(await fixture.outbox.backlog(), { count: 0, oldestAgeMs: 0 });
    });

    test('forgets published events only, and only old ones', async () => {
      await append(sampleEvent('a'), sampleEvent('b'));
      await transfer();
      await append(sampleEvent('c', 'waits'));
      assert.equal(await fixture.outbox.prune(60_000), 0);
      await eventually(async () => (await fixture.outbox.prune(0)) === 2, 'both published events are gone');
      delivered = [];
      await transfer();
      assert.deepEqual(valuesOf(delivered), ['waits']);
    });

    test('refuses an event that is too large or cannot be written, and its transaction with it', async () => {
      const large = sampleEvent('a', 'x'.repeat(300_000));
      await assert.rejects(append(sampleEvent('a', 'small'), large), { reason: 'event_too_large' });
      const cyclic: unknown[] = [];
      cyclic.push(cyclic);
      await assert.rejects(append(sampleEvent('a', cyclic)), { reason: 'invalid_event' });
      assert.equal((await fixture.outbox.backlog()).count, 0);
    });
  });
}
