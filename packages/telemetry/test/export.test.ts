import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import {
  createLogger,
  createMetrics,
  createTelemetry,
  type Metrics,
  readTelemetrySettings,
  type SpanType,
  type Telemetry,
  type Tracer,
} from '@banyan/telemetry';
import { type OtlpReceiver, startOtlpReceiver } from '@banyan/test-support/otlp-receiver';
import { eventually, stallMs, until } from '@banyan/testing';

const work: SpanType = { name: 'work', kind: 'internal', attributes: {} };

interface Exporting {
  readonly receiver: OtlpReceiver;
  readonly telemetry: Telemetry;
  readonly tracer: Tracer;
  readonly metrics: Metrics;
  /** What the exporter itself logged. */
  readonly told: string[];
}

async function startExport(
  t: TestContext,
  source: Readonly<Record<string, string>> = {},
): Promise<Exporting> {
  const receiver = await startOtlpReceiver(t);
  const settings = readTelemetrySettings(
    { OTEL_EXPORTER_OTLP_ENDPOINT: `${receiver.url}/`, ...source },
    { development: true, runId: 'run' },
  );
  const metrics = createMetrics();
  const telemetry = createTelemetry({ settings, system: 'shop', instance: '1', pid: 1, metrics });
  t.after(() => telemetry.stop());
  const told: string[] = [];
  telemetry.useLogger(createLogger({ sink: (line) => told.push(line) }));
  const tracer = telemetry.tracer({ name: 'orders' });
  assert.ok(tracer);
  return { receiver, telemetry, tracer, metrics, told };
}

function record(tracer: Tracer, count: number): void {
  for (let index = 0; index < count; index += 1) tracer.start(work).end();
}

const figureOf = (metrics: Metrics, name: string): number =>
  Number(metrics.render().match(new RegExp(`^${name.replace(/[{}]/g, '\\$&')} (.*)$`, 'm'))?.[1] ?? 0);

test('spans go out by themselves, packed if there are many', async (t) => {
  const { receiver, tracer } = await startExport(t, {
    OTEL_EXPORTER_OTLP_HEADERS: 'api-key=abc%20d, x=y',
    OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip',
  });
  record(tracer, 100);
  await eventually(
    async () => receiver.spans.length,
    (count) => count === 100,
  );
  const [{ path, headers } = { path: '', headers: {} }] = receiver.requests;
  assert.equal(path, '/v1/traces');
  assert.equal(headers['content-type'], 'application/json');
  assert.equal(headers['content-encoding'], 'gzip');
  assert.equal(headers['api-key'], 'abc d');
  assert.equal(headers['x'], 'y');
});

test('log lines go out with the trace that they belong to', async (t) => {
  const { receiver, telemetry, tracer } = await startExport(t);
  const span = tracer.start(work);
  const logger = createLogger({ sink: () => {}, fields: { service: 'orders' }, onLine: telemetry.onLine });
  const { traceId, spanId } = span;
  logger
    .with({ traceId, spanId })
    .warn('late', { password: 'hunter2', order: { id: 'o1', items: [1, true] } });
  logger.error('failed', { error: new RangeError('too far') });
  logger.debug('never written');
  await telemetry.stop();
  const [late, failed, ...others] = receiver.logs;
  assert.deepEqual(late, {
    ...{ body: 'late', severity: 'WARN', service: 'orders', traceId, spanId },
    attributes: { password: '[redacted]', order: { id: 'o1', items: [1, true] } },
  });
  assert.equal(failed?.attributes['exception.type'], 'RangeError');
  assert.match(String(failed?.attributes['banyan.error.group']), /^[0-9a-f]{16}$/);
  assert.deepEqual(others, []);
});

test('metrics go out at intervals with the values that the page shows', async (t) => {
  const { receiver, telemetry, metrics } = await startExport(t, { OTEL_METRIC_EXPORT_INTERVAL: '20' });
  metrics
    .counter({ name: 'sales_total', help: 'Sales.', labels: ['till'] })
    .labels('a "b"')
    .inc(3);
  metrics.gauge({ name: 'queue', help: 'Waiting.' }).labels().set(1.5);
  metrics
    .histogram({ name: 'wait_seconds', help: 'Wait.', buckets: [1, 2] })
    .labels()
    .observe(1.5);
  telemetry.start();
  await eventually(
    async () => receiver.metrics.length,
    (count) => count > 0,
  );
  const find = (name: string) => receiver.metrics.find((metric) => metric.name === name);
  assert.deepEqual(find('sales_total'), {
    name: 'sales_total',
    kind: 'sum',
    points: [{ labels: { till: 'a "b"' }, value: 3 }],
  });
  assert.deepEqual(find('queue')?.points, [{ labels: {}, value: 1.5 }]);
  assert.deepEqual(find('wait_seconds')?.points, [{ labels: {}, value: 1 }]);
});

