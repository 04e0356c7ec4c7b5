import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { eventually } from '@banyan/testing';
import { SeverityNumber, SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { OTLPLogExporter } from '@opentelemetry/exporter-logs-otlp-proto';
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-proto';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { LoggerProvider, SimpleLogRecordProcessor } from '@opentelemetry/sdk-logs';
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { startConsole } from './fixtures/start-console.ts';

const resource = resourceFromAttributes({ 'service.name': 'shop', 'service.version': '2.0.0' });
const aroundNow = () => {
  const at = (ms: number) => new Date(Date.now() + ms).toISOString();
  return `from=${at(-3_600_000)}&to=${at(3_600_000)}`;
};

async function get<Answer>(url: string): Promise<Answer | undefined> {
  const answer = await fetch(url);
  return answer.status === 200 ? ((await answer.json()) as Answer) : undefined;
}

interface Trace {
  readonly spans: readonly {
    readonly name: string;
    readonly service: string;
    readonly kind: string;
    readonly isError: boolean;
    readonly attributes: Readonly<Record<string, unknown>>;
    readonly events: readonly { readonly name: string }[];
  }[];
}

test('spans of the OpenTelemetry SDK arrive as protobuf, with all that they say', async (t) => {
  const url = await startConsole(t);
  const exporter = new OTLPTraceExporter({ url: `${url}/v1/traces` });
  const provider = new TracerProvider({ resource, spanProcessors: [new SimpleSpanProcessor({ exporter })] });
  const span = provider.getTracer('test').startSpan('GET /żółw', {
    kind: SpanKind.SERVER,
    attributes: { text: 'naïve', whole: -3, share: 0.5, yes: true, many: ['a', 'b'] },
  });
  span.recordException(new TypeError('no such photo'));
  span.setStatus({ code: SpanStatusCode.ERROR, message: 'failed' });
  span.end();
  await provider.shutdown();
  const { traceId } = span.spanContext();
  const trace = await eventually(
    () => get<Trace>(`${url}/api/traces/${traceId}`),
    (found) => found !== undefined,
  );
  const [kept] = trace?.spans ?? [];
  assert.deepEqual(
    [kept?.name, kept?.service, kept?.kind, kept?.isError],
    ['GET /żółw', 'shop', 'server', true],
  );
  assert.deepEqual(
    { ...kept?.attributes },
    { text: 'naïve', whole: -3, share: 0.5, yes: true, many: ['a', 'b'] },
  );
  assert.deepEqual(
    kept?.events.map(({ name }) => name),
    ['exception'],
  );
});

test('lines and points of the OpenTelemetry SDK arrive as protobuf', async (t) => {
  const url = await startConsole(t);
  const logs = new LoggerProvider({
    resource,
    processors: [new SimpleLogRecordProcessor({ exporter: new OTLPLogExporter({ url: `${url}/v1/logs` }) })],
  });
  logs.getLogger('test').emit({
    severityNumber: SeverityNumber.WARN,
    body: 'card 42 was declined',
    attributes: { cents: 12 },
  });
  await logs.shutdown();
  const exporter = new OTLPMetricExporter({ url: `${url}/v1/metrics` });
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
  const metrics = new MeterProvider({ resource, readers: [reader] });
  const meter = metrics.getMeter('test');
  meter.createCounter('sold', { unit: '1' }).add(3, { colour: 'red' });
  meter.createGauge('queue').record(-7);
  meter.createHistogram('took', { unit: 's' }).record(0.3);
  await metrics.shutdown();
  const lines = await eventually(
    async () =>
      (await get<{ lines: { message: string; level: string }[] }>(`${url}/api/logs?${aroundNow()}`))?.lines,
    (found) => found !== undefined && found.length > 0,
  );
  assert.deepEqual(
    lines?.map(({ message, level }) => `${level} ${message}`),
    ['warn card 42 was declined'],
  );
  const found = await eventually(
    async () =>
      (await get<{ metrics: { name: string; kind: string; unit: string }[] }>(`${url}/api/metrics`))?.metrics,
    (all) => all?.length === 3,
  );
  assert.deepEqual(
    found?.map(({ name, kind, unit }) => [name, kind, unit]),
    [
      ['queue', 'gauge', ''],
      ['sold', 'counter', '1'],
      ['took', 'histogram', 's'],
    ],
  );
  const queue = await get<{ series: { values: (number | null)[] }[] }>(
    `${url}/api/metrics/queue?${aroundNow()}`,
  );
  assert.deepEqual(
    queue?.series.flatMap(({ values }) => values.filter((value) => value !== null)),
    [-7],
  );
});

/** Fields of protobuf, written by hand. */
const varint = (value: number): number[] =>
  value < 128 ? [value] : [(value % 128) + 128, ...varint(Math.floor(value / 128))];
const bytesField = (number: number, bytes: Iterable<number>): number[] => {
  const own = [...bytes];
  return [...varint(number * 8 + 2), ...varint(own.length), ...own];
};
const bytesFieldOf = (tag: number, bytes: Buffer): Buffer<ArrayBuffer> =>
  Buffer.concat([Buffer.from([tag, ...varint(bytes.length)]), bytes]);
const text = (number: number, value: string) => bytesField(number, Buffer.from(value));
const fixed64 = (number: number, value: bigint): number[] => {
  const own = Buffer.alloc(8);
  own.writeBigUInt64LE(value);
  return [...varint(number * 8 + 1), ...own];
};
const nanos = () => BigInt(Date.now()) * 1_000_000n;
const spanOf = (traceId: string, more: readonly number[] = []) => [
  ...bytesField(1, Buffer.from(traceId, 'hex')),
  ...bytesField(2, Buffer.from('b'.repeat(16), 'hex')),
  ...text(5, 'GET /'),
  ...fixed64(7, nanos()),
  ...fixed64(8, nanos()),
  ...more,
];
/** An `ExportTraceServiceRequest` with these spans. */
const requestOf = (...spans: readonly (readonly number[])[]) =>
  Uint8Array.from(
    bytesField(
      1,
      bytesField(
        2,
        spans.flatMap((span) => bytesField(2, span)),
      ),
    ),
  );

async function post(url: string, body: Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}) {
  const answer = await fetch(`${url}/v1/traces`, {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/x-protobuf', ...headers },
  });
  const type = answer.headers.get('content-type') ?? '';
  return { status: answer.status, type, bytes: Buffer.from(await answer.arrayBuffer()) };
}

