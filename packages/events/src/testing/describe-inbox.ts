import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { until } from '@banyan/core/testing';
import { describeInboxAdmission } from './describe-inbox-admission.ts';
import { describeInboxFailures } from './describe-inbox-failures.ts';
import { describeInboxPartitions } from './describe-inbox-partitions.ts';
import { claimedValues, createInboxDriver, type InboxDriver, type InboxFixture } from './inbox-driver.ts';
import { sampleEvent } from './samples.ts';

/** The conformance suite of {@link Inbox}. */
export function describeInbox(name: string, create: () => Promise<InboxFixture>): void {
  describeInboxPartitions(name, create);
  describeInboxAdmission(name, create);
  describeInboxFailures(name, create);
  describe(`inbox on ${name}`, () => {
    let driver: InboxDriver;
    beforeEach(async () => {
      driver = createInboxDriver(await create());
    });
    afterEach(() => driver.close());

    test('an event that comes again is ignored, before and after it is handled', async () => {
      const { inbox, ingest, claim, claimOne } = driver;
      const event = sampleEvent('a');
      await ingest(event, event);
      await ingest(event);
      await inbox.complete(await claimOne());
      await ingest(event);
      assert.deepEqual(await claim(), []);
      assert.equal((await inbox.counts()).pending, 0);
    });

    test('only the oldest event of a key can be claimed; keys do not wait for each other', async () => {
      const { inbox, ingest, claim } = driver;
      await ingest(
        sampleEvent('a', 'a1'),
        sampleEvent('a', 'a2'),
        sampleEvent('b', 'b1'),
        sampleEvent('a', 'a3'),
      );
      const [a1, b1, ...others] = await claim();
      assert.ok(a1 && b1);
      assert.deepEqual(claimedValues([a1, b1, ...others]), ['a1', 'b1']);
      assert.deepEqual(await claim(), []);
      await inbox.complete(a1);
      assert.deepEqual(claimedValues(await claim()), ['a2']);
    });

    test('keys are kept apart by the service that the events come from', async () => {
      const { ingest, claim } = driver;
      await ingest(
        sampleEvent('1', 'order', 'orders.placed'),
        sampleEvent('1', 'payment', 'payments.captured'),
      );
      assert.equal((await claim()).length, 2);
    });

    test('claims the limit, oldest first', async () => {
      const { ingest, claim } = driver;
      for (const key of ['a', 'b', 'c']) await ingest(sampleEvent(key, key));
      assert.deepEqual(claimedValues(await claim(2)), ['a', 'b']);
      assert.deepEqual(claimedValues(await claim(2)), ['c']);
    });

    test('concurrent workers never hold the same event', async () => {
      const { inbox, ingest, claim } = driver;
      await ingest(...Array.from({ length: 120 }, (_, number) => sampleEvent(`k${number % 30}`, number)));
      const handled: unknown[] = [];
      await Promise.all(
        Array.from({ length: 6 }, async (_, worker) => {
          while (handled.length < 120) {
            for (const held of await claim(3, { owner: `w${worker}` })) {
              handled.push(...claimedValues([held]));
              await inbox.complete(held);
            }
          }
        }),
      );
      assert.equal(new Set(handled).size, 120);
      for (let key = 0; key < 30; key += 1) {
        const ofKey = handled.filter((value) => (value as number) % 30 === key);
        assert.deepEqual(ofKey, [key, key + 30, key + 60, key + 90]);
      }
    });

    test('events that are ingested while their key is being completed are not forgotten', async () => {
      const { inbox, ingest, tx, claim, claimOne } = driver;
      await ingest(sampleEvent('a', 0));
      for (let round = 0; round < 30; round += 1) {
        const held = await claimOne();
        await Promise.all([
          tx(async (sql) => {
            await inbox.complete(held, sql);
            await inbox.counts();
          }),
          ingest(sampleEvent('a', round + 1)),
        ]);
      }
      assert.deepEqual(claimedValues(await claim()), [30]);
    });

    test('completing takes effect with the transaction, and not without it', async () => {
      const { inbox, ingest, tx, claim, claimOne } = driver;
      await ingest(sampleEvent('a', 1), sampleEvent('a', 2));
      const held = await claimOne();
      const failing = tx(async (sql) => {
        await inbox.complete(held, sql);
        throw new Error('the handler failed after all');
      });
      await assert.rejects(failing, /after all/);
      assert.deepEqual(await claim(), []);
      await tx((sql) => inbox.complete(held, sql));
      assert.deepEqual(claimedValues(await claim()), [2]);
    });

    test('forgets finished events only, and only old ones', async () => {
      const { inbox, ingest, claim, claimOne } = driver;
      const finished = sampleEvent('a', 'finished');
      await ingest(finished);
      await inbox.complete(await claimOne());
      await ingest(sampleEvent('a', 'open'));
      assert.equal(await inbox.prune(60_000), 0);
      await until(async () => (await inbox.prune(0)) === 1, 'the finished event is gone');
      assert.deepEqual(claimedValues(await claim()), ['open']);
    });
  });
}
