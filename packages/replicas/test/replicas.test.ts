import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startTestSystem, type TestSystem, untilPasses } from '@banyan/testing';
import fc from 'fast-check';
import { stockA, stockB, stockC, stockSystem } from './stock.ts';

const seed = Number(process.env['BANYAN_SEED'] ?? Math.floor(Math.random() * 2 ** 31));

/** Calls from a peer, as the only ones that these services let in. */
function clientsOf(system: TestSystem) {
  return {
    a: system.client(stockA, { service: 'stock-b' }),
    b: system.client(stockB, { service: 'stock-a' }),
  };
}

test('every update goes to the pending log, is applied by the other replica, and leaves the log', async (t) => {
  const system = await startTestSystem(t, stockSystem(stockA, stockB), {
    placement: [['stock-a'], ['stock-b']],
  });
  const { a, b } = clientsOf(system);
  await system.hosts[1]?.stop();
  await a.setStock({ sku: 'mug', pieces: 1 });
  await a.setStock({ sku: 'mug', pieces: 2 });
  assert.deepEqual((await a.listPending({})).pending, ['stock-a/1', 'stock-a/2']);
  assert.ok((await a.listPending({})).lagMs > 0);
  const host = await system.addHost(['stock-b']);
  await b.setStock({ sku: 'cup', pieces: 7 });
  await untilPasses(async () => {
    assert.deepEqual((await a.listPending({})).pending, []);
    assert.deepEqual((await b.listPending({})).pending, []);
    for (const replica of [a, b]) {
      assert.deepEqual(await replica.getStock({ sku: 'mug' }), { pieces: 2 });
      assert.deepEqual(await replica.getStock({ sku: 'cup' }), { pieces: 7 });
    }
  });
  assert.equal((await a.listPending({})).lagMs, 0);
  await host.stop();
});

test('what neither replica has heard of yet stands in both logs: A1, A2, and B1; then both are identical and the logs empty', async (t) => {
  const definition = stockSystem(stockA, stockB);
  const system = await startTestSystem(t, definition, { placement: [['stock-a'], ['stock-b']] });
  const { a, b } = clientsOf(system);
  // Releases that answer and do not listen.
  for (const [index, service] of definition.services.entries()) {
    await system.hosts[index]?.reload({ ...service, on: {} });
  }
  await a.setStock({ sku: 'mug', pieces: 1 });
  await a.setStock({ sku: 'cup', pieces: 2 });
  await b.setStock({ sku: 'mug', pieces: 3 });
  const logs = async () => [(await a.listPending({})).pending, (await b.listPending({})).pending];
  assert.deepEqual(await logs(), [['stock-a/1', 'stock-a/2'], ['stock-b/1']]);
  for (const [index, service] of definition.services.entries()) await system.hosts[index]?.reload(service);
  await untilPasses(async () => assert.deepEqual(await logs(), [[], []]));
  for (const sku of ['mug', 'cup']) assert.deepEqual(await a.getStock({ sku }), await b.getStock({ sku }));
  assert.deepEqual(await a.getStock({ sku: 'cup' }), { pieces: 2 });
});

test('a replica that was away catches up in order, each change once, and answers only then', async (t) => {
  const system = await startTestSystem(t, stockSystem(stockA, stockB), {
    placement: [['stock-a'], ['stock-b']],
  });
  const { a, b } = clientsOf(system);
  await system.hosts[1]?.stop();
  for (let pieces = 1; pieces <= 30; pieces += 1) await a.setStock({ sku: 'mug', pieces });
  await a.removeStock({ sku: 'mug' });
  await a.setStock({ sku: 'cup', pieces: 1 });
  await system.addHost(['stock-b']);
  // It knew nothing of the peer before: until all 32 changes are applied it refuses, and then it is right at once.
  await untilPasses(async () => {
    try {
      assert.deepEqual(await b.getStock({ sku: 'cup' }), { pieces: 1 });
    } catch (error) {
      assert.equal((error as { reason?: string }).reason, 'replica_behind');
      throw error;
    }
  });
  assert.deepEqual(await b.getStock({ sku: 'mug' }), {});
});

