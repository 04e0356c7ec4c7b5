import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { uuidv7 } from '@banyan/core';
import { eventually } from '@banyan/core/testing';
import { startTestSystem } from '@banyan/testing';
import { market, shop } from './fixtures/market/market.ts';

interface Posted {
  readonly headers: IncomingHttpHeaders;
  readonly event: { readonly id: string; readonly data: unknown } & Readonly<Record<string, unknown>>;
}

/** Takes callbacks, and answers them with these statuses, the last one again and again. */
async function startReceiver(t: TestContext, statuses: readonly number[]) {
  const posted: Posted[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const status = statuses[Math.min(posted.length, statuses.length - 1)] ?? 500;
      posted.push({ headers: request.headers, event: JSON.parse(Buffer.concat(chunks).toString()) });
      response.writeHead(status).end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { posted, host: `127.0.0.1:${port}`, url: `http://127.0.0.1:${port}/hooks` };
}

test('a reply is posted to the callback URL until it is taken, each time with the same id', async (t) => {
  const receiver = await startReceiver(t, [503, 429, 204]);
  const system = await startTestSystem(t, market, { callbacks: [receiver.host] });
  const client = system.client(shop, { user: { id: 'user-7', scopes: ['customer'] } });
  const { id } = await client.send({ orderId: 'o-1', quantity: 4, callback: receiver.url });
  await eventually(
    async () => receiver.posted.length,
    (count) => count >= 3,
  );
  const events = receiver.posted.map(({ event }) => event);
  assert.equal(new Set(events.map((event) => event.id)).size, 1);
  const [first] = receiver.posted;
  assert.partialDeepStrictEqual(first?.event.data, { orderId: 'o-1', quantity: 4 });
  assert.match(first?.headers['content-type'] ?? '', /^application\/cloudevents\+json/);
  assert.equal(first?.headers['idempotency-key'], first?.event.id);
  assert.equal(first?.event['specversion'], '1.0');
  assert.equal(first?.event['type'], 'ReserveStockReply');
  assert.equal(first?.event['banyanrequest'], id);
  // Strangers learn nothing of who is behind it.
  assert.doesNotMatch(JSON.stringify(events), /user-7|customer/);
  assert.deepEqual(await client.reply({ id }), { state: 'answered', quantity: 4 });
});

test('a callback that its receiver does not want is a dead letter, and the reply is still there', async (t) => {
  const receiver = await startReceiver(t, [410]);
  const system = await startTestSystem(t, market, { callbacks: [receiver.host] });
  const client = system.client(shop);
  const { id } = await client.send({ orderId: uuidv7(), quantity: 4, callback: receiver.url });
  await eventually(
    async () => (await system.hosts[0]?.health()) ?? [],
    (parts) => parts.some(({ part, events }) => part === 'shop' && events?.deadLetters === 1),
  );
  assert.equal((await client.reply({ id })).state, 'answered');
});

test('a callback to where nobody may be called is refused before anything is sent', async (t) => {
  const receiver = await startReceiver(t, [204]);
  const system = await startTestSystem(t, market);
  const client = system.client(shop);
  await assert.rejects(client.send({ orderId: 'refused', quantity: 4, callback: receiver.url }), {
    reason: 'callback_refused',
  });
  await client.ask({ orderId: uuidv7(), quantity: 1, timeoutMs: 10_000 });
  assert.deepEqual(await client.confirmations({}), []);
  assert.deepEqual(receiver.posted, []);
});
