import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { createDatabase } from '@banyan/postgres';
import { createTestDatabase, eventually } from '@banyan/testing';
import { startConsole } from './fixtures/start-console.ts';

const traceId = 'a'.repeat(32);
const good = {
  traceId,
  spanId: 'b'.repeat(16),
  name: 'GET /',
  kind: 2,
  startTimeUnixNano: '1795000000000000000',
  endTimeUnixNano: '1795000000100000000',
};
const resource = { attributes: [{ key: 'service.name', value: { stringValue: 'shop' } }] };
const requestOf = (...spans: readonly unknown[]) => ({
  resourceSpans: [{ resource, scopeSpans: [{ spans }] }],
});

async function post(url: string, body: string | Uint8Array, headers: Record<string, string> = {}) {
  const answer = await fetch(url, {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/json', ...headers },
  });
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
}

const spansOf = async (url: string) => {
  const answer = await fetch(`${url}/api/traces/${traceId}`);
  return answer.status === 200 ? ((await answer.json()) as { spans: readonly { name: string }[] }).spans : [];
};

test('a span that is sent is found, plain or compressed', async (t) => {
  const url = await startConsole(t);
  assert.deepEqual(await post(`${url}/v1/traces`, JSON.stringify(requestOf(good))), {
    status: 200,
    body: {},
  });
  const second = { ...good, spanId: 'c'.repeat(16), parentSpanId: good.spanId, name: 'second' };
  const zipped = gzipSync(JSON.stringify(requestOf(second)));
  assert.equal((await post(`${url}/v1/traces`, zipped, { 'content-encoding': 'gzip' })).status, 200);
  const spans = await eventually(
    () => spansOf(url),
    ({ length }) => length === 2,
  );
  assert.deepEqual(
    spans.map(({ name }) => name),
    ['GET /', 'second'],
  );
});

test('wrong items are refused one by one, with a reason, and lose nothing else', async (t) => {
  const url = await startConsole(t);
  const wrong: readonly unknown[] = [
    { ...good, traceId: 'xyz' },
    { ...good, traceId: '0'.repeat(32) },
    { ...good, spanId: 42 },
    { ...good, name: { first: 'a' } },
    { ...good, startTimeUnixNano: 'yesterday' },
    { ...good, startTimeUnixNano: '99999999999999999999' },
    { ...good, attributes: 'none' },
    { ...good, attributes: [{ key: 1 }] },
    { ...good, events: [{ name: 'late', timeUnixNano: -1 }] },
    {},
  ];
  const { status, body } = await post(`${url}/v1/traces`, JSON.stringify(requestOf(...wrong, good)));
  assert.equal(status, 200);
  const success = body['partialSuccess'] as { rejectedSpans: string; errorMessage: string };
  assert.equal(success.rejectedSpans, '10');
  assert.match(success.errorMessage, /traceId must be 32 hexadecimal digits/);
  await eventually(
    () => spansOf(url),
    ({ length }) => length === 1,
  );
  const state = (await (await fetch(`${url}/api/store`)).json()) as {
    signals: { spans: { refused: number; stored: number } };
  };
  assert.deepEqual([state.signals.spans.refused, state.signals.spans.stored], [10, 1]);
});

test('what is no request is refused as a whole, and the next one is taken', async (t) => {
  const url = await startConsole(t);
  const traces = `${url}/v1/traces`;
  const reasonOf = async (body: string | Uint8Array, headers?: Record<string, string>) => {
    const answer = await post(traces, body, headers);
    return `${answer.status} ${answer.body['reason']}`;
  };
  assert.equal(await reasonOf('{"resourceSpans": 1}'), '400 invalid_otlp');
  assert.equal(await reasonOf('[]'), '400 invalid_otlp');
  assert.equal(await reasonOf('{"resourceSpans":[{"scopeSpans":{}}]}'), '400 invalid_otlp');
  assert.equal(await reasonOf('{"resourceSp'), '400 malformed_json');
  assert.equal(await reasonOf(`${'['.repeat(5_000)}${']'.repeat(5_000)}`), '400 nested_too_deeply');
  assert.equal(await reasonOf('{}', { 'content-type': 'text/plain' }), '415 unsupported_media_type');
  assert.equal(await reasonOf('{}', { 'content-encoding': 'br' }), '415 unsupported_media_type');
  assert.equal(await reasonOf('{}', { 'content-encoding': 'gzip' }), '400 malformed_gzip');
  const bomb = gzipSync(Buffer.alloc(64 * 1024 ** 2, ' '));
  assert.equal(await reasonOf(bomb, { 'content-encoding': 'gzip' }), '413 body_too_large');
  assert.equal(await reasonOf(Buffer.alloc(9 * 1024 ** 2, ' ')), '413 body_too_large');
  assert.equal((await post(traces, JSON.stringify(requestOf(good)))).status, 200);
  await eventually(
    () => spansOf(url),
    ({ length }) => length === 1,
  );
});

