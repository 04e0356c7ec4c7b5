import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '@banyan/core';
import { createDatabase } from '@banyan/postgres';
import { createTestDatabase } from '@banyan/testing';
import { givenStore, hexId, resourceOf, spansRequest } from './given.ts';

test('what is in no partition goes after 35 days, and of the runs the newest 100 stay', async (t) => {
  let nowMs = systemClock.nowMs();
  const firstDay = new Date(nowMs + 86_400_000).toISOString();
  const clock = { nowMs: () => nowMs, setTimer: systemClock.setTimer };
  const { url } = await createTestDatabase(t);
  const admin = createDatabase({ url });
  t.after(() => admin.close());
  const counts = async () => {
    const [row] = await admin.sql<Record<string, number>>`
      select (select count(*) from telemetry.error_groups) as errors, (select count(*) from telemetry.senders) as senders,
        (select count(*) from telemetry.series) as series, (select count(*) from telemetry.runs) as runs,
        (select count(*) from telemetry.traffic_history) as history, (select count(*) from telemetry.writers where written_at < ${firstDay}) as writers`;
    return row;
  };
  const send = async (service: string) => {
    const { store } = await givenStore(t, { url, clock });
    const timeUnixNano = `${nowMs}000000`;
    const exception = [{ key: 'exception.type', value: { stringValue: `${service} failed` } }];
    const events = [{ name: 'exception', timeUnixNano, attributes: exception }];
    const span = {
      traceId: hexId(32, 1),
      spanId: hexId(16, 1),
      kind: 2,
      startUs: nowMs * 1_000,
      durationUs: 1,
      events,
    };
    store.receive('spans', spansRequest(service, [span]));
    const metrics = [{ name: `${service}.length`, gauge: { dataPoints: [{ timeUnixNano, asDouble: 1 }] } }];
    store.receive('metrics', {
      resourceMetrics: [{ resource: resourceOf(service), scopeMetrics: [{ metrics }] }],
    });
    for (let run = 0; run < 60; run += 1)
      await store.beginRun({
        runId: `${service}-${run}`,
        startedAt: new Date(nowMs + run).toISOString(),
        attributes: {},
      });
    await store.stop();
  };
  await send('old');
  assert.deepEqual(await counts(), { errors: 1, senders: 1, series: 1, runs: 60, history: 1, writers: 1 });
  // The partition of before is closed at the first start, and old enough at the second.
  nowMs += 20 * 86_400_000;
  await (await givenStore(t, { url, clock })).store.stop();
  nowMs += 20 * 86_400_000;
  await (await givenStore(t, { url, clock })).store.stop();
  await send('new');
  await (await givenStore(t, { url, clock })).store.stop();
  assert.deepEqual(await counts(), { errors: 1, senders: 1, series: 1, runs: 100, history: 1, writers: 0 });
});

test('what waits is bounded in bytes, and there is room again when it is written', async (t) => {
  const { store } = await givenStore(t, { maxWaitingBytes: 100_000 });
  const startUs = systemClock.nowMs() * 1_000 - 60e6;
  const request = (from: number) =>
    spansRequest(
      'orders',
      Array.from({ length: 40 }, (_, index) => ({
        traceId: hexId(32, from + index),
        spanId: hexId(16, from + index),
        startUs,
        durationUs: 1,
        attributes: { note: 'x'.repeat(4_000) },
      })),
    );
  const first = store.receive('spans', request(1));
  assert.ok(first.taken > 15 && first.taken < 25, `${first.taken} of 40 spans of 4 kB were taken`);
  assert.equal(store.receive('spans', request(101)).taken, 0);
  await store.flush();
  assert.equal(store.receive('spans', request(201)).taken, first.taken);
});
