import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { until } from '@banyan/core/testing';
import type { PartitionLease } from '../inbox.ts';
import { createInboxDriver, type InboxDriver, type InboxFixture, sharedPartitions } from './inbox-driver.ts';
import { sampleEvent, valuesOf } from './samples.ts';

const leaseLost = { code: 'aborted', reason: 'lease_lost' };

/** The part of the conformance suite that is about who reads which partition, and from where. */
export function describeInboxPartitions(name: string, create: () => Promise<InboxFixture>): void {
  describe(`partitions in the inbox on ${name}`, () => {
    let driver: InboxDriver;
    beforeEach(async () => {
      driver = createInboxDriver(await create());
    });
    afterEach(() => driver.close());

    const everyPartition = Array.from({ length: sharedPartitions }, (_, partition) => partition);
    const partitionsOf = (leases: readonly PartitionLease[]) =>
      leases.map(({ partition }) => partition).sort((a, b) => a - b);

    test('an instance that is alone has all partitions, and keeps them with the same tokens', async () => {
      const { share } = driver;
      const first = await share('mail-1');
      assert.equal(first.members, 1);
      assert.deepEqual(partitionsOf(first.leases), everyPartition);
      for (const lease of first.leases) assert.deepEqual([lease.log, lease.positions], ['log', {}]);
      assert.deepEqual(await share('mail-1'), first);
    });

    test('instances that join and leave share the partitions fairly, each having an owner at most', async () => {
      const { share, inbox, other } = driver;
      await share('mail-1');
      // Nothing is free until the first one has given up what is too much.
      assert.deepEqual((await share('mail-2', { inbox: other })).leases, []);
      const first = await share('mail-1');
      const second = await share('mail-2', { inbox: other });
      assert.deepEqual([first.leases.length, second.leases.length, second.members], [2, 2, 2]);
      assert.deepEqual(partitionsOf([...first.leases, ...second.leases]), everyPartition);
      const names = ['mail-1', 'mail-2', 'mail-3'];
      for (const instance of names) await share(instance);
      const three = await Promise.all(names.map((instance) => share(instance)));
      assert.deepEqual(partitionsOf(three.flatMap(({ leases }) => leases)), everyPartition);
      for (const { leases, members } of three) assert.ok(leases.length <= 2 && members === 3);
      await inbox.leave('log', 'mail-2');
      await inbox.leave('log', 'mail-3');
      const again = await share('mail-1');
      assert.deepEqual([partitionsOf(again.leases), again.members], [everyPartition, 1]);
      assert.ok((await inbox.counts()).rebalances > 0);
    });

    test('many instances that ask at once never get the same partition', async () => {
      const { share, inbox, other } = driver;
      const names = ['mail-1', 'mail-2', 'mail-3', 'mail-4', 'mail-5'];
      for (let round = 0; round < 5; round += 1) {
        const shares = await Promise.all(
          names.map((instance, index) => share(instance, { inbox: index % 2 === 0 ? inbox : other })),
        );
        // Some of what an earlier answer gave may have been given up by a later one, never the other way round.
        if (round < 2) continue;
        const owned = shares.flatMap(({ leases }) => leases.map(({ partition }) => partition));
        assert.equal(new Set(owned).size, owned.length);
        assert.equal(owned.length, sharedPartitions);
      }
    });

    test('an instance that does not call again loses its partitions to another, and its pages with them', async () => {
      const { share, inbox, arrival, tx } = driver;
      const lost = await share('mail-1', { leaseMs: 1 });
      const taken = await until(async () => {
        const { leases } = await share('mail-2');
        return leases.length === sharedPartitions && leases;
      }, 'the membership ends');
      const page = await arrival([sampleEvent('a', 'lost')], { leases: lost.leases });
      await assert.rejects(inbox.ingest(page), leaseLost);
      await assert.rejects(
        tx(async (sql) => void (await inbox.admit(sql, page))),
        leaseLost,
      );
      for (const { positions } of taken) assert.deepEqual(positions, {});
      assert.equal((await inbox.counts()).pending, 0);
      await inbox.ingest(await arrival([sampleEvent('a', 'kept')], { leases: taken }));
      assert.equal((await inbox.counts()).pending, 1);
    });

    test('a page of which one partition is lost stores nothing at all', async () => {
      const { share, inbox, other, arrival } = driver;
      const before = await share('mail-1');
      await share('mail-2', { inbox: other });
      await share('mail-1');
      const theirs = await share('mail-2', { inbox: other });
      assert.equal(theirs.leases.length, 2);
      await assert.rejects(
        inbox.ingest(await arrival([sampleEvent('a')], { leases: before.leases })),
        leaseLost,
      );
      assert.equal((await inbox.counts()).pending, 0);
      for (const { positions } of (await share('mail-1')).leases) assert.deepEqual(positions, {});
    });

    test('places move by topic and partition, and stay with the partition when its owner changes', async () => {
      const { share, inbox, arrival, leases } = driver;
      const all = await leases();
      await inbox.ingest(await arrival([], { leases: all, topics: ['a.x', 'b.y'], position: '7' }));
      await inbox.ingest(
        await arrival([], { leases: all.slice(0, 1), topics: ['a.x'], position: 'opaque \' "8"' }),
      );
      const kept = new Map<number, string>();
      await inbox.ingest(await arrival([], { leases: all, positions: kept }));
      await inbox.leave('log', 'mail-1');
      const next = await share('mail-2');
      const [first, ...rest] = next.leases.toSorted((a, b) => a.partition - b.partition);
      assert.deepEqual(first?.positions, {
        'a.x': { position: 'opaque \' "8"' },
        'b.y': { position: '7' },
      });
      for (const { positions } of rest) {
        assert.deepEqual(positions, { 'a.x': { position: '7' }, 'b.y': { position: '7' } });
      }
      const places = await inbox.places('log');
      assert.deepEqual(
        places.map(({ partition, owner, positions }) => ({ partition, owner, positions })).sort(byPartition),
        next.leases
          .map(({ partition, positions }) => ({ partition, owner: 'mail-2', positions }))
          .sort(byPartition),
      );
      assert.deepEqual(await inbox.places('another log'), []);
    });

    test('the partitions of another log are others', async () => {
      const { inbox, share } = driver;
      await share('mail-1');
      const there = await inbox.share({ log: 'other', partitions: 2, instance: 'mail-2', leaseMs: 60_000 });
      assert.deepEqual([there.leases.length, there.members], [2, 1]);
    });

    test('replaying reads everything again from a place, and fences readers and workers off', async () => {
      const { inbox, arrival, leases, claimOne, claim, ingest, admit } = driver;
      const events = ['handled', 'claimed', 'dead'].map((key) => sampleEvent(key, key));
      const [handled, claimed, dead] = events;
      assert.ok(handled && claimed && dead);
      await admit(handled);
      await ingest(dead);
      await inbox.fail(await claimOne(), { kind: 'dead', reason: 'broken', retryAfterMs: 0 });
      await ingest(claimed);
      const held = await claimOne();
      const stays = sampleEvent('other', 'stays', 'payments.captured');
      await inbox.ingest(await arrival([stays], { topics: ['payments.captured'], position: '5' }));
      const before = await leases();
      await inbox.replay({ log: 'log', topics: ['orders.placed'], from: 'start', by: 'ann' });
      await assert.rejects(inbox.complete(held), leaseLost);
      await assert.rejects(inbox.ingest(await arrival(events, { leases: before })), leaseLost);
      assert.deepEqual(await inbox.deadLetters(10), []);
      assert.deepEqual(
        (await claim()).map(({ event }) => event.id),
        [stays.id],
      );
      for (const { positions } of await leases()) {
        assert.deepEqual(positions, { 'orders.placed': 'start', 'payments.captured': { position: '5' } });
      }
      assert.deepEqual(valuesOf(await admit(...events)), ['handled', 'claimed', 'dead']);
      const [entry] = await inbox.audit(1);
      assert.deepEqual([entry?.by, entry?.action, entry?.subject], ['ann', 'replay', 'orders.placed']);
    });

    test('a page that is handled while a replay is asked for either counts or is fenced off', async () => {
      const { inbox, arrival, tx, leases } = driver;
      const page = await arrival([sampleEvent('a', 1)], { position: '9' });
      const admitted = Promise.withResolvers<void>();
      const gate = Promise.withResolvers<void>();
      const handling = tx(async (sql) => {
        await inbox.admit(sql, page);
        admitted.resolve();
        await gate.promise;
      });
      await Promise.race([admitted.promise, handling]);
      const replaying = inbox.replay({ log: 'log', topics: ['orders.placed'], from: 'start', by: 'ann' });
      gate.resolve();
      await handling;
      await replaying;
      for (const { positions } of await leases()) assert.deepEqual(positions, { 'orders.placed': 'start' });
    });
  });
}

function byPartition(a: { readonly partition: number }, b: { readonly partition: number }): number {
  return a.partition - b.partition;
}
