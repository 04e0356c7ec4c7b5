import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { claimedValues, createInboxDriver, type InboxDriver, type InboxFixture } from './inbox-driver.ts';
import { sampleEvent, valuesOf } from './samples.ts';

/** The part of the conformance suite that is about events handled in the transaction that moves the places. */
export function describeInboxAdmission(name: string, create: () => Promise<InboxFixture>): void {
  describe(`admission to the inbox on ${name}`, () => {
    let driver: InboxDriver;
    beforeEach(async () => {
      driver = createInboxDriver(await create());
    });
    afterEach(() => driver.close());

    const samples = (...values: readonly unknown[]) =>
      values.map((value) => sampleEvent(String(value), value));

    test('admits new events in the order of the log, and moves the places with them', async () => {
      const { admit, leases, inbox, claim } = driver;
      const events = [sampleEvent('a', 1), sampleEvent('b', 2), sampleEvent('a', 3)];
      assert.deepEqual(await admit(...events), events);
      for (const { positions } of await leases()) {
        assert.deepEqual(positions, { 'orders.placed': { position: '1' } });
      }
      assert.deepEqual(await claim(), []);
      assert.equal((await inbox.counts()).pending, 0);
    });

    test('admits an event once, whichever way it came first', async () => {
      const { admit, ingest, inbox, claimOne } = driver;
      const [first, second, third] = samples('first', 'second', 'third');
      assert.ok(first && second && third);
      assert.deepEqual(valuesOf(await admit(first, second, first)), ['first', 'second']);
      assert.deepEqual(await admit(first, second), []);
      await ingest(first, third);
      assert.deepEqual(claimedValues([await claimOne()]), ['third']);
      assert.deepEqual(await admit(third), []);
      assert.equal((await inbox.counts()).pending, 1);
    });

    test('nothing has happened if the transaction rolls back', async () => {
      const { inbox, arrival, tx, admit, leases } = driver;
      const event = sampleEvent('a');
      const page = await arrival([event]);
      const failing = tx(async (sql) => {
        assert.equal((await inbox.admit(sql, page)).length, 1);
        throw new Error('the handler failed after all');
      });
      await assert.rejects(failing, /after all/);
      for (const { positions } of await leases()) assert.deepEqual(positions, {});
      assert.deepEqual(await admit(event), [event]);
    });

    test('events that would overtake an unfinished one of their key are stored behind it', async () => {
      const { inbox, admit, ingest, claim, claimOne } = driver;
      await ingest(sampleEvent('a', 'a1'));
      const held = await claimOne();
      const admitted = await admit(sampleEvent('a', 'a2'), sampleEvent('b', 'b1'), sampleEvent('a', 'a3'));
      assert.deepEqual(valuesOf(admitted), ['b1']);
      assert.deepEqual(await claim(), []);
      assert.equal((await inbox.counts()).pending, 3);
      await inbox.complete(held);
      for (const value of ['a2', 'a3']) {
        const next = await claimOne();
        assert.deepEqual(claimedValues([next]), [value]);
        await inbox.complete(next);
      }
      assert.deepEqual(valuesOf(await admit(sampleEvent('a', 'a4'))), ['a4']);
    });

    test('what comes behind a dead event waits', async () => {
      const { inbox, admit, ingest, claimOne } = driver;
      await ingest(sampleEvent('a', 'poison'));
      await inbox.fail(await claimOne(), { kind: 'dead', reason: 'broken', retryAfterMs: 0 });
      assert.deepEqual(valuesOf(await admit(sampleEvent('a', 'waits'), sampleEvent('b', 'free'))), ['free']);
      const { pending, dead, waiting } = await inbox.counts();
      assert.deepEqual({ pending, dead, waiting }, { pending: 0, dead: 1, waiting: 1 });
    });

    test('events that are admitted while their key is being completed are neither lost nor early', async () => {
      const { inbox, ingest, admit, tx, claim, claimNext } = driver;
      await ingest(sampleEvent('a', 0));
      const handled: unknown[] = [];
      for (let round = 1; round <= 30; round += 1) {
        const [held] = await claim();
        const [, admitted] = await Promise.all([
          held === undefined ? undefined : tx((sql) => inbox.complete(held, sql)),
          admit(sampleEvent('a', round)),
        ]);
        handled.push(...(held === undefined ? [] : claimedValues([held])), ...valuesOf(admitted));
      }
      while (handled.length < 31) {
        const next = await claimNext();
        handled.push(...claimedValues([next]));
        await inbox.complete(next);
      }
      assert.deepEqual(
        handled,
        Array.from({ length: 31 }, (_, number) => number),
      );
    });

    test('the same page handed in twice at once is admitted once', async () => {
      const { inbox, other, arrival, tx } = driver;
      const page = await arrival(samples(1, 2, 3));
      const admitted: unknown[] = [];
      await Promise.all(
        [inbox, other].map((each) =>
          tx(async (sql) => {
            admitted.push(...valuesOf(await each.admit(sql, page)));
          }),
        ),
      );
      assert.deepEqual(admitted, [1, 2, 3]);
    });

    test('a large page is admitted whole', async () => {
      const { admit, inbox } = driver;
      const events = Array.from({ length: 2_000 }, (_, number) => sampleEvent(`k${number % 700}`, number));
      assert.deepEqual(await admit(...events), events);
      assert.deepEqual(await admit(...events), []);
      assert.equal((await inbox.counts()).pending, 0);
    });

    test('an ingested page without places stores its events and moves nothing', async () => {
      const { inbox, arrival, admit, leases, claim } = driver;
      const events = samples('patient', 'quick');
      await inbox.ingest(await arrival(events.slice(0, 1), { positions: new Map() }));
      for (const { positions } of await leases()) assert.deepEqual(positions, {});
      assert.deepEqual(valuesOf(await admit(...events)), ['quick']);
      assert.deepEqual(claimedValues(await claim()), ['patient']);
    });

    test('what is no event becomes a dead letter, once, and can be replaced or discarded', async () => {
      const { inbox, arrival, claimOne, claim } = driver;
      const record = {
        partition: 0,
        topic: 'orders.placed',
        text: 'no json {',
        reason: 'invalid_event: no JSON',
      };
      const malformed = [
        { ...record, position: '3' },
        { ...record, position: '4', topic: undefined, text: '木 \u0001' },
      ];
      for (let time = 0; time < 2; time += 1) await inbox.ingest(await arrival([], { malformed }));
      const letters = await inbox.deadLetters(10);
      const [first, second] = ['no json {', '木 \u0001'].map((text) =>
        letters.find((each) => each.text === text),
      );
      assert.ok(first && second && letters.length === 2 && first.id !== second.id);
      assert.deepEqual(
        [first.event, first.key, first.topic, first.reason, first.waiting],
        [undefined, undefined, 'orders.placed', record.reason, 0],
      );
      assert.equal(second.topic, undefined);
      assert.equal((await inbox.counts()).dead, 2);
      assert.deepEqual(await inbox.deadLetter(first.id), first);
      assert.equal(await inbox.retryDeadLetters([first.id], 'ann'), 0);
      assert.equal(await inbox.retryDeadLetters({ through: letters[1] ?? second }, 'ann'), 0);
      const whole = sampleEvent('a', 'whole');
      assert.equal(await inbox.editDeadLetter(first.id, whole, 'ann'), true);
      assert.equal(await inbox.discardDeadLetters([second.id], 'ann'), 1);
      assert.deepEqual(await inbox.deadLetters(10), []);
      const held = await claimOne();
      assert.deepEqual(held.event, whole);
      await inbox.complete(held);
      await inbox.ingest(await arrival([], { malformed }));
      assert.deepEqual([await inbox.deadLetters(10), await claim()], [[], []]);
      const audit = await inbox.audit(10);
      assert.deepEqual(
        audit.map(({ action, subject, before }) => [action, subject, before]),
        [
          ['discard', second.id, '木 \u0001'],
          ['edit', first.id, 'no json {'],
        ],
      );
    });
  });
}