test('conflicting writes end in the same value on both', async (t) => {
  const system = await startTestSystem(t, stockSystem(stockA, stockB), {
    placement: [['stock-a'], ['stock-b']],
  });
  const { a, b } = clientsOf(system);
  await Promise.all(
    Array.from({ length: 20 }, (_, index) =>
      (index % 2 === 0 ? a : b).setStock({ sku: 'mug', pieces: index }),
    ),
  );
  await untilPasses(async () => {
    assert.deepEqual((await a.listPending({})).pending, []);
    assert.deepEqual((await b.listPending({})).pending, []);
  });
  assert.deepEqual(await a.getStock({ sku: 'mug' }), await b.getStock({ sku: 'mug' }));
});

test('three replicas converge, whatever is written where', async (t) => {
  t.diagnostic(`BANYAN_SEED=${seed}`);
  const system = await startTestSystem(t, stockSystem(stockA, stockB, stockC));
  const clients = [
    system.client(stockA, { service: 'stock-b' }),
    system.client(stockB, { service: 'stock-c' }),
    system.client(stockC, { service: 'stock-a' }),
  ];
  const skus = ['mug', 'cup', 'pot'];
  const write = fc.record({ at: fc.nat(2), sku: fc.constantFrom(...skus), pieces: fc.option(fc.nat(99)) });
  await fc.assert(
    fc.asyncProperty(fc.array(write, { maxLength: 12 }), async (writes) => {
      await Promise.all(
        writes.map(async ({ at, sku, pieces }) => {
          if (pieces === null) await clients[at]?.removeStock({ sku });
          else await clients[at]?.setStock({ sku, pieces });
        }),
      );
      await untilPasses(async () => {
        for (const client of clients) assert.deepEqual((await client.listPending({})).pending, []);
      });
      for (const sku of skus) {
        const values = await Promise.all(clients.map((client) => client.getStock({ sku })));
        assert.deepEqual(values, [values[0], values[0], values[0]]);
      }
    }),
    { seed, numRuns: Number(process.env['BANYAN_RUNS'] ?? 8) },
  );
});

test('a value that was changed behind the back of a replica is found and repaired', async (t) => {
  const system = await startTestSystem(t, stockSystem(stockA, stockB));
  const { a, b } = clientsOf(system);
  await a.setStock({ sku: 'mug', pieces: 5 });
  await a.setStock({ sku: 'cup', pieces: 6 });
  await untilPasses(async () => assert.deepEqual(await b.getStock({ sku: 'cup' }), { pieces: 6 }));
  assert.deepEqual(await a.compare({}), { repaired: [] });
  await b.damage({ sku: 'mug' });
  assert.deepEqual(await a.compare({}), { repaired: ['mug'] });
  await untilPasses(async () => assert.deepEqual(await b.getStock({ sku: 'mug' }), { pieces: 5 }));
  assert.deepEqual(await a.getStock({ sku: 'mug' }), { pieces: 5 });
  assert.deepEqual(await a.compare({}), { repaired: [] });
});

test('comparing brings no old value back while its removal, or a newer one, is on its way', async (t) => {
  const definition = stockSystem(stockA, stockB, stockC);
  const system = await startTestSystem(t, definition, {
    placement: [['stock-a'], ['stock-b'], ['stock-c']],
  });
  const { a, b } = clientsOf(system);
  const c = system.client(stockC, { service: 'stock-a' });
  const listen = async (index: number, listens: boolean) => {
    const service = definition.services[index];
    assert.ok(service);
    await system.hosts[index]?.reload(listens ? service : { ...service, on: {} });
  };
  await listen(0, false);
  // Own writes move A's clock on, whatever it has heard of others.
  for (let pieces = 1; pieces <= 9; pieces += 1) await a.setStock({ sku: 'own', pieces });
  for (const sku of ['mug', 'cup']) await c.setStock({ sku, pieces: 1 });
  await untilPasses(async () => {
    for (const sku of ['mug', 'cup']) assert.deepEqual(await b.getStock({ sku }), { pieces: 1 });
  });
  await listen(1, false);
  await c.removeStock({ sku: 'mug' });
  await c.setStock({ sku: 'cup', pieces: 2 });
  await a.compare({});
  await listen(0, true);
  await listen(1, true);
  await untilPasses(async () => {
    for (const replica of [a, b, c]) assert.deepEqual((await replica.listPending({})).pending, []);
  });
  for (const replica of [a, b, c]) {
    assert.deepEqual(await replica.getStock({ sku: 'mug' }), {});
    assert.deepEqual(await replica.getStock({ sku: 'cup' }), { pieces: 2 });
  }
});
