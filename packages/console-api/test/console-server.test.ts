import assert from 'node:assert/strict';
import { request } from 'node:http';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { type ConsoleServerOptions, createConsoleServer } from '@banyan/console-api';
import { silentLogger } from '@banyan/core';

async function startConsole(t: TestContext, options: Partial<ConsoleServerOptions> = {}): Promise<string> {
  const server = createConsoleServer({
    host: '127.0.0.1',
    port: 0,
    access: { kind: 'loopback' },
    version: '0.0.0',
    telemetry: { listRuns: async () => ({ runs: [] }) },
    operations: {},
    logger: silentLogger,
    ...options,
  });
  t.after(() => server.stop());
  return server.start();
}

/** `fetch` sets `host` and `origin` itself. */
function send(url: string, headers: Record<string, string>, method = 'GET'): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    sent.on('error', reject);
    sent.end();
  });
}

test('an operation of the contract is answered, and one without a handler says so', async (t) => {
  const url = await startConsole(t);
  const runs = await fetch(`${url}/api/runs`);
  assert.deepEqual([runs.status, await runs.json()], [200, { runs: [] }]);
  const missing = await fetch(`${url}/api/map`);
  const problem = (await missing.json()) as { reason: string };
  assert.deepEqual([missing.status, problem.reason], [501, 'not_offered']);
});

test('who connected before the server was there is served by it', async (t) => {
  const early: Socket[] = [];
  const connected = Promise.withResolvers<void>();
  const listener = createServer((socket) => {
    early.push(socket);
    connected.resolve();
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const answer = fetch(`http://127.0.0.1:${(listener.address() as AddressInfo).port}/api/runs`);
  await connected.promise;
  const url = await startConsole(t, { listener, early: () => early });
  assert.equal((await answer).status, 200);
  assert.equal((await fetch(`${url}/api/runs`)).status, 200);
});

test('input that the contract refuses does not reach the handler', async (t) => {
  const url = await startConsole(t);
  const answer = await fetch(`${url}/api/traces/not-an-id`);
  const bad = await fetch(`${url}/api/dead-letters?limit=many`);
  assert.deepEqual([answer.status, bad.status], [501, 501]);
  const checked = await startConsole(t, {
    telemetry: { getTrace: () => assert.fail('reached the handler') },
  });
  const refused = await fetch(`${checked}/api/traces/not-an-id`);
  assert.equal(refused.status, 400);
});

test('every operation is in the document of the API', async (t) => {
  const url = await startConsole(t);
  const document = (await (await fetch(`${url}/api/openapi.json`)).json()) as {
    paths: Record<string, Record<string, unknown>>;
  };
  assert.ok(document.paths['/api/traces/{traceId}']?.['get']);
  assert.ok(document.paths['/api/dead-letters/{service}/retry']?.['post']);
});

test('without sign-in it answers to names of this machine alone', async (t) => {
  const url = await startConsole(t);
  const { port } = new URL(url);
  for (const host of ['localhost', `127.0.0.1:${port}`, `[::1]:${port}`, `shop.localhost:${port}`])
    assert.equal(await send(`${url}/api/runs`, { host }), 200, host);
  for (const host of [
    'evil.example',
    `evil.example:${port}`,
    `127.0.0.1.evil.example:${port}`,
    'localhost@evil.example',
  ])
    assert.equal(await send(`${url}/api/runs`, { host }), 403, host);
});

test('a page of another origin can neither read nor change', async (t) => {
  const url = await startConsole(t);
  const { host } = new URL(url);
  assert.equal(await send(`${url}/api/runs`, { origin: `http://${host}` }), 200);
  assert.equal(await send(`${url}/api/runs`, { origin: 'http://evil.example' }), 403);
  assert.equal(await send(`${url}/api/runs`, { origin: 'null' }), 403);
  assert.equal(
    await send(`${url}/api/runs`, { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' }),
    403,
  );
  assert.equal(await send(`${url}/api/errors/1`, { origin: 'http://evil.example' }, 'PATCH'), 403);
});

test('with sign-in nothing is answered without a token that is known', async (t) => {
  const verify = async (token: string) => (token === 'right' ? { id: 'ann' } : undefined);
  const url = await startConsole(t, { access: { kind: 'sign-in', verify } });
  assert.equal(await send(`${url}/api/runs`, {}), 401);
  assert.equal(await send(`${url}/api/runs`, { authorization: 'Bearer wrong' }), 401);
  assert.equal(await send(`${url}/api/runs`, { authorization: 'Bearer right' }), 200);
});

test('what was given up because nobody waits for it any longer is logged as no failure', async (t) => {
  const failures: string[] = [];
  const [begun, ended] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const url = await startConsole(t, {
    logger: { ...silentLogger, error: (message) => void failures.push(message) },
    telemetry: {
      async listRuns(_, { signal }) {
        begun.resolve();
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        ended.resolve();
        throw signal.reason;
      },
    },
  });
  const gone = new AbortController();
  const asked = fetch(`${url}/api/runs`, { signal: gone.signal });
  await begun.promise;
  gone.abort();
  await assert.rejects(asked);
  await ended.promise;
  await fetch(`${url}/api/map`);
  assert.deepEqual(failures, []);
});

test('what a handler answers against the contract does not go out', async (t) => {
  const url = await startConsole(t, { telemetry: { listRuns: async () => ({ runs: 'none' }) as never } });
  const answer = await fetch(`${url}/api/runs`);
  assert.equal(answer.status, 500);
  assert.equal(((await answer.json()) as { reason: string }).reason, 'handler_broke_contract');
});

test('a port that is taken is said', async (t) => {
  const url = await startConsole(t);
  const again = startConsole(t, { port: Number(new URL(url).port) });
  await assert.rejects(again, { reason: 'port_taken' });
});
