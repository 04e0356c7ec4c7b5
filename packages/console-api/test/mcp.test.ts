import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { createConsoleServer, type TelemetryHandlers } from '@banyan/console-api';
import { silentLogger } from '@banyan/core';

async function startMcp(t: TestContext, telemetry: Partial<TelemetryHandlers>) {
  const server = createConsoleServer({
    host: '127.0.0.1',
    port: 0,
    access: { kind: 'loopback' },
    version: '1.2.3',
    telemetry,
    operations: {},
    logger: silentLogger,
  });
  t.after(() => server.stop());
  const url = `${await server.start()}/mcp`;
  return async (message: unknown) => {
    const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
    const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(message) });
    const text = await answer.text();
    const body = (text === '' ? {} : JSON.parse(text)) as Record<string, unknown>;
    return { status: answer.status, body };
  };
}

const ask = (method: string, params: object = {}) => ({ jsonrpc: '2.0', id: 1, method, params });

test('an assistant says hello, lists what it can ask, and asks', async (t) => {
  const send = await startMcp(t, {
    listRuns: async () => ({ runs: [] }),
    changeError: () => assert.fail('no tool'),
  });
  const hello = await send(ask('initialize', { protocolVersion: '2025-06-18', capabilities: {} }));
  const { protocolVersion, serverInfo } = hello.body['result'] as Record<string, unknown>;
  assert.deepEqual(
    [protocolVersion, serverInfo],
    ['2025-06-18', { name: 'banyan-console', version: '1.2.3' }],
  );
  assert.deepEqual(await send({ jsonrpc: '2.0', method: 'notifications/initialized' }), {
    status: 202,
    body: {},
  });
  const { tools } = (await send(ask('tools/list'))).body['result'] as {
    tools: { name: string; inputSchema: { type: string } }[];
  };
  assert.deepEqual(
    tools.map(({ name, inputSchema }) => [name, inputSchema.type]),
    [['listRuns', 'object']],
  );
  const called = (await send(ask('tools/call', { name: 'listRuns', arguments: {} }))).body['result'];
  assert.deepEqual(called, { content: [{ type: 'text', text: '{"runs":[]}' }] });
});

test('input that does not fit is told to the assistant, and unknown tools and methods are errors', async (t) => {
  const send = await startMcp(t, { getTrace: () => assert.fail('reached the handler') });
  const wrong = (await send(ask('tools/call', { name: 'getTrace', arguments: { traceId: 'x' } }))).body[
    'result'
  ];
  assert.equal((wrong as { isError: boolean }).isError, true);
  const codeOf = async (message: unknown) =>
    ((await send(message)).body['error'] as { readonly code: number } | undefined)?.code;
  assert.equal(await codeOf(ask('tools/call', { name: 'changeError' })), -32_602);
  assert.equal(await codeOf(ask('resources/list')), -32_601);
  assert.equal(await codeOf([ask('ping')]), -32_600);
  assert.equal(await codeOf('hello'), -32_600);
});
