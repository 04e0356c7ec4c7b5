import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { type TestContext, test } from 'node:test';
import { createServiceTokens, generateSystemKey } from '@banyan/auth';
import { contract, operation } from '@banyan/contract';
import type { CallContext } from '@banyan/core';
import { eventually, untilPasses } from '@banyan/core/testing';
import {
  createLocalEndpoint,
  createServiceServer,
  type OperationHandle,
  type ServiceServerOptions,
} from '@banyan/rpc';
import { createMetrics, createTelemetry, readTelemetrySettings, type Tracer } from '@banyan/telemetry';
import { freePort } from '@banyan/testing';
import { z } from 'zod';

const notes = contract('notes', {
  version: '1.0.0',
  operations: {
    add: operation('POST /notes', {
      input: z.object({ text: z.string().max(100) }),
      output: z.object({ noteId: z.string() }),
      location: '/notes/{noteId}',
    }),
    get: operation('GET /notes/:noteId', {
      input: z.object({ noteId: z.string(), verbose: z.boolean().default(false) }),
      output: z.object({ noteId: z.string(), verbose: z.boolean() }),
      errors: { gone: { status: 410, data: z.object({ since: z.string() }) } },
    }),
    remove: operation('DELETE /notes/:noteId', {
      input: z.object({ noteId: z.string() }),
      output: z.object({}),
      status: 204,
    }),
  },
});

const key = generateSystemKey();
const tokens = createServiceTokens({ key, service: 'notes' });

interface Running {
  readonly url: string;
  readonly port: number;
  readonly stop: (timeoutMs?: number) => Promise<void>;
  request(
    path: string,
    init?: RequestInit & { readonly headers?: Record<string, string> },
  ): Promise<Response>;
}

const echo: OperationHandle = async (_, input) => ({ noteId: 'n1', ...(input as object) });

async function start(
  t: TestContext,
  handle: OperationHandle = echo,
  { tracer, ...options }: Partial<ServiceServerOptions> & { readonly tracer?: Tracer } = {},
): Promise<Running> {
  const endpoint = createLocalEndpoint({ contract: notes, handle, tracer });
  const server = createServiceServer({ endpoint, tokens, ...options });
  const { url } = await server.start();
  t.after(() => server.stop({ timeoutMs: 0 }));
  const authorization = `Bearer ${await createServiceTokens({ key, service: 'orders' }).issue('notes')}`;
  return {
    url,
    port: Number(new URL(url).port),
    stop: (timeoutMs) => server.stop(timeoutMs === undefined ? {} : { timeoutMs }),
    request: (path, init = {}) =>
      fetch(url + path, {
        ...init,
        headers: { authorization, 'content-type': 'application/json', ...init.headers },
      }),
  };
}

async function reasonOf(response: Response): Promise<string> {
  return ((await response.json()) as { readonly reason: string }).reason;
}

test('an operation is a plain HTTP resource', async (t) => {
  const { request } = await start(t);
  const added = await request('/notes', { method: 'POST', body: '{"text":"hi","unknown":1}' });
  assert.equal(added.status, 201);
  assert.equal(added.headers.get('location'), '/notes/n1');
  assert.deepEqual(await added.json(), { noteId: 'n1' });
  const got = await request('/notes/a%2Fb?verbose=true');
  assert.deepEqual(await got.json(), { noteId: 'a/b', verbose: true });
  const removed = await request('/notes/x', { method: 'DELETE' });
  assert.equal(removed.status, 204);
  assert.equal(await removed.text(), '');
  const head = await request('/notes/x', { method: 'HEAD' });
  assert.equal(head.status, 200);
  assert.equal(head.headers.get('content-length'), '30');
});

