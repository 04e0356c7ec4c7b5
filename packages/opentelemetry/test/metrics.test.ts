import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { service, system } from '@banyan/chassis';
import { contract, counter, operation } from '@banyan/contract';
import { joinOpenTelemetry } from '@banyan/opentelemetry';
import { createMetrics, createTelemetry, readTelemetrySettings } from '@banyan/telemetry';
import { startOtlpReceiver } from '@banyan/test-support/otlp-receiver';
import { startTestSystem } from '@banyan/testing';
import { type Attributes, metrics as api, ROOT_CONTEXT } from '@opentelemetry/api';
import { z } from 'zod';

const cache = contract('cache', {
  version: '1.0.0',
  operations: {
    get: operation('GET /entries/:id', { input: z.object({ id: z.string() }), output: z.object({}) }),
  },
});
const probe = contract('probe', { version: '1.0.0', operations: {} });

/** A system whose only handler runs `work`, and the page of its process. @param url of a receiver; default none */
async function startSystem(t: TestContext, work: () => void, url?: string) {
  const metrics = createMetrics();
  const settings = readTelemetrySettings(url === undefined ? {} : { OTEL_EXPORTER_OTLP_ENDPOINT: url }, {
    development: true,
    runId: 'test',
  });
  const telemetry = createTelemetry({ settings, system: 'shop', instance: '1', pid: 1, metrics });
  t.after(() => telemetry.stop());
  telemetry.start();
  const get = async () => {
    work();
    return {};
  };
  const house = system('shop', {
    services: [service(cache, { operations: { get } }), service(probe, { uses: { cache }, operations: {} })],
  });
  const running = await startTestSystem(t, house, { metrics, telemetry: () => telemetry, harsh: false });
  const call = () => running.client(cache, { service: 'probe', timeoutMs: 60_000 }).get({ id: '1' });
  return { call, telemetry, metrics, page: () => metrics.render('openmetrics') };
}

test("what a library measures in a handler is on the service's own page and leaves with its metrics", async (t) => {
  t.after(joinOpenTelemetry());
  const receiver = await startOtlpReceiver(t);
  const meter = api.getMeter('redis-client', '4.0.0');
  const asked = meter.createCounter('cache.requests', { description: 'Requests.', unit: '{request}' });
  const held = meter.createUpDownCounter('cache.held', { unit: 'By' });
  const took = meter.createHistogram('cache.duration', {
    unit: 's',
    advice: { explicitBucketBoundaries: [0.5, 2] },
  });
  const share = meter.createGauge('cache.share', { unit: '1' });
  const { call, telemetry, page } = await startSystem(
    t,
    () => {
      asked.add(2, { 'cache.hit': true });
      asked.add(-1, { 'cache.hit': true });
      held.add(5);
      held.add(-2);
      took.record(1, { 'error.type': 'none' });
      took.record(1);
      share.record(0.25);
    },
    receiver.url,
  );
  await call();
  const labels = '{service="cache",otel_scope_name="redis-client"';
  const shown = page();
  for (const line of [
    `cache_requests_total${labels},cache_hit="true"} 2`,
    `cache_held_bytes${labels}} 3`,
    `cache_duration_seconds_bucket${labels},error_type="none",le="0.5"} 0`,
    `cache_duration_seconds_sum${labels}} 1`,
    `cache_share_ratio${labels}} 0.25`,
    '# HELP cache_requests Requests.',
  ])
    assert.ok(shown.includes(`${line}\n`), `${line}\nis not in\n${shown}`);
  // A bucket leads to the trace of the handler.
  const [, traceId] = /cache_duration_seconds_bucket.*le="2.0"} 1 # {trace_id="(\w+)"/.exec(shown) ?? [];
  await telemetry.stop();
  const handler = receiver.spans.find(({ traceId: id }) => id === traceId);
  assert.equal(handler?.name, 'cache.get');
  assert.deepEqual(
    receiver.metrics.find(({ name }) => name === 'cache_requests_total'),
    {
      name: 'cache_requests_total',
      kind: 'sum',
      points: [
        { labels: { service: 'cache', otel_scope_name: 'redis-client', cache_hit: 'true' }, value: 2 },
      ],
    },
  );
});

