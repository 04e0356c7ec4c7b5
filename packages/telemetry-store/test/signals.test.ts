import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '@banyan/core';
import { attributesOf, givenStore, hexId, resourceOf, spansRequest } from './given.ts';

const startUs = 1_795_000_000_000_000;

const thrown = (message: string, line: string, group?: string) => ({
  name: 'exception',
  timeUnixNano: `${startUs}000`,
  attributes: attributesOf({
    'exception.type': 'TypeError',
    'exception.message': message,
    'exception.stacktrace': `TypeError: ${message}\n    at pay (${line})\n    at node:internal/process`,
    ...(group === undefined ? undefined : { 'banyan.error.group': group }),
  }),
});

test('errors of one cause at one place are one group, counted once for each trace, open again when seen again', async (t) => {
  const { store } = await givenStore(t);
  const send = async (service: string, trace: number, event: object) => {
    const span = {
      traceId: hexId(32, trace),
      spanId: hexId(16, trace),
      startUs,
      durationUs: 10,
      isError: true,
    };
    store.receive('spans', spansRequest(service, [{ ...span, events: [event] }]));
    await store.flush();
  };
  await send('pay', 1, thrown('card 41 is unknown', 'pay.ts:3:7'));
  await send('pay', 1, thrown('card 41 is unknown', 'pay.ts:3:7'));
  await send('pay', 2, thrown('card 42 is unknown', 'pay.ts:3:7'));
  await send('pay', 3, thrown('card 42 is unknown', 'pay.ts:9:1'));
  await send('ship', 4, thrown('card 42 is unknown', 'pay.ts:3:7'));
  const list = async () => (await store.errors({ limit: 10 })).groups;
  const counts = (await list()).map(({ service, place, count }) => `${service} ${place} ${count}`);
  assert.deepEqual(counts.toSorted(), [
    'pay at pay (pay.ts:3:7) 2',
    'pay at pay (pay.ts:9:1) 1',
    'ship at pay (pay.ts:3:7) 1',
  ]);
  const first = (await list()).find(({ count }) => count === 2);
  // From the trace to the group, and from a line of the log of another sender.
  const trace = await store.trace(hexId(32, 1));
  assert.equal(trace?.spans[0]?.events[0]?.errorGroupId, first?.groupId);
  const { attributes } = thrown('card 44 is unknown', 'pay.ts:3:7');
  const line = { timeUnixNano: `${startUs}000`, body: { stringValue: 'it failed' }, attributes };
  store.receive('logs', {
    resourceLogs: [{ resource: resourceOf('pay'), scopeLogs: [{ logRecords: [line] }] }],
  });
  await store.flush();
  const { lines } = await store.searchLogs({ fromUs: startUs, toUs: startUs + 1, limit: 1 });
  assert.equal(lines[0]?.errorGroupId, first?.groupId);
  const changed = await store.changeError(first?.groupId ?? '', { state: 'resolved', owner: 'ann' });
  assert.deepEqual([changed?.state, changed?.owner], ['resolved', 'ann']);
  assert.equal((await store.errors({ limit: 10, state: 'open' })).groups.length, 2);
  await send('pay', 5, thrown('card 43 is unknown', 'pay.ts:3:7'));
  const again = await store.error(first?.groupId ?? '');
  assert.deepEqual(
    [again?.state, again?.owner, again?.count, again?.message],
    ['open', 'ann', 4, 'card 43 is unknown'],
  );
  assert.deepEqual(
    again?.samples.flatMap(({ traceId }) => traceId ?? []).toSorted(),
    [1, 2, 5].map((trace) => hexId(32, trace)),
  );
});

test('a counter is shown as its rate, over a restart of who counts, and a gauge as it is', async (t) => {
  const { store } = await givenStore(t);
  const point = (second: number, value: number, sinceSecond: number) => ({
    timeUnixNano: `${startUs + second * 1e6}000`,
    startTimeUnixNano: `${startUs + sinceSecond * 1e6}000`,
    asDouble: value,
  });
  const dataPoints = [point(0, 10, -60), point(1, 15, -60), point(2, 25, -60), point(3, 4, 2.5)];
  const metrics = [
    { name: 'sold', unit: '1', sum: { aggregationTemporality: 2, isMonotonic: true, dataPoints } },
    { name: 'queue', gauge: { dataPoints: dataPoints.map(({ startTimeUnixNano: _, ...each }) => each) } },
  ];
  store.receive('metrics', {
    resourceMetrics: [{ resource: resourceOf('shop'), scopeMetrics: [{ metrics }] }],
  });
  await store.flush();
  const query = { fromUs: startUs, toUs: startUs + 4e6 };
  const sold = await store.metric({ ...query, name: 'sold' });
  assert.deepEqual(sold?.series, [{ labels: { service: 'shop' }, values: [null, 5, 10, 4] }]);
  const queue = await store.metric({ ...query, name: 'queue' });
  assert.deepEqual(queue?.series[0]?.values, [10, 15, 25, 4]);
  assert.equal(await store.metric({ ...query, name: 'nothing' }), undefined);
});

