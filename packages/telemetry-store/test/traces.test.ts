import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type GivenSpan, givenStore, hexId, spansRequest } from './given.ts';

const startUs = 1_795_000_000_000_000;
const window = { fromUs: startUs - 1e9, toUs: startUs + 1e9, limit: 20 };
const traceId = hexId(32, 7);

/** gateway 0–100, orders 10–90, and in it a statement 20–50 and, told by an event, mails 120–150. */
async function givenTrace(store: Awaited<ReturnType<typeof givenStore>>['store']): Promise<void> {
  const span = (
    id: number,
    parent: number,
    from: number,
    to: number,
    more: Partial<GivenSpan> = {},
  ): GivenSpan => ({
    traceId,
    spanId: hexId(16, id),
    ...(parent === 0 ? undefined : { parentSpanId: hexId(16, parent) }),
    startUs: startUs + from * 1_000,
    durationUs: (to - from) * 1_000,
    ...more,
  });
  // The children come first, as they end first.
  store.receive(
    'spans',
    spansRequest('mails', [span(4, 2, 120, 150, { name: 'process orders.placed', kind: 5 })]),
  );
  store.receive(
    'spans',
    spansRequest('orders', [
      span(3, 2, 20, 50, {
        name: 'INSERT orders',
        kind: 3,
        attributes: { 'db.system.name': 'postgresql', 'db.namespace': 'svc_orders' },
      }),
      span(2, 1, 10, 90, { name: 'orders.place', kind: 2, attributes: { sku: 'mug-1', 'order.count': 3 } }),
    ]),
  );
  store.receive('spans', spansRequest('gateway', [span(1, 0, 0, 100, { name: 'POST /orders', kind: 2 })]));
  await store.flush();
}

test('spans of several services are one trace, with its tree, its own times and its critical path', async (t) => {
  const { store } = await givenStore(t);
  await givenTrace(store);
  const trace = await store.trace(traceId);
  assert.ok(trace);
  assert.deepEqual(
    [trace.service, trace.operation, trace.durationUs, trace.startedAt],
    ['gateway', 'POST /orders', 150_000, '2026-11-18T11:06:40.000000Z'],
  );
  assert.deepEqual(
    trace.spans.map(({ name, depth, offsetUs, selfUs }) => [name, depth, offsetUs / 1_000, selfUs / 1_000]),
    [
      ['POST /orders', 0, 0, 20],
      ['orders.place', 1, 10, 50],
      ['INSERT orders', 2, 20, 30],
      ['process orders.placed', 2, 120, 30],
    ],
  );
  assert.deepEqual(
    trace.criticalPath.map(({ spanId, offsetUs, durationUs }) => [
      Number.parseInt(spanId, 16),
      offsetUs / 1_000,
      durationUs / 1_000,
    ]),
    [
      [1, 0, 10],
      [2, 10, 10],
      [3, 20, 30],
      [2, 50, 70],
      [4, 120, 30],
    ],
  );
  assert.deepEqual(trace.selfTimes, [
    { service: 'orders', selfUs: 80_000, criticalUs: 110_000 },
    { service: 'mails', selfUs: 30_000, criticalUs: 30_000 },
    { service: 'gateway', selfUs: 20_000, criticalUs: 10_000 },
  ]);
});

test('traces are found by service, operation, duration, attribute and words, and only by what is true of one span', async (t) => {
  const { store } = await givenStore(t);
  await givenTrace(store);
  const found = async (query: object) => (await store.searchTraces({ ...window, ...query })).traces.length;
  assert.equal(await found({}), 1);
  assert.equal(await found({ service: 'mails' }), 1);
  assert.equal(await found({ service: 'nobody' }), 0);
  assert.equal(await found({ operation: 'INSERT orders', service: 'orders' }), 1);
  assert.equal(await found({ operation: 'INSERT orders', service: 'mails' }), 0);
  assert.equal(await found({ minDurationUs: 100_000 }), 1);
  assert.equal(await found({ minDurationUs: 100_001 }), 0);
  assert.equal(await found({ attributes: ['sku=mug-1', 'order.count=3'] }), 1);
  assert.equal(await found({ attributes: ['sku'] }), 1);
  assert.equal(await found({ attributes: ['sku=mug'] }), 0);
  assert.equal(await found({ text: 'MUG place' }), 1);
  assert.equal(await found({ text: '"place mug"' }), 1);
  assert.equal(await found({ text: '"mug place"' }), 0);
  assert.equal(await found({ text: 'mug -place' }), 0);
  assert.equal(await found({ errorsOnly: true }), 0);
  assert.equal(await found({ toUs: startUs }), 0);
  assert.equal(await found({ fromUs: startUs, toUs: startUs + 1 }), 1);
});