test('names with characters that PostgreSQL cannot hold, and names of prototypes, are kept as far as they can be', async (t) => {
  const url = await startConsole(t);
  const attributes = [
    { key: '__proto__', value: { stringValue: 'x' } },
    { key: 'constructor', value: { stringValue: 'nul\0 and \ud800 half' } },
    { key: 'deep', value: { kvlistValue: { values: [{ key: '__proto__', value: { boolValue: true } }] } } },
  ];
  const span = { ...good, name: 'nul\0 \ud800', attributes, status: { code: 2, message: 'nul\0' } };
  assert.equal((await post(`${url}/v1/traces`, JSON.stringify(requestOf(span)))).status, 200);
  const [kept] = await eventually(
    () => spansOf(url),
    ({ length }) => length === 1,
  );
  assert.equal(kept?.name, 'nul \ufffd');
});

test('lines and points are taken beside spans', async (t) => {
  const url = await startConsole(t);
  const logRecords = [
    {
      timeUnixNano: '1795000000000000000',
      severityNumber: 13,
      body: { stringValue: 'card 42 was declined' },
      traceId,
    },
    {
      observedTimeUnixNano: '1795000001000000000',
      severityText: 'INFO',
      body: { stringValue: 'card 43 was taken' },
    },
    { timeUnixNano: 'never', body: { stringValue: 'x' } },
  ];
  const logs = await post(
    `${url}/v1/logs`,
    JSON.stringify({ resourceLogs: [{ resource, scopeLogs: [{ logRecords }] }] }),
  );
  assert.equal((logs.body['partialSuccess'] as { rejectedLogRecords: string }).rejectedLogRecords, '1');
  const metrics = [
    {
      name: 'queue.length',
      unit: '1',
      gauge: { dataPoints: [{ timeUnixNano: '1795000000000000000', asInt: '7' }] },
    },
    { name: 'odd' },
  ];
  await post(
    `${url}/v1/metrics`,
    JSON.stringify({ resourceMetrics: [{ resource, scopeMetrics: [{ metrics }] }] }),
  );
  const window = 'from=2026-11-18T11:00:00Z&to=2026-11-18T12:00:00Z';
  const linesOf = async (query: string) => {
    const answer = (await (await fetch(`${url}/api/logs?${window}&${query}`)).json()) as {
      lines: { message: string }[];
    };
    return answer.lines.map(({ message }) => message);
  };
  const lines = await eventually(
    () => linesOf('text=card'),
    ({ length }) => length === 2,
  );
  assert.deepEqual(lines, ['card 43 was taken', 'card 42 was declined']);
  assert.deepEqual(await linesOf('level=warn'), ['card 42 was declined']);
  assert.deepEqual(await linesOf(`traceId=${traceId}`), ['card 42 was declined']);
  assert.deepEqual(await linesOf('text=card%20-42'), ['card 43 was taken']);
  const valuesOf = async () => {
    const answer = await fetch(`${url}/api/metrics/queue.length?${window}`);
    if (answer.status !== 200) return [];
    const { series } = (await answer.json()) as { series: { values: (number | null)[] }[] };
    return series.flatMap(({ values }) => values.filter((value) => value !== null));
  };
  assert.deepEqual(await eventually(valuesOf, ({ length }) => length > 0), [7]);
});

test('a full queue asks to come again, and what comes again is counted once', async (t) => {
  const { url: databaseUrl } = await createTestDatabase(t);
  const url = await startConsole(t, { url: databaseUrl, maxWaiting: 2 });
  const admin = createDatabase({ url: databaseUrl });
  t.after(() => admin.close());
  const spanOf = (digit: string) => JSON.stringify(requestOf({ ...good, spanId: digit.repeat(16) }));
  const held = Promise.withResolvers<void>();
  const locked = Promise.withResolvers<void>();
  const holding = admin.tx(async ({ sql }) => {
    await sql`lock table telemetry.span_pages in access exclusive mode`;
    locked.resolve();
    await held.promise;
  });
  await locked.promise;
  for (const digit of ['1', '2']) assert.equal((await post(`${url}/v1/traces`, spanOf(digit))).status, 200);
  const answer = await fetch(`${url}/v1/traces`, {
    method: 'POST',
    body: spanOf('3'),
    headers: { 'content-type': 'application/json' },
  });
  assert.equal(answer.status, 429);
  assert.equal(answer.headers.get('retry-after'), '1');
  held.resolve();
  await holding;
  await eventually(
    () => post(`${url}/v1/traces`, spanOf('3')),
    ({ status }) => status === 200,
  );
  await eventually(
    () => spansOf(url),
    ({ length }) => length === 3,
  );
  const window = 'from=2026-11-18T00:00:00Z&to=2026-11-19T00:00:00Z';
  const { operations } = (await (await fetch(`${url}/api/operations?${window}`)).json()) as {
    operations: readonly { count: number }[];
  };
  assert.deepEqual(
    operations.map(({ count }) => count),
    [3],
  );
});

test('an objective is over no more days than sums of requests are kept', async (t) => {
  const url = await startConsole(t);
  const set = async (windowDays: number) => {
    const answer = await fetch(`${url}/api/objectives/orders`, {
      method: 'PUT',
      body: JSON.stringify({ service: 'orders', target: 0.99, windowDays }),
      headers: { 'content-type': 'application/json' },
    });
    return answer.status;
  };
  assert.equal(await set(35), 200);
  assert.equal(await set(36), 400);
});
