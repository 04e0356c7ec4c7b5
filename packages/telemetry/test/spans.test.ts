import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import {
  createMetrics,
  createTelemetry,
  endRejected,
  parseTraceparent,
  readTelemetrySettings,
  type Span,
  type SpanType,
  type Tracer,
} from '@banyan/telemetry';
import { type OtlpReceiver, startOtlpReceiver } from '@banyan/test-support/otlp-receiver';

const request: SpanType = { name: 'GET /orders', kind: 'server', attributes: { 'http.route': '/orders' } };
const query: SpanType = { name: 'SELECT orders', kind: 'client', attributes: {} };

interface Traced {
  readonly tracer: Tracer;
  readonly receiver: OtlpReceiver;
  stop(): Promise<void>;
}

async function startTracing(t: TestContext, source: Readonly<Record<string, string>> = {}): Promise<Traced> {
  const receiver = await startOtlpReceiver(t);
  const settings = readTelemetrySettings(
    { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, ...source },
    { development: true, runId: 'run-1' },
  );
  const metrics = createMetrics();
  const telemetry = createTelemetry({ settings, system: 'shop', instance: '2', zone: 'eu', pid: 7, metrics });
  const tracer = telemetry.tracer({ name: 'orders', version: '1.2.0' });
  assert.ok(tracer);
  return { tracer, receiver, stop: () => telemetry.stop() };
}

test('a span arrives with its resource, its attributes and its place in the trace', async (t) => {
  const { tracer, receiver, stop } = await startTracing(t);
  const root = tracer.start(request);
  const child = tracer.start(query, root);
  child.set('db.response.returned_rows', 3);
  child.set('ratio', 0.5);
  child.set('tags', ['a', 'b"']);
  child.event('retry', { 'banyan.attempt': 1 });
  child.end();
  child.set('late', true);
  root.end();
  await stop();
  const [select, get] = receiver.spans;
  assert.deepEqual(get?.resource, {
    'service.name': 'orders',
    'service.version': '1.2.0',
    'service.instance.id': 'orders-2',
    'banyan.system': 'shop',
    'banyan.zone': 'eu',
    'banyan.run.id': 'run-1',
    'process.pid': 7,
    'telemetry.sdk.name': 'banyan',
    'telemetry.sdk.language': 'nodejs',
  });
  assert.deepEqual(
    { name: get?.name, kind: get?.kind, parent: get?.parentSpanId, attributes: get?.attributes },
    { name: 'GET /orders', kind: 2, parent: undefined, attributes: { 'http.route': '/orders' } },
  );
  assert.deepEqual(
    { traceId: select?.traceId, parent: select?.parentSpanId, kind: select?.kind },
    { traceId: root.traceId, parent: root.spanId, kind: 3 },
  );
  assert.deepEqual(select?.attributes, { 'db.response.returned_rows': 3, ratio: 0.5, tags: ['a', 'b"'] });
  assert.deepEqual(select?.events, [{ name: 'retry', attributes: { 'banyan.attempt': 1 } }]);
  assert.ok(select && get && select.startMs >= get.startMs && select.endMs <= get.endMs);
  assert.ok(Math.abs(get.startMs - Date.now()) < 60_000);
});

test('a trace that came in keeps its id and its decision', async (t) => {
  const { tracer, receiver, stop } = await startTracing(t);
  const wanted = parseTraceparent('00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01');
  const unwanted = parseTraceparent('00-0af7651916cd43dd8448eb211c80319d-b7ad6b7169203332-00');
  const kept = tracer.start(request, wanted);
  const dropped = tracer.start(request, unwanted);
  assert.deepEqual([kept.sampled, dropped.sampled], [true, false]);
  kept.end();
  dropped.end();
  await stop();
  assert.deepEqual(
    receiver.spans.map(({ traceId, parentSpanId }) => ({ traceId, parentSpanId })),
    [{ traceId: '0af7651916cd43dd8448eb211c80319c', parentSpanId: 'b7ad6b7169203331' }],
  );
});

test('the ratio decides by the trace id, alike in every process', async (t) => {
  const source = { OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '0.25' };
  const { tracer, stop } = await startTracing(t, source);
  const other = await startTracing(t, source);
  const spans = Array.from({ length: 4_000 }, () => tracer.start(request));
  const share = spans.filter(({ sampled }) => sampled).length / spans.length;
  assert.ok(share > 0.2 && share < 0.3, `${share}`);
  for (const span of spans) assert.equal(other.tracer.start(request, span).sampled, span.sampled);
  await Promise.all([stop(), other.stop()]);
});

const unsampled = { OTEL_TRACES_SAMPLER: 'parentbased_always_off', BANYAN_TRACE_SLOW_MS: '60000' };

/** A request with two queries, all of which end well unless `during` sees to it. */
function runRequest(tracer: Tracer, during: (span: Span) => void): Span {
  const root = tracer.start(request);
  tracer.start(query, root).end();
  const second = tracer.start(query, root);
  during(second);
  second.end();
  root.end();
  return root;
}

