import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger } from '@banyan/core';
import { createManualClock, eventually } from '@banyan/core/testing';
import type { LogReader, ReaderStanding } from '@banyan/event-store';
import { createPostgresOutbox, migrate, platformMigrations } from '@banyan/postgres';
import { createMetrics } from '@banyan/telemetry';
import { createTestDatabase } from '@banyan/testing';
import type { ServiceStore } from '../src/engines.ts';
// The watch has no public constructor of its own, and a host's clock cannot be owned.
import { createReaderWatch } from '../src/reader-watch.ts';

test('two instances watch a reader: one alarm when it is behind for longer than its bound, one when it no longer is', async (t) => {
  const { database } = await createTestDatabase(t);
  await migrate(database, platformMigrations.service, { scope: 'banyan' });
  const store = { database, outbox: createPostgresOutbox(database) } as unknown as ServiceStore;
  const clock = createManualClock();
  let standing: ReaderStanding = { positions: 0, ageMs: 0, building: 0, lastError: undefined };
  const create = () => {
    const metrics = createMetrics();
    let looks = 0;
    const reader: LogReader = {
      name: 'history',
      overdueAfterMs: 60_000,
      async standing() {
        looks += 1;
        return standing;
      },
      async noteOverdue(sql, isOverdue) {
        const noted = isOverdue
          ? await sql`insert into banyan.event_alarm (reader) values ('history') on conflict do nothing returning 1`
          : await sql`delete from banyan.event_alarm where reader = 'history' returning 1`;
        return noted.length === 1;
      },
    };
    const watch = createReaderWatch({
      ...{ service: 'shop', store, onEmitted: () => {}, clock, logger: silentLogger, metrics },
    });
    t.after(() => watch.stop());
    const stop = watch.watch(reader);
    return { watch, stop, looks: () => looks, page: () => metrics.render() };
  };
  const instances = [create(), create()];
  const alarms = async () => {
    const rows = await database.sql<{ data: { state: string } }>`
      select event::json -> 'data' as data from banyan.outbox order by seq`;
    return rows.map(({ data }) => data);
  };
  /** Lets five seconds pass `times` times, and each instance look as often. */
  const pass = async (times: number) => {
    for (let time = 0; time < times; time += 1) {
      await eventually(
        async () => clock.timers,
        (timers) => timers === instances.length,
      );
      const before = instances.map(({ looks }) => looks());
      clock.advance(5_000);
      await eventually(
        async () => instances.map(({ looks }, index) => looks() - (before[index] ?? 0)),
        (counts) => counts.every((count) => count === 1),
      );
    }
    await eventually(
      async () => clock.timers,
      (timers) => timers === instances.length,
    );
  };
  await pass(2);
  assert.deepEqual(await alarms(), []);
  standing = { positions: 12, ageMs: 59_999, building: 0, lastError: undefined };
  await pass(1);
  assert.deepEqual(await alarms(), []);
  standing = { positions: 13, ageMs: 60_001, building: 70, lastError: new Error('why') };
  await pass(3);
  const alarm = { invariant: 'readers', boundMs: 60_000, reader: 'history' };
  const broken = { ...alarm, state: 'broken', ageMs: 60_001, count: 13 };
  assert.deepEqual(await alarms(), [broken]);
  const counted = instances.filter(({ page }) =>
    page().includes('banyan_alarms_total{service="shop",invariant="readers"} 1'),
  );
  assert.equal(counted.length, 1);
  for (const { page, watch } of instances) {
    assert.match(page(), /^banyan_reader_lag\{service="shop",reader="history"\} 13$/m);
    assert.match(page(), /^banyan_reader_behind_seconds\{service="shop",reader="history"\} 60\.001$/m);
    assert.match(page(), /^banyan_reader_building_lag\{service="shop",reader="history"\} 70$/m);
    assert.match(page(), /^banyan_reader_overdue\{service="shop",reader="history"\} 1$/m);
    assert.deepEqual(watch.lastHealth, [
      {
        name: 'history',
        onTime: false,
        lag: 13,
        behindMs: 60_001,
        building: 70,
        failing: 'unexpected_error',
      },
    ]);
  }
  // Whoever raised it is gone; another instance clears it.
  instances.splice(0, 1)[0]?.stop();
  instances.push(create());
  standing = { positions: 0, ageMs: 0, building: 0, lastError: undefined };
  await pass(3);
  const restored = { ...alarm, state: 'restored', ageMs: 0, count: 0 };
  assert.deepEqual(await alarms(), [broken, restored]);
});
