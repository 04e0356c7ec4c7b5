import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { silentLogger, systemClock } from '@banyan/core';
import { createDatabase } from '@banyan/postgres';
import { createTelemetryStore } from '@banyan/telemetry-store';
import { createTestDatabase, eventually } from '@banyan/testing';
import { givenStore, hexId, spansRequest } from './given.ts';

const startUs = 1_795_000_000_000_000;
const spanOf = (number: number, note = 'x') => ({
  traceId: hexId(32, number),
  spanId: hexId(16, number),
  startUs: startUs + number * 1_000,
  durationUs: 10,
  attributes: { note },
});
const window = { fromUs: startUs - 1e9, toUs: startUs + 1e12, limit: 1 };

test('what is kept stays near its bound: the oldest goes, the newest is there', async (t) => {
  const maxBytes = 6 * 1024 ** 2;
  const { url } = await createTestDatabase(t);
  let number = 0;
  let droppedBytes = 0;
  const fill = async () => {
    const { store } = await givenStore(t, { url, maxBytes });
    for (let batch = 0; batch < 4; batch += 1) {
      // What is random cannot be compressed.
      const spans = Array.from({ length: 200 }, (_, index) =>
        spanOf(number + index + 1, randomBytes(1_500).toString('base64')),
      );
      number += spans.length;
      store.receive('spans', spansRequest('orders', spans));
      await store.flush();
    }
    ({ droppedBytes } = await store.state());
    await store.stop();
  };
  // Each start looks at the bounds.
  for (let run = 0; run < 12; run += 1) await fill();
  const { store } = await givenStore(t, { url, maxBytes });
  const { bytes } = await store.state();
  assert.ok(bytes > 1024 ** 2 && bytes < maxBytes * 1.25, `${bytes} bytes are kept`);
  assert.equal((await store.searchTraces(window)).traces[0]?.traceId, hexId(32, number));
  assert.equal(await store.trace(hexId(32, 1)), undefined);
  // The start of the last run found too much.
  assert.ok(droppedBytes > 0, 'nothing was counted as dropped');
});

test('what is too old goes', async (t) => {
  let nowMs = systemClock.nowMs();
  const clock = { nowMs: () => nowMs, setTimer: systemClock.setTimer };
  const { url } = await createTestDatabase(t);
  const start = () => givenStore(t, { url, clock, maxAgeMs: 3_600_000 });
  const first = await start();
  first.store.receive('spans', spansRequest('orders', [spanOf(1)]));
  await first.store.stop();
  nowMs += 600_000;
  const second = await start();
  second.store.receive('spans', spansRequest('orders', [spanOf(2)]));
  await second.store.stop();
  nowMs += 3_300_000;
  await (await start()).store.stop();
  nowMs += 400_000;
  const { store } = await start();
  assert.equal(await store.trace(hexId(32, 1)), undefined);
  assert.ok(await store.trace(hexId(32, 2)));
});

test('while the database is away receiving takes no time, what does not fit is shed and counted, and the rest is written afterwards', async (t) => {
  const { url } = await createTestDatabase(t);
  const store = createTelemetryStore({ url, maxWaiting: 1_000, clock: systemClock, logger: silentLogger });
  t.after(() => store.stop());
  await store.start();
  const admin = createDatabase({ url });
  t.after(() => admin.close());
  // Whoever writes waits for this lock, as for a server that hangs.
  const held = Promise.withResolvers<void>();
  const locked = Promise.withResolvers<void>();
  const holding = admin.tx(async ({ sql }) => {
    await sql`lock table telemetry.span_pages in access exclusive mode`;
    locked.resolve();
    await held.promise;
  });
  await locked.promise;
  const began = process.cpuUsage();
  let shed = 0;
  for (let batch = 0; batch < 30; batch += 1) {
    const spans = Array.from({ length: 100 }, (_, index) => spanOf(batch * 100 + index + 1));
    shed += store.receive('spans', spansRequest('orders', spans)).shed;
  }
  // Work is what counts, and not how long the machine stalled.
  const { user, system } = process.cpuUsage(began);
  assert.equal(shed, 2_000);
  assert.ok(user + system < 1_000_000, `3,000 spans took ${user + system} µs to receive`);
  held.resolve();
  await holding;
  const { signals } = await eventually(
    () => store.state(),
    (state) => state.signals.spans.stored === 1_000,
  );
  assert.deepEqual(signals.spans, { received: 3_000, stored: 1_000, shed: 2_000, refused: 0, waiting: 0 });
});

test('connections that are killed under it lose nothing that was received', async (t) => {
  const { store, url } = await givenStore(t);
  const killer = createDatabase({ url, applicationName: 'killer' });
  t.after(() => killer.close());
  for (let round = 0; round < 10; round += 1) {
    store.receive('spans', spansRequest('orders', [spanOf(round + 1)]));
    await killer.sql`select pg_terminate_backend(pid) from pg_stat_activity
      where application_name = 'banyan-telemetry' and datname = current_database()`;
  }
  await eventually(
    () => store.state(),
    (state) => state.signals.spans.stored === 10,
  );
  const { traces } = await store.searchTraces({ ...window, limit: 100 });
  assert.equal(traces.length, 10);
});