test('what is wrong with a request is said in problem details', async (t) => {
  const { request } = await start(t);
  const cases: [number, string, Promise<Response>][] = [
    [404, 'route_not_found', request('/nothing')],
    [405, 'method_not_allowed', request('/notes', { method: 'PUT', body: '{}' })],
    [400, 'malformed_path', request('/notes/%ff')],
    [400, 'invalid_input', request('/notes', { method: 'POST', body: '{}' })],
    [400, 'invalid_body', request('/notes', { method: 'POST', body: '[]' })],
    [400, 'malformed_json', request('/notes', { method: 'POST', body: '{' })],
    [400, 'nested_too_deeply', request('/notes', { method: 'POST', body: '['.repeat(1_000) })],
    [
      413,
      'body_too_large',
      request('/notes', { method: 'POST', body: `{"text":"${'x'.repeat(1_048_576)}"}` }),
    ],
    [
      415,
      'unsupported_media_type',
      request('/notes', { method: 'POST', body: 'x', headers: { 'content-type': 'text/plain' } }),
    ],
    [414, 'url_too_long', request(`/notes/${'x'.repeat(9_000)}`)],
    [400, 'invalid_header', request('/notes/x', { headers: { 'banyan-deadline-ms': 'soon' } })],
    [400, 'invalid_header', request('/notes/x', { headers: { 'idempotency-key': 'x'.repeat(256) } })],
  ];
  for (const [status, reason, pending] of cases) {
    const response = await pending;
    assert.equal(response.status, status, reason);
    assert.equal(response.headers.get('content-type'), 'application/problem+json');
    assert.equal(await reasonOf(response), reason);
  }
  const wrongMethod = await request('/notes/x', { method: 'POST', body: '{}' });
  assert.equal(wrongMethod.headers.get('allow'), 'DELETE, GET, HEAD');
});

test('without a service token for this service nothing is served, not even the news that a path exists', async (t) => {
  const { url } = await start(t);
  const foreign = await createServiceTokens({ key, service: 'orders' }).issue('printing');
  const other = await createServiceTokens({ key: generateSystemKey(), service: 'orders' }).issue('notes');
  const cases: [string, Record<string, string>][] = [
    ['missing_service_token', {}],
    ['missing_service_token', { authorization: 'Basic eDp5' }],
    ['invalid_service_token', { authorization: 'Bearer x' }],
    ['invalid_service_token', { authorization: `Bearer ${foreign}` }],
    ['invalid_service_token', { authorization: `Bearer ${other}` }],
  ];
  for (const path of ['/notes/x', '/nothing']) {
    for (const [reason, headers] of cases) {
      const response = await fetch(url + path, { headers });
      assert.equal(response.status, 401);
      assert.equal(response.headers.get('www-authenticate'), 'Bearer');
      assert.equal(await reasonOf(response), reason);
    }
  }
});

test('caller, user, deadline, trace and idempotency key become the context of the call', async (t) => {
  const contexts: CallContext[] = [];
  const { request } = await start(t, async (_, input, context) => {
    contexts.push(context);
    return input;
  });
  const user = { id: 'alice', scopes: ['notes:read'] };
  const before = Date.now();
  await request('/notes/x', {
    headers: {
      'banyan-user': await tokens.issueUser(user),
      'banyan-deadline-ms': '5000',
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      'idempotency-key': 'k-1',
    },
  });
  const [context = assert.fail()] = contexts;
  assert.deepEqual(context.caller, { service: 'orders', user });
  assert.equal(context.idempotencyKey, 'k-1');
  assert.equal(context.trace.traceId, '0af7651916cd43dd8448eb211c80319c');
  assert.ok(context.deadlineMs >= before + 4_900 && context.deadlineMs <= Date.now() + 5_000);
  const forged = await request('/notes/x', { headers: { 'banyan-user': 'x.y.z' } });
  assert.equal(await reasonOf(forged), 'invalid_user_assertion');
});

test('a client that goes away cancels its call', async (t) => {
  const started = Promise.withResolvers<CallContext>();
  const { request } = await start(t, (_, __, context) => {
    started.resolve(context);
    return new Promise(() => {});
  });
  const controller = new AbortController();
  const answer = request('/notes/x', { signal: controller.signal });
  const context = await started.promise;
  controller.abort();
  await assert.rejects(answer);
  await untilPasses(() => assert.equal(context.signal.aborted, true));
});