test('the map has the calls, the events and the databases of what was sent', async (t) => {
  const { store } = await givenStore(t);
  await givenTrace(store);
  const map = await store.map({ fromUs: startUs - 60e6, toUs: startUs + 60e6 });
  assert.deepEqual(map.edges.map(({ from, to, kind, count }) => [from, to, kind, count]).sort(), [
    ['gateway', 'orders', 'call', 1],
    ['orders', 'mails', 'event', 1],
    ['orders', 'postgresql/svc_orders', 'database', 1],
  ]);
  assert.deepEqual(
    map.services.map(({ name, kind, count }) => [name, kind, count]),
    [
      ['gateway', 'service', 1],
      ['mails', 'service', 1],
      ['orders', 'service', 1],
      ['postgresql/svc_orders', 'database', 1],
    ],
  );
  const orders = map.services.find(({ name }) => name === 'orders');
  assert.ok(Math.abs((orders?.p99Ms ?? 0) - 80) < 8, `p99 of one request of 80 ms is ${orders?.p99Ms}`);
});

test('the map says when a service failed last', async (t) => {
  const { store } = await givenStore(t);
  const request = (second: number, isError: boolean) => ({
    ...{ traceId: hexId(32, 100 + second), spanId: hexId(16, 100 + second), kind: 2 },
    ...{ startUs: startUs + second * 1e6, durationUs: 500, isError },
  });
  const asked = [request(5, false), request(15, true), request(25, false)];
  store.receive('spans', spansRequest('orders', asked));
  store.receive('spans', spansRequest('mails', [request(40, false)]));
  await store.flush();
  const { services } = await store.map({ fromUs: startUs - 60e6, toUs: startUs + 60e6 });
  assert.deepEqual(
    services.map(({ name, lastErrorAt }) => [name, lastErrorAt && Date.parse(lastErrorAt)]),
    [
      ['mails', undefined],
      // Requests are summed up in steps of ten seconds.
      ['orders', startUs / 1_000 + 10_000],
    ],
  );
});

test('versions of a service that answer side by side are shown apart, on the service and on each link to it', async (t) => {
  const { store, url } = await givenStore(t);
  let id = 1_000;
  const request = (kind: number, more: Partial<GivenSpan> = {}): GivenSpan => {
    id += 1;
    return { traceId: hexId(32, id), spanId: hexId(16, id), kind, startUs, durationUs: 1_000, ...more };
  };
  const asked = (caller: string, more: Partial<GivenSpan> = {}) =>
    request(2, { attributes: { 'banyan.caller': caller }, ...more });
  const version = (name: string) => ({ 'service.version': name });
  const slow = { durationUs: 100_000 };
  const [newer, older] = ['1.10.0', '1.9.0'];
  store.receive('spans', spansRequest('orders', [asked('web'), asked('web'), asked('shop')], version(older)));
  store.receive('spans', spansRequest('orders', [asked('web', { ...slow, isError: true })], version(newer)));
  store.receive(
    'spans',
    spansRequest('mails', [request(5, { attributes: { 'banyan.caller': 'orders' } })], version(older)),
  );
  await store.flush();
  const within = { fromUs: startUs - 60e6, toUs: startUs + 60e6 };
  const { services, edges } = await store.map(within);
  const told = (versions: (typeof services)[number]['versions']) =>
    versions?.map(({ version: name, count, errorRate, p99Ms = 0 }) => [
      name,
      count,
      errorRate,
      Math.round(p99Ms / 20),
    ]);
  const orders = services.find(({ name }) => name === 'orders');
  assert.deepEqual([orders?.count, orders?.errorRate], [4, 0.25]);
  assert.deepEqual(told(orders?.versions), [
    [older, 3, 0, 0],
    [newer, 1, 1, 5],
  ]);
  const edgeFrom = (from: string) => edges.find((edge) => edge.from === from);
  assert.deepEqual(told(edgeFrom('web')?.versions), [
    [older, 2, 0, 0],
    [newer, 1, 1, 5],
  ]);
  // One version is nothing apart.
  assert.deepEqual([edgeFrom('shop')?.count, edgeFrom('shop')?.versions], [1, undefined]);
  assert.deepEqual([edgeFrom('orders')?.count, edgeFrom('orders')?.versions], [1, undefined]);
  await store.stop();
  const { store: again } = await givenStore(t, { url });
  assert.deepEqual((await again.map(within)).services, services);
});

test('what was stored is there after a restart', async (t) => {
  const { store, url } = await givenStore(t);
  await givenTrace(store);
  await store.stop();
  const { store: again } = await givenStore(t, { url });
  assert.equal((await again.trace(traceId))?.spans.length, 4);
  assert.equal((await again.map({ fromUs: startUs - 60e6, toUs: startUs + 60e6 })).edges.length, 3);
});