test('where nobody receives spans, a measurement still has its service', async (t) => {
  t.after(joinOpenTelemetry());
  const asked = api.getMeter('lib').createHistogram('asked');
  const { call, page } = await startSystem(t, () => asked.record(1));
  await call();
  asked.record(7);
  assert.match(page(), /^asked_sum\{service="cache",otel_scope_name="lib"\} 1$/m);
  assert.match(page(), /^asked_sum\{otel_scope_name="lib"\} 7$/m);
  assert.doesNotMatch(page(), /trace_id/);
});

test('labels without end end: the rest is counted together, for each service and library', async (t) => {
  t.after(joinOpenTelemetry());
  const asked = api.getMeter('lib').createCounter('asked');
  const users = 5_000;
  const names = 100;
  const { call, page } = await startSystem(t, () => {
    for (let user = 0; user < users; user += 1) asked.add(1, { user: `u${user}`, long: 'x'.repeat(10_000) });
    const odd = Object.fromEntries(Array.from({ length: names }, (_, index) => [`odd${index}`, 'x']));
    asked.add(1, odd, ROOT_CONTEXT);
    for (let index = 0; index < users; index += 1) api.getMeter('lib').createCounter(`c${index}`).add(1);
  });
  await call();
  const series = page()
    .split('\n')
    .filter((line) => line.startsWith('asked_total'));
  assert.ok(series.length <= 1_002, `${series.length} series`);
  assert.ok(series.every((line) => line.length < 1_000));
  const overflow = 'asked_total{otel_metric_overflow="true",service="cache",otel_scope_name="lib"} ';
  const others = series.find((line) => line.startsWith(overflow));
  assert.equal(Number(others?.slice(overflow.length)), users - 1_000);
  const families = page().match(/^# TYPE c\d+ /gm) ?? [];
  assert.ok(families.length < 1_000 && families.length > 100, `${families.length} families`);
});

test('what is observed is asked for at each reading, and is gone when it is not observed any more', async (t) => {
  t.after(joinOpenTelemetry());
  const meter = api.getMeter('pool');
  let rooms: readonly string[] = ['a', 'b'];
  const queue = meter.createObservableGauge('pool.queue');
  queue.addCallback((result) => {
    for (const room of rooms) result.observe(room.charCodeAt(0), { room });
  });
  const served = meter.createObservableCounter('pool.served');
  const broken = meter.createObservableUpDownCounter('pool.broken');
  meter.addBatchObservableCallback(
    (result) => {
      result.observe(served, 41);
      result.observe(broken, 1);
      result.observe(queue, 1);
      throw new Error('after it has said that much');
    },
    [served, broken],
  );
  let answer = Promise.withResolvers<void>();
  const late = meter.createObservableGauge('pool.late');
  const asking = async (result: { observe(value: number): void }) => {
    await answer.promise;
    result.observe(5);
  };
  late.addCallback(asking);
  const { page } = await startSystem(t, () => {});
  const first = page();
  assert.match(first, /^pool_queue\{otel_scope_name="pool",room="a"\} 97$/m);
  assert.match(first, /^pool_queue\{otel_scope_name="pool",room="b"\} 98$/m);
  assert.doesNotMatch(first, /^pool_queue\{otel_scope_name="pool"\}/m);
  assert.match(first, /^pool_served_total\{otel_scope_name="pool"\} 41$/m);
  assert.match(first, /^pool_broken\{otel_scope_name="pool"\} 1$/m);
  assert.doesNotMatch(first, /^pool_late\{/m);
  rooms = ['b'];
  answer.resolve();
  await new Promise(setImmediate);
  const second = page();
  assert.doesNotMatch(second, /room="a"/);
  assert.match(second, /^pool_late\{otel_scope_name="pool"\} 5$/m);
  answer = Promise.withResolvers();
  late.removeCallback(asking);
  assert.doesNotMatch(page(), /^pool_late\{/m);
});

test('neither secrets nor names that mean something else get onto the page, whatever a library is given', async (t) => {
  t.after(joinOpenTelemetry());
  const meter = api.getMeter('lib');
  const { call, page } = await startSystem(t, () => {
    const login = 'redis://user:hunter2@host';
    const odd: Attributes = {
      service: 'other',
      le: '1',
      'a.b': 1,
      password: 'hunter2',
      url: login,
      list: ['x'],
    };
    meter.createCounter(`asked ${login}`).add(1, odd);
    meter.createCounter('1st_total', { unit: 'ms' }).add(1, undefined);
    meter.createGauge('jobs.count').record(1);
    meter.createGauge('').record(1);
    meter.createGauge('never').record(Number.NaN);
    meter
      .createHistogram('speed', { unit: 'KiBy/s', advice: { explicitBucketBoundaries: [2, 1, 1] } })
      .record(1);
    meter.createCounter('said').add(1, new Map() as never);
    meter.createCounter('said').add('1' as never);
  });
  await call();
  const shown = page();
  assert.doesNotMatch(shown, /hunter2|never/);
  const labels = 'service="cache",otel_scope_name="lib"';
  const attributes = 'service_="other",le_="1",a_b="1",password="[redacted]"';
  assert.ok(
    shown.includes(`{${labels},${attributes},url="redis://user:[redacted]@host",list="x"} 1\n`),
    shown,
  );
  for (const line of ['_1st_milliseconds_total', 'jobs_count_value', '_', 'said_total'])
    assert.ok(shown.includes(`\n${line}{${labels}} 1\n`), `${line} is not in ${shown}`);
  assert.match(shown, /^speed_kibibytes_per_second_bucket\{.*le="1.0"\} 1/m);
});

test('a metric of the service takes the name from one of a library, and keeps it', async (t) => {
  t.after(joinOpenTelemetry());
  const meter = api.getMeter('lib');
  const metrics = createMetrics();
  const settings = readTelemetrySettings({}, { development: true, runId: 'test' });
  const telemetry = createTelemetry({ settings, system: 'shop', instance: '1', pid: 1, metrics });
  t.after(() => telemetry.stop());
  telemetry.start();
  meter.createCounter('orders.placed').add(3);
  // Another kind of the same name: the first stays.
  meter.createGauge('orders.placed').record(9);
  assert.deepEqual(metrics.render().match(/^orders_placed.*/gm), [
    'orders_placed_total{otel_scope_name="lib"} 3',
  ]);
  const orders = contract('orders', {
    version: '1.0.0',
    operations: {},
    metrics: { placed: counter('Orders that were placed.') },
  });
  await startTestSystem(t, system('shop', { services: [service(orders, { operations: {} })] }), { metrics });
  meter.createCounter('orders.placed').add(3);
  assert.match(metrics.render(), /^orders_placed_total\{service="orders"\} 0$/m);
  assert.equal(metrics.render().match(/^orders_placed_total/gm)?.length, 1);
});

test('what is no attribute is left out, and fails nobody', async (t) => {
  t.after(joinOpenTelemetry());
  const asked = api.getMeter('odd').createCounter('asked');
  const { call, page } = await startSystem(t, () => {
    const noText = Object.assign(Object.create(null), { a: 1 });
    const attributes = { no: noText, none: null, empty: '', list: ['a', noText, 2], long: 'x'.repeat(1e6) };
    asked.add(1, attributes as unknown as Attributes);
  });
  await call();
  const line = page()
    .split('\n')
    .find((each) => each.startsWith('asked_total{'));
  assert.match(line ?? '', /[{,]list="a,2"/);
  assert.match(line ?? '', /[{,]empty=""/);
  assert.match(line ?? '', /[{,]long="x{200}"/);
  assert.doesNotMatch(line ?? '', /[{,]no(ne)?=/);
});