test('a handler that never settles is answered for at its deadline', async (t) => {
  const { request } = await start(t, () => new Promise(() => {}));
  const response = await request('/notes/x', { headers: { 'banyan-deadline-ms': '50' } });
  assert.equal(response.status, 504);
  assert.equal(await reasonOf(response), 'deadline_passed');
});

test('stop finishes what is in flight, refuses what is new, and cuts off what takes too long', async (t) => {
  const releases: (() => void)[] = [];
  const { request, stop, url } = await start(t, async (_, input) => {
    await new Promise<void>((resolve) => releases.push(resolve));
    return input;
  });
  const finishing = request('/notes/finishing');
  const hanging = assert.rejects(request('/notes/hanging').then((response) => response.text()));
  await untilPasses(() => assert.equal(releases.length, 2));
  const stopped = stop(3_000);
  await untilPasses(() => assert.rejects(fetch(url)));
  releases[0]?.();
  assert.equal((await finishing).status, 200);
  await stopped;
  await hanging;
  await stop();
});

test('requests of connections that are not accepted yet when it stops are answered', async (t) => {
  const { port, stop } = await start(t);
  const token = await createServiceTokens({ key, service: 'orders' }).issue('notes');
  const sockets = Array.from({ length: 100 }, () => connect(port, '127.0.0.1'));
  const answers = sockets.map(async (socket) => {
    const [first] = await once(socket, 'data');
    return String(first);
  });
  for (const socket of sockets)
    socket.write(`GET /notes/n2 HTTP/1.1\r\nHost: a\r\nauthorization: Bearer ${token}\r\n\r\n`);
  await Promise.all(sockets.map((socket) => once(socket, 'connect')));
  await stop();
  for (const answer of await Promise.all(answers)) assert.match(answer, /^HTTP\/1\.1 200 OK/);
});

test('a server without requests stops at once, though clients keep connections open', async (t) => {
  const { request, stop } = await start(t);
  await (await request('/notes/x')).text();
  const before = Date.now();
  await stop(60_000);
  assert.ok(Date.now() - before < 30_000);
});

