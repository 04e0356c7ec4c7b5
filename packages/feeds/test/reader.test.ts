import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { eventually } from '@banyan/core/testing';
import { startTestSystem } from '@banyan/testing';
import { type OrdersFixture, orders, ordersSystem } from './fixtures/orders.ts';
import { type ShippingFixture, shipping, shippingSystem } from './fixtures/shipping.ts';

async function startOrders(t: TestContext, options: OrdersFixture = {}) {
  const running = await startTestSystem(t, ordersSystem(options));
  return { client: running.client(orders), url: `${running.publicUrl}/feed`, running };
}

async function startShipping(t: TestContext, fixture: ShippingFixture) {
  const running = await startTestSystem(t, shippingSystem(fixture));
  const client = running.client(shipping, { timeoutMs: 60_000 });
  const titles = async () => (await client.shipments({})).shipments.map(({ title }) => title);
  return { client, titles, running };
}

const numbered = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => `Order ${from + index}`);

for (const accept of ['atom', 'json', 'json-embedded', 'json-feed'] as const) {
  describe(`a reader of ${accept}`, () => {
    test('handles each entry once, in order, with its content, through the gateway', async (t) => {
      const { client, url } = await startOrders(t);
      for (const number of [1, 2, 3])
        await client.placeOrder({ orderId: `o${number}`, item: `mug ${number}` });
      const reader = await startShipping(t, { url, accept });
      const polled = async () => {
        await reader.client.poll({});
        return reader.titles();
      };
      await eventually(polled, (titles) => titles.length === 3);
      await client.cancelOrder({ orderId: 'o2' });
      const titles = await eventually(polled, (found) => found.length === 4);
      assert.deepEqual(titles.toSorted(), ['Order 1', 'Order 2', 'Order 2 cancelled', 'Order 3']);
      assert.ok(titles.indexOf('Order 2') < titles.indexOf('Order 2 cancelled'));
      assert.deepEqual(await reader.client.poll({}), { received: 0, handled: 0, failed: 0 });
      const { shipments } = await reader.client.shipments({});
      assert.deepEqual(shipments.map(({ item }) => item).toSorted(), ['mug 1', 'mug 2', 'mug 2', 'mug 3']);
    });

    test('goes back through the archive to what it knows, and no further', async (t) => {
      const { client, url } = await startOrders(t, { pageSize: 10 });
      await client.fill({ from: 1, count: 125 });
      const reader = await startShipping(t, { url, accept, fetchContent: false });
      await eventually(reader.titles, (titles) => titles.length === 125);
      assert.deepEqual(await reader.titles(), numbered(1, 125));
      await client.fill({ from: 126, count: 31 });
      assert.deepEqual(await reader.client.poll({}), { received: 31, handled: 31, failed: 0 });
      assert.deepEqual(await reader.titles(), numbered(1, 156));
    });
  });
}

test('of two entries in one second, one on either side of a poll, both have their effect', async (t) => {
  const { client, url } = await startOrders(t);
  const reader = await startShipping(t, { url, fetchContent: false });
  await reader.client.poll({});
  for (let round = 1; round <= 10; round += 1) {
    await client.fill({ from: round, count: 1 });
    assert.deepEqual(await reader.client.poll({}), { received: 1, handled: 1, failed: 0 });
  }
  assert.deepEqual(await reader.titles(), numbered(1, 10));
});

test('a producer that is down is no harm to what was read', async (t) => {
  const first = await startOrders(t);
  await first.client.fill({ from: 1, count: 2 });
  const reader = await startShipping(t, { url: first.url, fetchContent: false });
  await eventually(reader.titles, (titles) => titles.length === 2);
  await first.running.stop();
  await assert.rejects(reader.client.poll({}), { code: 'unavailable', reason: 'feed_unavailable' });
  assert.deepEqual(await reader.titles(), numbered(1, 2));
  const { lastError } = await reader.client.status({});
  assert.match(lastError ?? '', /feed_unavailable/);
});