/** The message of a `google.rpc.Status`, field 2, which is all that it has. */
const messageOf = (status: Buffer) => {
  const message = status.subarray((status[1] ?? 0) < 128 ? 2 : 3);
  assert.deepEqual([...status], text(2, message.toString()));
  return message.toString();
};

const traceId = 'a'.repeat(32);

test('the answer is protobuf, too: empty if all was taken, else how much was not, and why', async (t) => {
  const url = await startConsole(t);
  const whole = await post(url, requestOf(spanOf(traceId)));
  assert.deepEqual(whole, { status: 200, type: 'application/x-protobuf', bytes: Buffer.alloc(0) });
  const part = await post(url, requestOf(spanOf(traceId), spanOf('00'), spanOf('0'.repeat(32))));
  assert.deepEqual([part.status, part.type], [200, 'application/x-protobuf']);
  // partial_success = 1, in it rejected_spans = 1 and error_message = 2.
  const why = 'traceId must be 32 hexadecimal digits, not all of them 0';
  const message = [1 * 8, 2, ...text(2, `${why}; ${why}`)];
  assert.deepEqual(part.bytes, Buffer.from(bytesField(1, message)));
});

test('fields of later versions are skipped, parts of a message add up, and odd text is kept as far as it can be', async (t) => {
  const url = await startConsole(t);
  const group = [...varint(98 * 8 + 3), ...text(1, 'in a group'), ...varint(98 * 8 + 4)];
  const later = [...text(99, 'of a later version'), ...fixed64(97, 2n), ...varint(96 * 8), 1, ...group];
  const half = bytesField(9, [...text(1, 'half'), ...bytesField(2, bytesField(1, [0x61, 0xff]))]);
  const status = [...bytesField(15, [3 * 8, 2]), ...bytesField(15, text(2, 'failed'))];
  const { status: code } = await post(url, requestOf(spanOf(traceId, [...later, ...half, ...status])));
  assert.equal(code, 200);
  const trace = await eventually(
    () => get<Trace>(`${url}/api/traces/${traceId}`),
    (found) => found !== undefined,
  );
  assert.deepEqual(
    trace?.spans.map(({ name, isError, attributes }) => [name, isError, attributes['half']]),
    [['GET /', true, 'a\ufffd']],
  );
});

