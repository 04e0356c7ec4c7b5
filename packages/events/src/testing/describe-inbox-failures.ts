import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { until } from '@banyan/core/testing';
import type { DeadLetter, Failure } from '../inbox.ts';
import { claimedValues, createInboxDriver, type InboxDriver, type InboxFixture } from './inbox-driver.ts';
import { sampleEvent } from './samples.ts';

const failure: Failure = { kind: 'failure', reason: 'internal: broken', retryAfterMs: 0 };
const deferral: Failure = { kind: 'deferral', reason: 'unavailable: down', retryAfterMs: 0 };
const death: Failure = { kind: 'dead', reason: 'internal: hopeless', retryAfterMs: 0 };

/** The part of the conformance suite that is about leases, failures and dead letters. */
export function describeInboxFailures(name: string, create: () => Promise<InboxFixture>): void {
  describe(`failures in the inbox on ${name}`, () => {
    let driver: InboxDriver;
    beforeEach(async () => {
      driver = createInboxDriver(await create());
    });
    afterEach(() => driver.close());

    test('a worker whose lease ended and was taken over can commit nothing', async () => {
      const { inbox, ingest, tx, claim } = driver;
      await ingest(sampleEvent('a', 1), sampleEvent('a', 2));
      const [lost] = await claim(1, { leaseMs: 1 });
      assert.ok(lost);
      const taken = await driver.claimNext();
      assert.equal(taken.event.id, lost.event.id);
      assert.equal(taken.attempt, 2);
      assert.notEqual(taken.token, lost.token);
      await assert.rejects(
        tx((sql) => inbox.complete(lost, sql)),
        { code: 'aborted', reason: 'lease_lost' },
      );
      await assert.rejects(inbox.complete(lost), { reason: 'lease_lost' });
      assert.equal(await inbox.fail(lost, death), false);
      await inbox.complete(taken);
      assert.deepEqual(claimedValues([await driver.claimNext()]), [2]);
    });

    test('events whose leases end at once, all the time, are still finished once and in order', async () => {
      const { inbox, ingest, claim } = driver;
      const total = 100;
      await ingest(...Array.from({ length: total }, (_, number) => sampleEvent(`k${number % 5}`, number)));
      const finished: unknown[] = [];
      await Promise.all(
        Array.from({ length: 8 }, async (_, worker) => {
          while (finished.length < total) {
            for (const held of await claim(2, { owner: `w${worker}`, leaseMs: 0 })) {
              const isMine = await inbox.complete(held).then(
                () => true,
                (error) => assert.equal(error.reason, 'lease_lost'),
              );
              if (isMine) finished.push(...claimedValues([held]));
            }
          }
        }),
      );
      assert.deepEqual(
        finished.toSorted((a, b) => Number(a) - Number(b)),
        Array.from({ length: total }, (_, n) => n),
      );
      assert.equal((await inbox.counts()).pending, 0);
    });

    test('a claim that is finished can be neither completed nor failed again', async () => {
      const { inbox, ingest, claimOne } = driver;
      await ingest(sampleEvent('a', 1), sampleEvent('a', 2));
      const first = await claimOne();
      await inbox.complete(first);
      await assert.rejects(inbox.complete(first), { reason: 'lease_lost' });
      assert.equal(await inbox.fail(first, death), false);
      const second = await claimOne();
      assert.deepEqual([claimedValues([second]), second.attempt], [[2], 1]);
      await assert.rejects(inbox.complete(first), { reason: 'lease_lost' });
      await inbox.complete(second);
      assert.equal((await inbox.counts()).pending, 0);
    });

    test('counts failures, deferrals and deliveries apart', async () => {
      const { inbox, ingest } = driver;
      await ingest(sampleEvent('a'));
      assert.equal(await inbox.fail(await driver.claimNext(), failure), true);
      assert.equal(await inbox.fail(await driver.claimNext(), deferral), true);
      assert.equal(await inbox.fail(await driver.claimNext(), { ...deferral, retryAfterMs: 30 }), true);
      const claim = await driver.claimNext();
      assert.deepEqual([claim.attempt, claim.failures, claim.deferrals], [4, 1, 2]);
      assert.ok(claim.sinceFirstAttemptMs >= 25 && claim.sinceFirstAttemptMs < 30_000);
    });

    test('an event that failed is not claimed before its time, nor are later ones of its key', async () => {
      const { inbox, ingest, claim, claimOne } = driver;
      await ingest(sampleEvent('a', 1), sampleEvent('a', 2));
      const held = await claimOne();
      const failedAtMs = Date.now();
      await inbox.fail(held, { ...failure, retryAfterMs: 150 });
      await ingest(sampleEvent('a', 3), sampleEvent('b', 'other'));
      assert.deepEqual(claimedValues(await claim()), ['other']);
      assert.deepEqual(claimedValues([await driver.claimNext()]), [1]);
      // Two clocks may differ by a little even on one machine.
      assert.ok(Date.now() - failedAtMs >= 140);
    });

    test('a dead event holds back its key and no other, with its reason on record', async () => {
      const { inbox, ingest, claim, claimOne } = driver;
      const poison = sampleEvent('a', 'poison');
      await ingest(poison, sampleEvent('a', 'waits'), sampleEvent('a', 'waits too'));
      await inbox.fail(await claimOne(), { ...death, stack: 'Error: hopeless\n    at handler' });
      await ingest(sampleEvent('b', 'free'), sampleEvent('a', 'also waits'));
      assert.deepEqual(claimedValues(await claim()), ['free']);
      const [letter, ...others] = await inbox.deadLetters(10);
      assert.deepEqual(others, []);
      assert.deepEqual(letter?.event, poison);
      assert.deepEqual([letter?.id, letter?.topic, letter?.key], [poison.id, 'orders.placed', 'orders/a']);
      assert.deepEqual([letter?.reason, letter?.attempts, letter?.waiting], ['internal: hopeless', 1, 3]);
      assert.deepEqual([letter?.stack, letter?.text], ['Error: hopeless\n    at handler', undefined]);
      assert.match(letter?.deadAt ?? '', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/);
      const { pending, dead, waiting } = await inbox.counts();
      assert.deepEqual({ pending, dead, waiting }, { pending: 1, dead: 1, waiting: 3 });
    });

    test('a dead letter that is retried starts anew, and its key drains in order', async () => {
      const { inbox, ingest, claim, claimOne } = driver;
      const poison = sampleEvent('a', 1);
      await ingest(poison, sampleEvent('a', 2), sampleEvent('a', 3));
      await inbox.fail(await claimOne(), death);
      assert.equal(await inbox.retryDeadLetters([poison.id, 'no such id'], 'ann'), 1);
      assert.equal(await inbox.retryDeadLetters([poison.id], 'ann'), 0);
      assert.deepEqual(await inbox.deadLetters(10), []);
      const values: unknown[] = [];
      for (const attempt of [1, 1, 1]) {
        const held = await claimOne();
        assert.deepEqual([held.attempt, held.failures, held.deferrals], [attempt, 0, 0]);
        values.push(...claimedValues([held]));
        await inbox.complete(held);
      }
      assert.deepEqual(values, [1, 2, 3]);
      assert.deepEqual(await claim(), []);
    });

    test('a dead letter that is discarded makes way, and does not come back', async () => {
      const { inbox, ingest, claim, claimOne } = driver;
      const poison = sampleEvent('a', 'poison');
      await ingest(poison, sampleEvent('a', 'next'));
      await inbox.fail(await claimOne(), death);
      assert.equal(await inbox.discardDeadLetters([poison.id], 'ann'), 1);
      assert.equal(await inbox.discardDeadLetters([poison.id], 'ann'), 0);
      const next = await claimOne();
      assert.deepEqual(claimedValues([next]), ['next']);
      await inbox.complete(next);
      await ingest(poison);
      assert.deepEqual(await claim(), []);
      assert.deepEqual(await inbox.counts(), {
        pending: 0,
        dead: 0,
        waiting: 0,
        oldestAgeMs: 0,
        rebalances: 0,
      });
    });

    test('a dead letter that is edited is delivered anew with its new data, and every deed is on record', async () => {
      const { inbox, ingest, claimOne } = driver;
      const [poison, other] = [sampleEvent('a', 'poison'), sampleEvent('b', 'other')];
      for (const event of [poison, other]) {
        await ingest(event);
        await inbox.fail(await claimOne(), death);
      }
      const cured = { ...poison, data: { value: 'cured' } };
      assert.equal(await inbox.editDeadLetter(poison.id, cured, 'ann'), true);
      assert.equal(await inbox.editDeadLetter(poison.id, cured, 'ann'), false);
      const held = await claimOne();
      assert.deepEqual([held.event, held.attempt, held.failures], [cured, 1, 0]);
      await inbox.complete(held);
      for (const wrong of [sampleEvent('b'), { ...other, subject: 'c' }, { ...other, type: '' }]) {
        await assert.rejects(inbox.editDeadLetter(other.id, wrong, 'ann'), { reason: 'invalid_event' });
      }
      assert.equal(await inbox.retryDeadLetters([other.id], 'bob'), 1);
      await inbox.fail(await claimOne(), death);
      assert.equal(await inbox.discardDeadLetters([other.id], 'cid'), 1);
      const audit = await inbox.audit(10);
      assert.deepEqual(
        audit.map(({ by, action, subject }) => [by, action, subject]),
        [
          ['cid', 'discard', other.id],
          ['bob', 'retry', other.id],
          ['ann', 'edit', poison.id],
        ],
      );
      assert.deepEqual([audit[0]?.before, audit[2]?.before], [other, poison]);
      for (const { at } of audit) assert.match(at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/);
      assert.equal((await inbox.audit(1)).length, 1);
    });

    test('a dead letter is found behind any number of others, and all are retried at once', async () => {
      const { inbox, ingest, claim, claimOne } = driver;
      const events = ['a', 'b', 'c'].map((key) => sampleEvent(key));
      for (const event of events) {
        await ingest(event);
        await inbox.fail(await claimOne(), death);
      }
      const last = await inbox.deadLetter(events[2]?.id ?? '');
      assert.deepEqual(last?.event, events[2]);
      assert.equal(await inbox.deadLetter('no such id'), undefined);
      const letters = await inbox.deadLetters(10);
      const total = await inbox.deadLetterTotal();
      assert.deepEqual([total.count, total.last?.id], [3, letters[2]?.id]);
      assert.ok(letters[1] && total.last);
      assert.equal(await inbox.retryDeadLetters({ through: letters[1] }, 'ann'), 2);
      assert.deepEqual(await inbox.deadLetters(10), [letters[2]]);
      assert.equal(await inbox.retryDeadLetters({ through: total.last }, 'ann'), 1);
      assert.deepEqual(await inbox.deadLetterTotal(), { count: 0, last: undefined });
      assert.equal((await claim()).length, 3);
      assert.equal((await inbox.audit(10)).length, 3);
    });

    test('dead letters are read page by page, and those of a total are discarded without what has died since', async () => {
      const { inbox, ingest, claim, claimOne } = driver;
      const events = ['a', 'b', 'c', 'd', 'e'].map((key) => sampleEvent(key));
      for (const event of events) {
        await ingest(event);
        await inbox.fail(await claimOne(), death);
      }
      const idsOf = (letters: readonly DeadLetter[]) => letters.map(({ id }) => id);
      const all = await inbox.deadLetters(10);
      const first = await inbox.deadLetters(2);
      const second = await inbox.deadLetters(2, first[1]);
      const third = await inbox.deadLetters(2, second[1]);
      assert.deepEqual(idsOf([...first, ...second, ...third]), idsOf(all));
      assert.deepEqual(idsOf(all).toSorted(), events.map(({ id }) => id).toSorted());
      assert.deepEqual(await inbox.deadLetters(2, third[0]), []);
      await ingest(sampleEvent('a'));
      const [seen, since] = [all[3], all[4]];
      assert.ok(seen && since);
      assert.equal(await inbox.discardDeadLetters({ through: seen }, 'ann'), 4);
      assert.deepEqual(idsOf(await inbox.deadLetters(10)), [since.id]);
      assert.equal((await inbox.audit(10)).length, 4);
      assert.equal(await inbox.discardDeadLetters({ through: since }, 'ann'), 1);
      assert.equal((await claim()).length, 1);
    });

    test('what lives cannot be retried or discarded', async () => {
      const { inbox, ingest, claimOne } = driver;
      const event = sampleEvent('a');
      await ingest(event);
      assert.equal(await inbox.retryDeadLetters([event.id], 'ann'), 0);
      assert.equal(await inbox.discardDeadLetters([event.id], 'ann'), 0);
      await inbox.complete(await claimOne());
    });

    test('a restarted instance gets its events back at once, and its former self is fenced off', async () => {
      const { inbox, ingest, claim } = driver;
      await ingest(sampleEvent('a', 'mine'), sampleEvent('b', 'theirs'));
      const [mine] = await claim(1, { owner: 'orders-1' });
      const [theirs] = await claim(1, { owner: 'orders-2' });
      assert.ok(mine && theirs);
      assert.equal(await inbox.release('orders-1'), 1);
      const again = await driver.claimNext();
      assert.deepEqual([claimedValues([again]), again.attempt, again.deferrals], [['mine'], 2, 1]);
      await assert.rejects(inbox.complete(mine), { reason: 'lease_lost' });
      await inbox.complete(theirs);
      await inbox.complete(again);
    });

    test('tells how old the oldest pending event is', async () => {
      const { inbox, ingest, claimOne } = driver;
      await ingest(sampleEvent('a'));
      const counts = await until(async () => {
        const now = await inbox.counts();
        return now.oldestAgeMs > 20 && now;
      }, 'the event grows older');
      assert.deepEqual([counts.pending, counts.dead, counts.waiting], [1, 0, 0]);
      await inbox.complete(await claimOne());
      assert.equal((await inbox.counts()).oldestAgeMs, 0);
    });
  });
}