test('a receiver that is busy is asked again when it said, and gets everything once', async (t) => {
  const { receiver, tracer, told } = await startExport(t);
  let refusals = 0;
  const times: number[] = [];
  receiver.behave(() => {
    times.push(performance.now());
    refusals += 1;
    return refusals === 1 ? { status: 429, headers: { 'retry-after': '1' } } : undefined;
  });
  record(tracer, 10);
  await eventually(
    async () => receiver.spans.length,
    (count) => count === 10,
  );
  const [first = 0, second = 0] = times;
  assert.ok(second - first >= 990, `${second - first}`);
  assert.deepEqual(told, []);
});

test('a receiver that stays busy is told once, from the third refusal on', async (t) => {
  const { receiver, tracer, told } = await startExport(t);
  let requests = 0;
  const toldAtRequest: number[] = [];
  receiver.behave(() => {
    requests += 1;
    toldAtRequest.push(told.length);
    return requests <= 4 ? { status: 503, headers: { 'retry-after': '0' } } : undefined;
  });
  record(tracer, 10);
  await eventually(
    async () => receiver.spans.length,
    (count) => count === 10,
  );
  assert.deepEqual(toldAtRequest, [0, 0, 0, 1, 1]);
  assert.match(told[0] ?? '', /traces of this process are not accepted: it is kept.*HTTP 503/);
});

test('a receiver that stays busy is told as well if each batch is given up for newer ones', async (t) => {
  const { receiver, tracer, told } = await startExport(t);
  let requests = 0;
  receiver.behave(() => {
    // More than a batch: what waits is as much as there is room for, always.
    record(tracer, requests === 0 ? 40_000 : 2_000);
    requests += 1;
    return { status: 503, headers: { 'retry-after': '0' } };
  });
  record(tracer, 10);
  await until(() => requests > 6, 'it asks again');
  assert.match(told[0] ?? '', /traces of this process are not accepted: it is kept/);
});

test('what a receiver rejects of a request that it accepts is counted as refused, not as exported', async (t) => {
  const { receiver, tracer, metrics, told } = await startExport(t);
  const body = '{"partialSuccess":{"rejectedSpans":"3","errorMessage":"no room"}}';
  receiver.behave(() => ({ status: 200, body }));
  record(tracer, 10);
  const refused = 'banyan_telemetry_shed_total{signal="traces",reason="refused"}';
  await eventually(
    async () => figureOf(metrics, refused),
    (count) => count === 3,
  );
  assert.equal(figureOf(metrics, 'banyan_telemetry_exported_total{signal="traces"}'), 7);
  assert.match(told[0] ?? '', /3 were rejected: no room/);
});

test('what a receiver refuses for good is given up and counted', async (t) => {
  const { receiver, tracer, metrics } = await startExport(t);
  receiver.behave(() => ({ status: 400 }));
  record(tracer, 10);
  const shed = 'banyan_telemetry_shed_total{signal="traces",reason="refused"}';
  await eventually(
    async () => figureOf(metrics, shed),
    (count) => count === 10,
  );
  assert.equal(receiver.requests.length, 1);
});

for (const [name, behaviour] of Object.entries({
  'does not answer': () => new Promise<never>(() => {}),
  'answers with 500': () => ({ status: 503 }),
})) {
  test(`a receiver that ${name} costs the oldest spans and a count, and nothing else`, async (t) => {
    const { receiver, tracer, metrics, telemetry, told } = await startExport(t);
    receiver.behave(behaviour);
    const count = 50_000;
    record(tracer, count);
    await eventually(
      async () => receiver.requests.length,
      (requests) => requests > 0,
    );
    record(tracer, 1_000);
    const stoppedAt = performance.now();
    await telemetry.stop();
    assert.ok(performance.now() - stoppedAt < 900 + stallMs);
    const shed = (reason: string) =>
      figureOf(metrics, `banyan_telemetry_shed_total{signal="traces",reason="${reason}"}`);
    assert.equal(shed('full') + shed('stopped'), count + 1_000);
    assert.ok(shed('full') >= count + 1_000 - 32_768 - 1_024);
    assert.ok(told.length <= 1);
  });
}

test('a span that cannot be written is counted, and those beside it arrive', async (t) => {
  const { receiver, telemetry, tracer, metrics } = await startExport(t);
  const circle: string[] = [];
  circle.push(circle as unknown as string);
  const bad = tracer.start(work);
  record(tracer, 2);
  bad.set('circle', circle);
  bad.end();
  record(tracer, 2);
  await telemetry.stop();
  assert.equal(receiver.spans.length, 4);
  const shed = 'banyan_telemetry_shed_total{signal="traces",reason="failed"}';
  assert.equal(figureOf(metrics, shed), 1);
});

test('a receiver that comes back gets what was kept', async (t) => {
  const { receiver, tracer } = await startExport(t);
  let isBack = false;
  receiver.behave(() => (isBack ? undefined : { status: 502 }));
  record(tracer, 20);
  await eventually(
    async () => receiver.requests.length,
    (count) => count > 0,
  );
  isBack = true;
  await eventually(
    async () => receiver.spans.length,
    (count) => count === 20,
  );
});

