import assert from 'node:assert/strict';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { contract, operation } from '@banyan/contract';
import { z } from 'zod';
// Only the console calls it, in a process of its own.
import { tryThroughGateway } from '../src/console/try-operation.ts';

const { operations } = contract('things', {
  version: '1.0.0',
  operations: { list: operation('GET /things', { input: z.object({}), output: z.json() }) },
});

/** Tries `list` against a server that answers so. */
async function tried(t: { after(undo: () => void): void }, answer: RequestListener) {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const { signal } = new AbortController();
  return tryThroughGateway(operations.list, { url, input: {}, token: undefined, signal });
}

test('an answer is shown as it came: JSON as such, what only says that it is JSON as text', async (t) => {
  const asJson = { 'content-type': 'application/json' };
  const { status, body } = await tried(t, (_, response) => response.writeHead(201, asJson).end('[1]'));
  assert.deepEqual([status, body], [201, [1]]);
  const broken = await tried(t, (_, response) => response.writeHead(200, asJson).end('[1'));
  assert.deepEqual([broken.body, broken.text], [undefined, '[1']);
});

test('an answer leads to its trace, which the gateway names', async (t) => {
  const traceresponse = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
  const { traceId } = await tried(t, (_, response) => response.writeHead(200, { traceresponse }).end());
  assert.equal(traceId, '0af7651916cd43dd8448eb211c80319c');
});

test('a redirect is an answer, and nobody follows it', async (t) => {
  const asked: (string | undefined)[] = [];
  const { status } = await tried(t, ({ url }, response) => {
    asked.push(url);
    response.writeHead(302, { location: '/elsewhere' }).end();
  });
  assert.deepEqual([status, asked], [302, ['/things']]);
});

test('of an answer that never ends the beginning is shown', async (t) => {
  const { text } = await tried(t, (_, response) => {
    const write = () => {
      while (!response.destroyed && response.write('x'.repeat(10_000)));
    };
    response.on('drain', write);
    write();
  });
  assert.equal(text, 'x'.repeat(100_000));
});

test('a gateway that gives no answer is said to give none, and why', async (t) => {
  await assert.rejects(
    tried(t, ({ socket }) => socket.destroy()),
    { code: 'unavailable', reason: 'no_gateway_answer', message: /other side closed|reset|hang up/ },
  );
});
