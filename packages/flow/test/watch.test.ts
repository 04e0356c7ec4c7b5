import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger } from '@banyan/core';
import { createManualClock, type ManualClock } from '@banyan/core/testing';
import { createFlowMonitor, createFlowWatch, type FlowAlarm, listFlows } from '@banyan/flow';
import { createPostgresFlowStore, migrate, platformMigrations } from '@banyan/postgres';
import { createTestDatabase } from '@banyan/testing';
import { createOrder, lateAfterMs } from './fixtures/orders.ts';

const lookEveryMs = 5_000;

async function openWatched(t: Parameters<typeof createTestDatabase>[0]) {
  const { database } = await createTestDatabase(t);
  await migrate(database, platformMigrations.service, { scope: 'banyan' });
  const store = createPostgresFlowStore(database);
  const monitor = createFlowMonitor([createOrder], store);
  const clock = createManualClock();
  const alarms: FlowAlarm[] = [];
  let behindMs = 0;
  let looked = Promise.withResolvers<void>();
  const watch = () => {
    const started = createFlowWatch({
      definitions: [createOrder],
      ...{ store, database, clock, logger: silentLogger },
      behindMs: async () => behindMs,
      onAlarm: async (alarm, note) => {
        const isNews = await database.tx(({ sql }) => note(sql));
        if (isNews) alarms.push(alarm);
        return true;
      },
      onStanding: () => looked.resolve(),
      intervalMs: lookEveryMs,
    });
    started.start();
    t.after(() => started.stop());
    return started;
  };
  return {
    ...{ store, clock, alarms, watch, database },
    setBehind: (ms: number) => {
      behindMs = ms;
    },
    /** One event of an order, now. */
    see: (key: string, topic: string) =>
      database.tx(({ sql }) =>
        monitor.record(sql, [{ flow: 'createOrder', key, topic, atMs: clock.nowMs() }]),
      ),
    /** Lets time pass up to the next look and waits for it. */
    async look() {
      looked = Promise.withResolvers();
      clock.advance(lookEveryMs);
      await looked.promise;
      // The look sets the timer of the next one when it is over.
      while (clock.timers === 0) await new Promise((resolve) => setImmediate(resolve));
    },
    late: async () => (await listFlows(store, createOrder, { status: 'late' })).flows.map(({ key }) => key),
  };
}

function pass(clock: ManualClock, ms: number) {
  // Between two looks: the timer of the watch is not reached.
  assert.ok(ms < lookEveryMs);
  clock.advance(ms);
}

test('a flow that stands still is late, which is told once, and once more when none is late', async (t) => {
  const { see, look, late, watch, alarms, clock } = await openWatched(t);
  const watching = watch();
  await see('o1', 'orders.created');
  for (let ms = 0; ms < lateAfterMs; ms += lookEveryMs) await look();
  assert.deepEqual([await late(), alarms], [[], []]);
  await look();
  assert.deepEqual(await late(), ['o1']);
  await look();
  assert.deepEqual(alarms, [
    // Nothing for 65 s: it was due after 60 s, and a look is taken every 5 s.
    { flow: 'createOrder', state: 'broken', count: 1, ageMs: 65_000, boundMs: 60_000 },
  ]);
  assert.deepEqual(watching.standings, [
    { flow: 'createOrder', open: 1, failing: 0, late: 1, oldestMs: 70_000, lateMs: 10_000 },
  ]);
  pass(clock, 1_000);
  await see('o1', 'kitchen.ticketCreated');
  assert.deepEqual(await late(), []);
  await look();
  await look();
  assert.deepEqual(alarms.slice(1), [
    { flow: 'createOrder', state: 'restored', count: 0, ageMs: 0, boundMs: 60_000 },
  ]);
});

test('several instances that watch raise the alarm once, and a restarted one does not raise it again', async (t) => {
  const { see, look, watch, alarms } = await openWatched(t);
  const watches = [watch(), watch(), watch()];
  await see('o1', 'orders.created');
  await see('o2', 'orders.created');
  for (let ms = 0; ms <= lateAfterMs; ms += lookEveryMs) await look();
  for (const each of watches) await each.stop();
  assert.deepEqual(
    alarms.map(({ state }) => state),
    ['broken'],
  );
  watch();
  await look();
  assert.equal(alarms.length, 1);
});

test('while events wait to be handled, nobody is late whose events may be among them', async (t) => {
  const { see, look, late, watch, setBehind } = await openWatched(t);
  watch();
  await see('o1', 'orders.created');
  // The oldest event that waits is as old as the flow is: what happened since is not known.
  for (let ms = 0; ms < 2 * lateAfterMs; ms += lookEveryMs) {
    setBehind(ms + lookEveryMs);
    await look();
  }
  assert.deepEqual(await late(), []);
  setBehind(0);
  await look();
  assert.deepEqual(await late(), ['o1']);
});

test('a flow that ended is never late, and one that is dismissed is no longer', async (t) => {
  const { see, look, late, watch, store, alarms } = await openWatched(t);
  watch();
  await see('o1', 'orders.created');
  await see('o2', 'kitchen.ticketRefused');
  await see('o2', 'orders.rejected');
  for (let ms = 0; ms <= lateAfterMs; ms += lookEveryMs) await look();
  // The refused one has ended: nothing of it was done.
  assert.deepEqual(await late(), ['o1']);
  assert.equal(await store.dismiss({ flow: 'createOrder', key: 'o1' }, 'ann'), true);
  assert.equal(await store.dismiss({ flow: 'createOrder', key: 'o2' }, 'ann'), false);
  await look();
  assert.deepEqual(await late(), []);
  assert.deepEqual(
    alarms.map(({ state }) => state),
    ['broken', 'restored'],
  );
  assert.equal((await store.read({ flow: 'createOrder', key: 'o1' }))?.dismissed?.by, 'ann');
  const audited = await store.audit(10);
  assert.deepEqual(
    audited.map(({ actor, action, flow, key }) => ({ actor, action, flow, key })),
    [{ actor: 'ann', action: 'dismiss', flow: 'createOrder', key: 'o1' }],
  );
});

test('flows are forgotten a month after their end, and not before', async (t) => {
  const { see, look, watch, store, clock } = await openWatched(t);
  await see('o1', 'kitchen.ticketRefused');
  await see('o1', 'orders.rejected');
  await see('o2', 'orders.created');
  clock.advance(30 * 24 * 3_600_000 - lookEveryMs);
  const watching = watch();
  await look();
  await watching.stop();
  assert.ok(await store.read({ flow: 'createOrder', key: 'o1' }));
  clock.advance(1);
  watch();
  await look();
  assert.equal(await store.read({ flow: 'createOrder', key: 'o1' }), undefined);
  assert.ok(await store.read({ flow: 'createOrder', key: 'o2' }));
});