test('what a process says of one of its services is found with that service', async (t) => {
  const { store } = await givenStore(t);
  const attributes = attributesOf({ service: 'shop', plan: 'gift' });
  const dataPoints = [{ timeUnixNano: `${startUs}000`, asDouble: 3, attributes }];
  const metrics = [{ name: 'shop_waiting', gauge: { dataPoints } }];
  store.receive('metrics', {
    resourceMetrics: [{ resource: resourceOf('the-system'), scopeMetrics: [{ metrics }] }],
  });
  await store.flush();
  const namesFor = async (service: string) => (await store.metrics(service)).map(({ name }) => name);
  assert.deepEqual(await namesFor('shop'), ['shop_waiting']);
  assert.deepEqual(await namesFor('despatch'), []);
  assert.deepEqual((await store.metrics())[0]?.services, ['shop']);
  const query = { fromUs: startUs, toUs: startUs + 1e6, name: 'shop_waiting' };
  const found = await store.metric({ ...query, service: 'shop' });
  assert.deepEqual(found?.series, [{ labels: { service: 'shop', plan: 'gift' }, values: [3] }]);
});

test('a quantile of a histogram lies within its bucket', async (t) => {
  const { store } = await givenStore(t);
  const point = (second: number, bucketCounts: readonly string[]) => ({
    timeUnixNano: `${startUs + second * 1e6}000`,
    startTimeUnixNano: `${startUs - 1e6}000`,
    explicitBounds: [0.1, 0.5, 1],
    bucketCounts,
    sum: 1,
  });
  const dataPoints = [point(0, ['5', '0', '0', '0']), point(1, ['5', '100', '0', '0'])];
  const metrics = [{ name: 'took', unit: 's', histogram: { aggregationTemporality: 2, dataPoints } }];
  store.receive('metrics', {
    resourceMetrics: [{ resource: resourceOf('shop'), scopeMetrics: [{ metrics }] }],
  });
  await store.flush();
  const took = await store.metric({ fromUs: startUs, toUs: startUs + 2e6, name: 'took', quantile: 0.5 });
  // Half of a hundred, evenly spread from 0.1 to 0.5.
  assert.ok(Math.abs((took?.series[0]?.values[1] ?? 0) - 0.3) < 1e-9, JSON.stringify(took?.series));
});

test('an objective whose budget goes too fast alerts once, and no more when it has recovered', async (t) => {
  let nowMs = startUs / 1_000 + 601_000;
  const clock = { nowMs: () => nowMs, setTimer: systemClock.setTimer };
  const { store } = await givenStore(t, { clock });
  const alerts: string[] = [];
  store.onAlert(({ level, endedAt }) => alerts.push(`${level} ${endedAt === undefined ? 'begins' : 'ends'}`));
  let id = 0;
  const serve = (count: number, isError: boolean) => {
    const spans = Array.from({ length: count }, () => {
      id += 1;
      return {
        traceId: hexId(32, id),
        spanId: hexId(16, id),
        name: 'pay',
        kind: 2,
        startUs: nowMs * 1_000 - 1_000,
        durationUs: 1_000,
        isError,
      };
    });
    store.receive('spans', spansRequest('payments', spans));
  };
  await store.setObjective({
    objectiveId: 'pay',
    service: 'payments',
    operation: 'pay',
    target: 0.99,
    windowDays: 30,
  });
  serve(100, false);
  await store.lookForAlerts();
  assert.deepEqual(alerts, []);
  // 100 of 200: fifty times what the budget allows, above the 14.4 of the fastest rule.
  serve(100, true);
  await store.lookForAlerts();
  await store.lookForAlerts();
  assert.deepEqual(alerts.toSorted(), ['page begins', 'ticket begins']);
  const [state] = await store.objectives();
  assert.deepEqual([state?.good, state?.total, state?.attained], [100, 200, 0.5]);
  assert.ok(Math.abs((state?.budgetLeft ?? 0) + 49) < 1e-6);
  assert.ok(Math.abs((state?.burnRates[0]?.threshold ?? 0) - 14.4) < 1e-9);
  // Within the five minutes of the short window of the first rule all is well, and within the half hour of the second.
  nowMs += 7 * 3_600_000;
  serve(1_000, false);
  await store.lookForAlerts();
  assert.deepEqual(alerts.slice(2).toSorted(), ['page ends', 'ticket ends']);
  assert.equal((await store.alerts()).length, 2);
});

test('a call that nobody answers is an edge as its caller saw it, and one that is answered counts once', async (t) => {
  let nowMs = startUs / 1_000;
  const clock = { nowMs: () => nowMs, setTimer: systemClock.setTimer };
  const { store } = await givenStore(t, { clock });
  const call = (id: number, more: object) => ({
    traceId: hexId(32, id),
    spanId: hexId(16, id),
    name: 'call',
    kind: 3,
    startUs,
    durationUs: 1_000,
    ...more,
  });
  const banyan = { 'rpc.system': 'banyan', 'rpc.service': 'payments' };
  store.receive(
    'spans',
    spansRequest('orders', [
      call(1, { attributes: banyan, isError: true }),
      call(2, { attributes: banyan }),
      call(3, { attributes: { 'server.address': 'api.example.com' } }),
    ]),
  );
  store.receive(
    'spans',
    spansRequest('payments', [
      {
        traceId: hexId(32, 2),
        spanId: hexId(16, 9),
        parentSpanId: hexId(16, 2),
        kind: 2,
        startUs,
        durationUs: 500,
      },
    ]),
  );
  const edges = async () => {
    const map = await store.map({ fromUs: startUs - 1e7, toUs: startUs + 1e7 });
    return map.edges
      .map(({ from, to, count, errorRate }) => `${from} ${to} ${count} ${errorRate}`)
      .toSorted();
  };
  assert.deepEqual(await edges(), ['orders payments 1 0']);
  nowMs += 2_000;
  assert.deepEqual(await edges(), ['orders payments 2 0.5']);
  nowMs += 10_000;
  assert.deepEqual(await edges(), ['orders api.example.com 1 0', 'orders payments 2 0.5']);
});