test('hostile bytes are refused as a Status that says why, and the next request is taken', async (t) => {
  const url = await startConsole(t);
  const events = bytesField(11, [...fixed64(1, nanos()), ...text(2, 'tick')]);
  const values = [text(1, 'x'), [2 * 8, 1], [3 * 8, 150, 1], fixed64(4, 1n), bytesField(7, [1, 2])];
  const attributes = values.map((value) => bytesField(9, [...text(1, 'any'), ...bytesField(2, value)]));
  const whole = requestOf(spanOf(traceId, [6 * 8, 2, ...events, ...attributes.flat()]));
  const reasonOf = async (body: Uint8Array<ArrayBuffer>, headers?: Record<string, string>) => {
    const { status, type, bytes } = await post(url, body, headers);
    assert.equal(type, 'application/x-protobuf');
    return `${status} ${messageOf(bytes).split(':', 1)[0]}`;
  };
  assert.equal((await post(url, whole)).bytes.length, 0);
  for (let length = 1; length < whole.length; length += 1)
    assert.equal(await reasonOf(whole.subarray(0, length)), '400 invalid_otlp', `cut off at ${length}`);
  const wrong: Readonly<Record<string, readonly number[]>> = {
    'an empty value that a tag of no number has': [0x02, 0x00],
    'a wire type that does not exist': [0x0f],
    'an end of no group': [0x0c],
    'a group without an end': [...varint(98 * 8 + 3), 8, 1],
    'groups in groups': Array.from({ length: 5_000 }, () => 0xf3),
    'a length of four gigabytes': [0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f],
    'a number without an end': Array.from({ length: 12 }, () => 0xff),
    'a number where a message should be': [8, 1],
    JSON: [...Buffer.from('{"resourceSpans":[]}')],
  };
  for (const [what, bytes] of Object.entries(wrong))
    assert.equal(await reasonOf(Uint8Array.from(bytes)), '400 invalid_otlp', what);
  const wrongForms = [text(7, 'not a time'), fixed64(6, 2n), fixed64(1, 2n), [9 * 8, 1]];
  for (const more of wrongForms)
    assert.equal(await reasonOf(requestOf(spanOf(traceId, more))), '400 invalid_otlp', String(more));
  let deep: number[] = text(1, 'x');
  for (let depth = 0; depth < 1_000; depth += 1) deep = bytesField(5, bytesField(1, deep));
  const attribute = bytesField(9, [...text(1, 'deep'), ...bytesField(2, deep)]);
  assert.equal(await reasonOf(requestOf(spanOf(traceId, attribute))), '400 invalid_otlp');
  assert.equal((await post(url, gzipSync(whole), { 'content-encoding': 'gzip' })).status, 200);
});