test('a receiver whose answer trickles is given up after the timeout, and what it said counts', async (t) => {
  let requests = 0;
  const receiver = createServer((request, response) => {
    requests += 1;
    request.resume();
    response.writeHead(200, { 'content-type': 'application/json' });
    const drip = setInterval(() => response.write(' '), 20);
    response.on('close', () => clearInterval(drip));
  });
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    receiver.closeAllConnections();
    receiver.close();
  });
  const { port } = receiver.address() as AddressInfo;
  const settings = readTelemetrySettings(
    { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`, OTEL_EXPORTER_OTLP_TIMEOUT: '200' },
    { development: true, runId: 'run' },
  );
  const metrics = createMetrics();
  const telemetry = createTelemetry({ settings, system: 'shop', instance: '1', pid: 1, metrics });
  t.after(() => telemetry.stop());
  const tracer = telemetry.tracer({ name: 'orders' });
  assert.ok(tracer);
  record(tracer, 5);
  await eventually(
    async () => requests,
    (count) => count === 1,
  );
  record(tracer, 5);
  await eventually(
    async () => figureOf(metrics, 'banyan_telemetry_exported_total{signal="traces"}'),
    (count) => count === 10,
  );
});

test('a receiver that is not there does not keep the stop waiting', async () => {
  const settings = readTelemetrySettings(
    { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1' },
    { development: true, runId: 'run' },
  );
  const telemetry = createTelemetry({
    settings,
    system: 'shop',
    instance: '1',
    pid: 1,
    metrics: createMetrics(),
  });
  const tracer = telemetry.tracer({ name: 'orders' });
  assert.ok(tracer);
  record(tracer, 5);
  const startedAt = performance.now();
  await telemetry.stop();
  assert.ok(performance.now() - startedAt < 900 + stallMs);
});

test('without a receiver no spans are made', () => {
  const settings = readTelemetrySettings(
    { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1', OTEL_SDK_DISABLED: 'true' },
    { development: true, runId: 'run' },
  );
  const telemetry = createTelemetry({
    settings,
    system: 'shop',
    instance: '1',
    pid: 1,
    metrics: createMetrics(),
  });
  assert.equal(telemetry.tracer({ name: 'orders' }), undefined);
});

for (const [name, value] of [
  ['OTEL_EXPORTER_OTLP_ENDPOINT', 'collector:4318'],
  ['OTEL_EXPORTER_OTLP_COMPRESSION', 'GZIP'],
  ['OTEL_EXPORTER_OTLP_COMPRESSION', 'zstd'],
  ['OTEL_TRACES_SAMPLER', 'sometimes'],
  ['OTEL_TRACES_SAMPLER_ARG', '2'],
  ['OTEL_METRIC_EXPORT_INTERVAL', 'soon'],
  ['BANYAN_TRACE_SLOW_MS', '-1'],
] as const) {
  test(`${name}=${value} is refused by name`, () => {
    const source = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318', [name]: value };
    assert.throws(() => readTelemetrySettings(source, { development: true, runId: 'run' }), {
      code: 'failed_precondition',
      reason: 'invalid_configuration',
      message: new RegExp(name),
    });
  });
}

test('spans go to Zipkin in its own form', async (t) => {
  const receiver = await startOtlpReceiver(t);
  const settings = readTelemetrySettings(
    { OTEL_EXPORTER_ZIPKIN_ENDPOINT: `${receiver.url}/api/v2/spans` },
    { development: true, runId: 'run' },
  );
  receiver.behave(() => ({ status: 202 }));
  const telemetry = createTelemetry({
    settings,
    system: 'shop',
    instance: '1',
    pid: 1,
    metrics: createMetrics(),
  });
  const tracer = telemetry.tracer({ name: 'orders' });
  const root = tracer?.start({
    name: 'GET /orders',
    kind: 'server',
    attributes: { 'http.route': '/orders' },
  });
  const child = tracer?.start(work, root);
  child?.fail(new TypeError('no such thing'));
  child?.end();
  root?.end();
  await telemetry.stop();
  assert.equal(receiver.requests[0]?.path, '/api/v2/spans');
  const [failed, whole] = JSON.parse(receiver.bodies[0] ?? '');
  assert.deepEqual(
    { id: whole.id, traceId: whole.traceId, kind: whole.kind, name: whole.name, parentId: whole.parentId },
    { id: root?.spanId, traceId: root?.traceId, kind: 'SERVER', name: 'GET /orders', parentId: undefined },
  );
  assert.deepEqual(whole.localEndpoint, { serviceName: 'orders' });
  assert.deepEqual(whole.tags, { 'http.route': '/orders' });
  assert.equal(failed.parentId, root?.spanId);
  assert.equal(failed.tags.error, 'TypeError');
  assert.match(failed.annotations[0].value, /no such thing/);
  assert.ok(failed.duration >= 1 && Number.isInteger(failed.timestamp));
});
