import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '@banyan/core';
import { givenStore, hexId, resourceOf, spansRequest } from './given.ts';

const startUs = systemClock.nowMs() * 1_000 - 60e6;
const window = { fromUs: startUs - 1e9, toUs: startUs + 1e9, limit: 20 };
const span = (number: number, more: object = {}) => ({
  traceId: hexId(32, number),
  spanId: hexId(16, number),
  startUs,
  durationUs: 10,
  ...more,
});

test('a time that lies more than a day ahead is refused, and costs nothing else', async (t) => {
  const { store } = await givenStore(t);
  // 2040: its seconds are no int4.
  const later = span(1, { kind: 2, startUs: 2_208_988_800_000_000 });
  const receipt = store.receive('spans', spansRequest('orders', [later, span(2, { kind: 2 })]));
  assert.equal(receipt.refused, 1);
  assert.match(receipt.reasons[0] ?? '', /more than a day ahead/);
  await store.flush();
  const { traces } = await store.searchTraces(window);
  assert.deepEqual(
    traces.map(({ traceId }) => traceId),
    [hexId(32, 2)],
  );
});

test('an exception or a line of the future is refused as well', async (t) => {
  const { store } = await givenStore(t);
  const timeUnixNano = `${startUs + 2 * 86_400e6}000`;
  const events = [{ name: 'exception', timeUnixNano, attributes: [] }];
  assert.equal(store.receive('spans', spansRequest('orders', [span(1, { events })])).refused, 1);
  const scopeLogs = [{ logRecords: [{ timeUnixNano, body: { stringValue: 'soon' } }] }];
  const lines = { resourceLogs: [{ resource: resourceOf('orders'), scopeLogs }] };
  assert.equal(store.receive('logs', lines).refused, 1);
});

test('many spans of one parent that is missing take no longer than others, and find it when it comes', async (t) => {
  const { store } = await givenStore(t);
  const parentSpanId = hexId(16, 999_999);
  const began = process.cpuUsage();
  for (let batch = 0; batch < 60; batch += 1) {
    const children = Array.from({ length: 1_000 }, (_, index) =>
      span(batch * 1_000 + index + 1, { traceId: hexId(32, 1), parentSpanId, kind: 2 }),
    );
    store.receive('spans', spansRequest('stock', children));
  }
  // Work is what counts, and not how long the machine stalled.
  const { user, system } = process.cpuUsage(began);
  assert.ok(user + system < 6_000_000, `60,000 spans took ${user + system} µs to receive`);
  store.receive('spans', spansRequest('orders', [span(999_999, { traceId: hexId(32, 1), kind: 3 })]));
  const { edges } = await store.map(window);
  const edge = edges.find(({ from, to }) => from === 'orders' && to === 'stock');
  assert.equal(edge?.count, 60_000);
});

test('services and kinds may have the names that every object has', async (t) => {
  const { store } = await givenStore(t);
  for (const [index, service] of ['constructor', '__proto__', 'toString'].entries())
    store.receive(
      'spans',
      spansRequest(service, [span(index + 1, { traceId: hexId(32, 1), kind: 'constructor' })]),
    );
  await store.flush();
  const { traces } = await store.searchTraces(window);
  assert.deepEqual(traces[0]?.services, [
    { name: '__proto__', spans: 1 },
    { name: 'constructor', spans: 1 },
    { name: 'toString', spans: 1 },
  ]);
  const trace = await store.trace(hexId(32, 1));
  assert.deepEqual(
    trace?.spans.map(({ kind }) => kind),
    ['internal', 'internal', 'internal'],
  );
});

test('a point that is wrong is refused alone: the others of its metric are taken', async (t) => {
  const { store } = await givenStore(t);
  const timeUnixNano = `${startUs}000`;
  const dataPoints = [
    { timeUnixNano, asDouble: 1 },
    { timeUnixNano, asDouble: 'many' },
    { timeUnixNano: 'never', asDouble: 2 },
  ];
  const counted = { count: '2', sum: 3, explicitBounds: [1], bucketCounts: ['1', '1'] };
  const metrics = [
    { name: 'queue.length', gauge: { dataPoints } },
    {
      name: 'took',
      histogram: {
        dataPoints: [
          { timeUnixNano, ...counted },
          { timeUnixNano, ...counted, bucketCounts: [], explicitBounds: 'none' },
        ],
      },
    },
  ];
  const resourceMetrics = [{ resource: resourceOf('orders'), scopeMetrics: [{ metrics }] }];
  const { taken, refused } = store.receive('metrics', { resourceMetrics });
  assert.deepEqual({ taken, refused }, { taken: 2, refused: 3 });
  await store.flush();
  assert.deepEqual(
    (await store.metrics()).map(({ name }) => name),
    ['queue.length', 'took'],
  );
});