test('health and metrics are served without a token', async (t) => {
  let ready = false;
  const health = async () =>
    ready ? { part: 'notes', ready } : { part: 'notes', ready, reason: 'no database' };
  const { url, request } = await start(t, echo, { health, metrics: createMetrics() });
  assert.equal((await fetch(`${url}/health/live`)).status, 200);
  const waiting = await fetch(`${url}/health/ready`);
  assert.equal(waiting.status, 503);
  assert.deepEqual(await waiting.json(), { part: 'notes', ready: false, reason: 'no database' });
  ready = true;
  assert.equal((await fetch(`${url}/health/ready`)).status, 200);
  await (await request('/notes/x')).text();
  await untilPasses(async () => {
    const text = await (await fetch(`${url}/metrics`)).text();
    assert.match(
      text,
      /banyan_server_duration_seconds_count\{service="notes",operation="get",transport="http",status="2xx"\} 1/,
    );
  });
  const accept = 'application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5';
  const open = await fetch(`${url}/metrics`, { headers: { accept } });
  assert.match(open.headers.get('content-type') ?? '', /^application\/openmetrics-text/);
  assert.match(await open.text(), /# EOF\n$/);
  assert.equal((await fetch(`${url}/metrics`, { method: 'POST' })).status, 401);
  assert.equal((await fetch(`${url}/health/other`)).status, 401);
});

test('a service that was ready once has started, whatever comes later', async (t) => {
  let ready = false;
  const health = async () =>
    ready ? { part: 'notes', ready } : { part: 'notes', ready, reason: 'no database' };
  const { url } = await start(t, echo, { health });
  const statusOf = async (page: string) => (await fetch(`${url}/health/${page}`)).status;
  assert.deepEqual([await statusOf('live'), await statusOf('startup')], [200, 503]);
  ready = true;
  assert.equal(await statusOf('startup'), 200);
  ready = false;
  assert.deepEqual([await statusOf('startup'), await statusOf('ready')], [200, 503]);
});

test('a taken port is a clear error', async (t) => {
  const { port } = await start(t);
  const endpoint = createLocalEndpoint({ contract: notes, handle: echo });
  const second = createServiceServer({ endpoint, tokens, port });
  await assert.rejects(second.start(), { code: 'failed_precondition', reason: 'port_taken' });
  await second.stop();
});

function createTracer(t: TestContext): Tracer | undefined {
  const source = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' };
  const settings = readTelemetrySettings(source, { development: true, runId: 'run' });
  const telemetry = createTelemetry({
    settings,
    system: 's',
    instance: '1',
    pid: 1,
    metrics: createMetrics(),
  });
  t.after(() => telemetry.stop());
  return telemetry.tracer({ name: 'notes' });
}

for (const isTraced of [true, false]) {
  test(`metrics ${isTraced ? 'lead to the traces of calls' : 'lead to no trace if there are none'}`, async (t) => {
    const tracer = isTraced ? createTracer(t) : undefined;
    const { url, request } = await start(t, echo, { metrics: createMetrics(), ...(tracer && { tracer }) });
    assert.equal((await request('/notes/x')).status, 200);
    const headers = { accept: 'application/openmetrics-text' };
    const page = await eventually(
      async () => (await fetch(`${url}/metrics`, { headers })).text(),
      (text) => text.includes('banyan_server_duration_seconds_bucket'),
    );
    assert.equal(/status="2xx",le="[^"]+"\} 1 # \{trace_id="[0-9a-f]{32}"/.test(page), isTraced);
  });
}

test('probes have health and metrics at a port of their own, and nothing else', async (t) => {
  const probePort = await freePort();
  await start(t, echo, { probePort, metrics: createMetrics() });
  const statusOf = async (path: string) => (await fetch(`http://127.0.0.1:${probePort}${path}`)).status;
  assert.equal(await statusOf('/health/live'), 200);
  assert.equal(await statusOf('/health/ready'), 200);
  assert.equal(await statusOf('/metrics'), 200);
  assert.equal(await statusOf('/notes/x'), 404);
});

test('of two ports that are wanted neither is held if one is taken', async (t) => {
  const { port: taken } = await start(t);
  const free = await freePort();
  const endpoint = createLocalEndpoint({ contract: notes, handle: echo });
  for (const ports of [
    { port: taken, probePort: free },
    { port: free, probePort: taken },
  ]) {
    const server = createServiceServer({ endpoint, tokens, ...ports });
    await assert.rejects(server.start(), { code: 'failed_precondition', reason: 'port_taken' });
    // Before `stop`: whoever could not start holds nothing.
    const other = await start(t, echo, { port: free });
    await other.stop(0);
    await server.stop();
  }
});

test('bytes that are no HTTP are answered with 400 and the server goes on', async (t) => {
  const { port, request } = await start(t);
  const garbage = [
    '\0\0\0\0\r\n\r\n',
    'GET / HTTP/9.9\r\n\r\n',
    `GET / HTTP/1.1\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`,
  ];
  garbage.push('POST /notes HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n');
  garbage.push('POST /notes HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n');
  for (const bytes of garbage) {
    const received = await new Promise<string>((resolve) => {
      let text = '';
      const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
      socket.setEncoding('utf8').on('data', (data) => (text += data));
      socket.on('close', () => resolve(text));
      socket.on('error', () => {});
    });
    assert.match(received, /^HTTP\/1.1 4(00|31) /, JSON.stringify(bytes.slice(0, 30)));
  }
  assert.equal((await request('/notes/x')).status, 200);
});

test('a client that sends its headers one byte at a time is cut off', async (t) => {
  const { port } = await start(t, echo, { limits: { headersTimeoutMs: 200, requestTimeoutMs: 400 } });
  const socket = connect(port, '127.0.0.1');
  let received = '';
  socket.setEncoding('utf8').on('data', (data) => (received += data));
  socket.on('error', () => {});
  socket.write('GET / HTTP/1.1\r\nx: ');
  const drip = setInterval(() => socket.write('x'), 20);
  t.after(() => clearInterval(drip));
  await new Promise((resolve) => socket.on('close', resolve));
  assert.match(received, /^HTTP\/1.1 408 /);
});