test('what is small on the way and large behind it is refused', async (t) => {
  const url = await startConsole(t);
  const answerTo = async (body: Uint8Array<ArrayBuffer>, headers: Record<string, string>) => {
    const { status, bytes } = await post(url, body, headers);
    return `${status} ${messageOf(bytes)}`;
  };
  const gzip = { 'content-encoding': 'gzip' };
  // Four million empty messages, two bytes each: spans, and the status of one span again and again.
  const empties = (tag: number) => Buffer.alloc(8_000_000, Buffer.from([tag, 0]));
  const spans = bytesFieldOf(0x0a, bytesFieldOf(0x12, empties(0x12)));
  assert.match(await answerTo(gzipSync(spans), gzip), /^400 invalid_otlp: .* more than 1000000 parts/);
  const states = bytesFieldOf(0x0a, bytesFieldOf(0x12, bytesFieldOf(0x12, empties(0x7a))));
  assert.match(await answerTo(gzipSync(states), gzip), /^400 invalid_otlp: .* more than 1000000 parts/);
  assert.match(await answerTo(gzipSync(Buffer.alloc(64 * 1024 ** 2)), gzip), /^413 body_too_large: /);
  assert.match(await answerTo(Buffer.alloc(9 * 1024 ** 2), {}), /^413 body_too_large: /);
  assert.match(await answerTo(Buffer.from('no gzip'), gzip), /^400 malformed_gzip: /);
  assert.match(
    await answerTo(Buffer.from('x'), { 'content-encoding': 'br' }),
    /^415 unsupported_media_type: /,
  );
  assert.equal((await post(url, requestOf(spanOf(traceId)))).status, 200);
});

test('a full queue asks in protobuf to come again', async (t) => {
  const url = await startConsole(t, { maxWaiting: 0 });
  const answer = await fetch(`${url}/v1/traces`, {
    method: 'POST',
    body: requestOf(spanOf(traceId)),
    headers: { 'content-type': 'application/x-protobuf' },
  });
  assert.deepEqual([answer.status, answer.headers.get('retry-after')], [429, '1']);
  assert.match(await answer.text(), /too_much_telemetry: /);
});

const python = process.env['PYTHON'] ?? 'python3';
const isMissing = spawnSync(python, ['--version']).error !== undefined;
/** Nothing but its standard library: a span of `cellar`, a child of the one that its arguments name. */
const sender = `
import struct, sys, time, urllib.request
url, trace, parent = sys.argv[1:]
def varint(n):
    return bytes([n]) if n < 128 else bytes([n % 128 + 128]) + varint(n // 128)
def field(number, value):
    return varint(number * 8 + 2) + varint(len(value)) + value
now = time.time_ns()
span = (field(1, bytes.fromhex(trace)) + field(2, b'pythonic') + field(4, bytes.fromhex(parent))
    + field(5, 'fetch bottle'.encode()) + b'\\x30\\x02'
    + b'\\x39' + struct.pack('<Q', now) + b'\\x41' + struct.pack('<Q', now + 5000000))
name = field(1, field(1, b'service.name') + field(2, field(1, b'cellar')))
body = field(1, field(1, name) + field(2, field(2, span)))
request = urllib.request.Request(url, body, {'content-type': 'application/x-protobuf'})
with urllib.request.urlopen(request) as answer:
    print(answer.status, answer.headers['content-type'], len(answer.read()))
`;

test('a service in another language is in the trace, and on the map behind its caller', {
  skip: isMissing && 'needs Python 3',
}, async (t) => {
  const url = await startConsole(t);
  assert.equal((await post(url, requestOf(spanOf(traceId, [6 * 8, 2])))).status, 200);
  const sent = await promisify(execFile)(
    python,
    ['-c', sender, `${url}/v1/traces`, traceId, 'b'.repeat(16)],
    { timeout: 60_000 },
  );
  assert.equal(sent.stdout.trim(), '200 application/x-protobuf 0', sent.stderr);
  const trace = await eventually(
    () => get<Trace>(`${url}/api/traces/${traceId}`),
    (found) => found?.spans.length === 2,
  );
  assert.deepEqual(trace?.spans.map(({ service, name }) => `${service} ${name}`).toSorted(), [
    'cellar fetch bottle',
    'unknown_service GET /',
  ]);
  const map = await eventually(
    () => get<{ edges: { from: string; to: string }[] }>(`${url}/api/map?${aroundNow()}`),
    (found) => found !== undefined && found.edges.length > 0,
  );
  assert.deepEqual(
    map?.edges.map(({ from, to }) => [from, to]),
    [['unknown_service', 'cellar']],
  );
});