test('of a trace that is not sampled, everything is kept if something fails, and nothing if it goes well', async (t) => {
  const { tracer, receiver, stop } = await startTracing(t, unsampled);
  runRequest(tracer, () => {});
  const failed = runRequest(tracer, (span) => span.failAs('database_unavailable'));
  await stop();
  assert.deepEqual(
    receiver.spans.map(({ traceId, name, isError }) => ({ traceId, name, isError })),
    [
      { traceId: failed.traceId, name: 'SELECT orders', isError: false },
      { traceId: failed.traceId, name: 'SELECT orders', isError: true },
      { traceId: failed.traceId, name: 'GET /orders', isError: false },
    ],
  );
});

test('what an unsampled trace calls after a failure is sampled elsewhere, too', async (t) => {
  const { tracer, stop } = await startTracing(t, unsampled);
  const root = tracer.start(request);
  assert.equal(tracer.start(query, root).sampled, false);
  tracer.start(query, root).failAs('internal');
  assert.equal(tracer.start(query, root).sampled, true);
  await stop();
});

test('a trace that is not sampled is kept if it takes long', async (t) => {
  const { tracer, receiver, stop } = await startTracing(t, { ...unsampled, BANYAN_TRACE_SLOW_MS: '1' });
  const root = tracer.start(request);
  tracer.start(query, root).end();
  const endMs = performance.now() + 3;
  while (performance.now() < endMs);
  root.end();
  await stop();
  assert.deepEqual(
    receiver.spans.map(({ name }) => name),
    ['SELECT orders', 'GET /orders'],
  );
});

class OutOfPaper extends Error {}

function print(sheet: string): never {
  throw new OutOfPaper(`sheet '${sheet}' of order 4711 has no paper`);
}

function failureOf(work: () => never): unknown {
  try {
    return work();
  } catch (error) {
    return error;
  }
}

test('an exception tells its class, its place and its group', async (t) => {
  const { tracer, receiver, stop } = await startTracing(t);
  const wrapped = new Error('the order failed', { cause: failureOf(() => print('a')) });
  for (const error of [failureOf(() => print('b')), wrapped, new OutOfPaper('elsewhere')]) {
    const span = tracer.start(request);
    endRejected(span, error);
  }
  await stop();
  const told = receiver.spans.map(({ isError, events: [event] }) => ({ isError, ...event?.attributes }));
  const [first, second, third] = told as Record<string, unknown>[];
  assert.equal(first?.['isError'], true);
  assert.equal(first?.['exception.type'], 'OutOfPaper');
  assert.equal(first?.['exception.message'], "sheet 'b' of order 4711 has no paper");
  assert.equal(first?.['code.function.name'], 'print');
  assert.match(String(first?.['code.file.path']), /telemetry\/test\/spans\.test\.ts$/);
  assert.match(String(second?.['exception.stacktrace']), /the order failed[\s\S]*Caused by: .*has no paper/);
  assert.match(String(first?.['banyan.error.group']), /^[0-9a-f]{16}$/);
  assert.notEqual(first?.['banyan.error.group'], third?.['banyan.error.group']);
});

test('errors of one class at one place are one group, whatever they quote and whoever wraps them', async (t) => {
  const { tracer, receiver, stop } = await startTracing(t);
  const fail = (sheet: string) => failureOf(() => print(sheet));
  for (const error of [fail('a'), fail('b 17'), new Error('outer', { cause: fail('c') })]) {
    endRejected(tracer.start(request), error);
  }
  await stop();
  const groups = receiver.spans.map(({ events: [event] }) => event?.attributes['banyan.error.group']);
  assert.equal(groups.length, 3);
  assert.equal(new Set(groups).size, 1);
});

test('an error whose causes go round in a circle is told like any other', async (t) => {
  const { tracer, receiver, stop } = await startTracing(t);
  const outer = new RangeError('outer');
  const inner = new OutOfPaper('inner', { cause: outer });
  outer.cause = inner;
  endRejected(tracer.start(request), outer);
  await stop();
  const told = receiver.spans[0]?.events[0]?.attributes;
  assert.equal(told?.['exception.type'], 'OutOfPaper');
  assert.equal(String(told?.['exception.stacktrace']).split('Caused by: ').length, 2);
});

test('a long message that looks like frames takes no time and is no place', async (t) => {
  const { tracer, receiver, stop } = await startTracing(t);
  const messages = [`no such book:\nat ${' (:1'.repeat(64 * 1024)}`, `no such book\n    at fake (/x.js:1:1)`];
  const startedAt = performance.now();
  for (const message of messages) endRejected(tracer.start(request), new OutOfPaper(message));
  const tookMs = performance.now() - startedAt;
  await stop();
  // What looks at every place again would take minutes.
  assert.ok(tookMs < 20_000, `${tookMs} ms`);
  const files = receiver.spans.map(({ events: [event] }) => String(event?.attributes['code.file.path']));
  assert.equal(files.length, 2);
  for (const file of files) assert.match(file, /telemetry\/test\/spans\.test\.ts$/);
});
