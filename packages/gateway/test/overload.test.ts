import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openRaw, readToEnd, runShop, until } from './support/running-shop.ts';

function runSlowShop(t: Parameters<typeof runShop>[0], limits: Readonly<Record<string, number>>) {
  const gate = Promise.withResolvers<void>();
  const slowOrder = () => gate.promise.then(() => ({ done: true }));
  return runShop(t, { gateway: { limits }, handlers: { slowOrder } }).then((shop) => ({ shop, gate }));
}

test('sheds load above the limit at once with 503 and Retry-After, but not health probes', async (t) => {
  const { shop, gate } = await runSlowShop(t, { maxConcurrentRequests: 3 });
  const running = Array.from({ length: 3 }, () => fetch(`${shop.url}/slow`));
  await until(() => shop.contexts.length === 3, 'three are running');
  for (const path of ['/products', '/nothing', '/docs']) {
    const shed = await fetch(`${shop.url}${path}`);
    assert.equal(shed.status, 503);
    assert.equal(shed.headers.get('retry-after'), '1');
    assert.equal(((await shed.json()) as { reason: string }).reason, 'overloaded');
  }
  assert.equal((await fetch(`${shop.url}/health/live`)).status, 200);
  gate.resolve();
  assert.deepEqual(
    (await Promise.all(running)).map((answer) => answer.status),
    [200, 200, 200],
  );
  assert.equal((await fetch(`${shop.url}/products`)).status, 200);
});

test('one client address may hold only so many places', async (t) => {
  const { shop, gate } = await runSlowShop(t, { maxConcurrentPerClient: 2 });
  const running = Array.from({ length: 2 }, () => fetch(`${shop.url}/slow`));
  await until(() => shop.contexts.length === 2, 'two are running');
  const shed = await fetch(`${shop.url}/products`, { headers: { 'x-forwarded-for': '10.1.1.1' } });
  assert.equal(shed.status, 429);
  assert.equal(shed.headers.get('retry-after'), '1');
  assert.equal(((await shed.json()) as { reason: string }).reason, 'client_overloaded');
  gate.resolve();
  await Promise.all(running);
  assert.equal((await fetch(`${shop.url}/products`)).status, 200);
});

test('gives places back when clients go away in the middle', async (t) => {
  const { shop } = await runSlowShop(t, { maxConcurrentRequests: 2 });
  for (let round = 0; round < 5; round += 1) {
    const sockets = [openRaw(shop.port), openRaw(shop.port)];
    for (const socket of sockets) socket.write('GET /slow HTTP/1.1\r\nHost: a\r\n\r\n');
    await until(() => shop.contexts.length === (round + 1) * 2, 'both are running');
    for (const socket of sockets) socket.destroy();
    await until(() => shop.log.length === (round + 1) * 2, 'both are over');
  }
  assert.equal((await fetch(`${shop.url}/products`)).status, 200);
});

test('closes connections above the limit at once', async (t) => {
  const { shop } = await runSlowShop(t, { maxConnections: 2 });
  const kept = [openRaw(shop.port), openRaw(shop.port)];
  for (const socket of kept) socket.write('GET /slow HTTP/1.1\r\nHost: a\r\n\r\n');
  await until(() => shop.contexts.length === 2, 'both are running');
  assert.equal(await readToEnd(openRaw(shop.port)), '');
  for (const socket of kept) socket.destroy();
});
