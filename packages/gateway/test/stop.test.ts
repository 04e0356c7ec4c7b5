import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { createMemoryDocumentStore } from '@banyan/config/testing';
import { silentLogger } from '@banyan/core';
import { createManualClock } from '@banyan/core/testing';
import { cameras } from './support/cameras.ts';
import { exchangeRaw, openRaw, readToEnd, runShop, until } from './support/running-shop.ts';

test('says which port is taken and how to choose another', async (t) => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const address = server.address();
  assert(address !== null && typeof address === 'object');
  await assert.rejects(runShop(t, { edge: { port: address.port } }), {
    code: 'failed_precondition',
    reason: 'port_taken',
    message: `Port ${address.port} is in use by another program; choose another with PORT.`,
  });
});

test('may be stopped before it was started, twice, and while it starts', async (t) => {
  const shop = await runShop(t);
  await Promise.all([shop.edge.stop(), shop.edge.stop()]);
  await shop.edge.stop();
  await assert.rejects(fetch(`${shop.url}/products`));
});

test('a gateway that is stopped while it starts looks at nothing any more', async () => {
  const clock = createManualClock();
  const edge = cameras.gateway?.create({
    systemName: 'cameras',
    endpoint: () => assert.fail('nobody asks'),
    health: async () => [],
    host: '127.0.0.1',
    port: 0,
    development: false,
    documents: createMemoryDocumentStore().open(),
    clock,
    logger: silentLogger,
  });
  await Promise.all([edge?.start(), edge?.stop()]);
  assert.equal(clock.timers, 0);
});

test('finishes what it has begun, takes nothing new, and says so to balancers', async (t) => {
  const gate = Promise.withResolvers<void>();
  const shop = await runShop(t, { handlers: { slowOrder: () => gate.promise.then(() => ({ done: true })) } });
  const idle = openRaw(shop.port);
  const idleEnd = readToEnd(idle);
  await once(idle, 'connect');
  const kept = openRaw(shop.port);
  const keptAnswer = readToEnd(kept);
  kept.write('GET /slow HTTP/1.1\r\nHost: a\r\n\r\n');
  const probe = openRaw(shop.port);
  const probeAnswer = readToEnd(probe);
  probe.write('GET /health/ready HTTP/1.1\r\nHost: a\r\n\r\n');
  await once(probe, 'data');
  await until(() => shop.contexts.length === 1, 'it is running');
  const stopped = shop.edge.stop({ timeoutMs: 5_000 });
  probe.write('GET /health/ready HTTP/1.1\r\nHost: a\r\n\r\n');
  assert.equal(await idleEnd, '');
  assert.equal(await exchangeRaw(shop.port, 'GET /products HTTP/1.1\r\nHost: a\r\n\r\n'), '');
  assert.match(await probeAnswer, /200 OK[\s\S]*503 Service Unavailable/);
  gate.resolve();
  assert.match(await keptAnswer, /^HTTP\/1\.1 200 [\s\S]*connection: close[\s\S]*"done":true/i);
  await stopped;
});

test('finishes uploads and downloads that are under way', async (t) => {
  const half = Promise.withResolvers<void>();
  const shop = await runShop(t, {
    handlers: {
      getPicture: () => ({
        contentType: 'image/png',
        length: 8,
        body: (async function* () {
          yield Buffer.from('half');
          await half.promise;
          yield Buffer.from('full');
        })(),
      }),
    },
  });
  const down = openRaw(shop.port);
  const download = readToEnd(down);
  down.write('GET /pictures/1 HTTP/1.1\r\nHost: a\r\n\r\n');
  await once(down, 'data');
  const up = openRaw(shop.port);
  const upload = readToEnd(up);
  up.write('POST /pictures HTTP/1.1\r\nHost: a\r\nContent-Type: image/png\r\nContent-Length: 8\r\n\r\nhalf');
  await until(() => shop.contexts.length === 2, 'both are running');
  const stopped = shop.edge.stop({ timeoutMs: 5_000 });
  half.resolve();
  up.write('full');
  assert.match(await download, /halffull$/);
  assert.match(await upload, /201 Created[\s\S]*"bytes":8/);
  await stopped;
});

test('closes what is not finished when the time is over', async (t) => {
  const shop = await runShop(t, { handlers: { slowOrder: () => new Promise(() => undefined) } });
  const socket = openRaw(shop.port);
  const answer = readToEnd(socket);
  socket.write('GET /slow HTTP/1.1\r\nHost: a\r\n\r\n');
  await until(() => shop.contexts.length === 1, 'it is running');
  const startedMs = performance.now();
  await shop.edge.stop({ timeoutMs: 200 });
  assert(performance.now() - startedMs < 2_000);
  assert.equal(await answer, '');
  assert.equal(shop.contexts[0]?.signal.aborted, true);
});

test('a request that has arrived is answered, though the process stood still while its connection seemed idle', async (t) => {
  const shop = await runShop(t);
  const socket = openRaw(shop.port);
  const answers = readToEnd(socket);
  const asked = 'GET /products HTTP/1.1\r\nHost: a\r\n\r\n';
  socket.write(asked);
  await once(socket, 'data');
  const stopped = shop.edge.stop({ timeoutMs: 5_000 });
  const askedOnce = asked.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n');
  await until(async () => (await exchangeRaw(shop.port, askedOnce)) === '', 'it takes no more connections');
  socket.write(asked);
  for (const endMs = performance.now() + 500; performance.now() < endMs; );
  assert.equal((await answers).match(/HTTP\/1\.1 200 OK/g)?.length, 2);
  await stopped;
});

test('requests of connections that are not accepted yet when it stops are answered', async (t) => {
  const shop = await runShop(t);
  const sockets = Array.from({ length: 100 }, () => openRaw(shop.port));
  const answers = sockets.map(readToEnd);
  for (const socket of sockets) socket.write('GET /products HTTP/1.1\r\nHost: a\r\n\r\n');
  await Promise.all(sockets.map((socket) => once(socket, 'connect')));
  await shop.edge.stop({ timeoutMs: 5_000 });
  for (const answer of await Promise.all(answers)) assert.match(answer, /^HTTP\/1\.1 200 OK/);
});

test('under load, no request that was accepted fails when it stops', async (t) => {
  for (let round = 0; round < 5; round += 1) {
    const shop = await runShop(t, {
      handlers: {
        listProducts: async () => {
          await new Promise((resolve) => setTimeout(resolve, Math.random() * 5));
          return { products: ['mug'], limit: 1, tags: [] };
        },
      },
    });
    const agent = new Agent({ keepAlive: true, maxSockets: 32 });
    const outcomes = { answered: 0, refusedToConnect: 0, failed: [] as string[] };
    let stopped = false;
    const client = async () => {
      while (!stopped) {
        try {
          await ask(`${shop.url}/products`, agent);
          outcomes.answered += 1;
        } catch (error) {
          const { code } = error as { code?: string };
          if (code === 'ECONNREFUSED') outcomes.refusedToConnect += 1;
          else outcomes.failed.push(String(code ?? error));
        }
      }
    };
    const clients = Array.from({ length: 32 }, client);
    await until(() => outcomes.answered > 200, 'the load is on');
    await shop.edge.stop({ timeoutMs: 5_000 });
    stopped = true;
    await Promise.all(clients);
    agent.destroy();
    assert.deepEqual(outcomes.failed, []);
  }
});

function ask(url: string, agent: Agent): Promise<void> {
  return new Promise((resolve, reject) => {
    request(url, { agent }, (answer) => {
      answer.resume();
      answer.on('error', reject);
      answer.on('end', () => {
        if (answer.statusCode === 200) resolve();
        else reject(new Error(`status ${answer.statusCode}`));
      });
    })
      .on('error', reject)
      .end();
  });
}
