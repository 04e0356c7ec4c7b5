import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { test } from 'node:test';
import { until } from '@banyan/testing';
import { z } from 'zod';
import { accounting } from '../accounting/contract.ts';
import { orders } from '../orders/contract.ts';
import foodToGo from '../system.ts';
import { euros, home, startFood } from './fixtures/food.ts';

test('one order, six ways to see it: each context keeps its own words, and only what it needs', async (t) => {
  const food = await startFood(t);
  const { orderId, consumer, restaurant, ticketId } = await food.approved(2);
  const { consumerId } = consumer;
  const keysOf = (value: object) => Object.keys(value).toSorted();

  // A line: with a price where it is ordered, a dish where it is cooked, a name where it is remembered, not at all where it is paid or brought.
  const order = (await consumer.send('GET', `/orders/${orderId}`)).json;
  const vindaloo = { menuItemId: 'vindaloo', quantity: 2 };
  assert.deepEqual(order.lineItems, [{ ...vindaloo, name: 'Chicken Vindaloo', price: euros(1_234) }]);
  const ticket = (await restaurant.send('GET', `/tickets/${ticketId}`)).json;
  assert.deepEqual(ticket.lines, [{ ...vindaloo, dish: 'Chicken Vindaloo' }]);
  const past = await until(async () => {
    const { orders } = (await consumer.send('GET', '/orders')).json;
    return orders.find((each: { orderId: string }) => each.orderId === orderId);
  }, 'order in the history');
  assert.deepEqual(past.lineItems, [{ name: 'Chicken Vindaloo', quantity: 2 }]);
  const authorization = await food.system.client(accounting).getAuthorization({ orderId });
  assert.deepEqual(keysOf(authorization), ['amount', 'consumerId', 'history', 'orderId', 'status']);

  const readyBy = new Date(Date.now() + 3_600_000).toISOString();
  await restaurant.send('POST', `/tickets/${ticketId}/accept`, { readyBy });
  const delivery = await until(async () => {
    const { status, json } = await consumer.send('GET', `/deliveries/${orderId}`);
    return status === 200 ? json : undefined;
  }, 'delivery');
  assert.deepEqual(delivery.deliveryAddress, home);
  assert.ok(!/vindaloo|amount|EUR/i.test(JSON.stringify(delivery)));

  // Whoever ordered: a name where they signed up, a card and a limit where they pay, an id for all others.
  assert.deepEqual(keysOf((await consumer.send('GET', `/consumers/${consumerId}`)).json), [
    ...['consumerId', 'name', 'registeredAt'],
  ]);
  assert.deepEqual(keysOf((await consumer.send('GET', '/account')).json), [
    ...['authorized', 'card', 'consumerId', 'limit'],
  ]);
  for (const seen of [order, past, delivery, ticket]) assert.ok(!JSON.stringify(seen).includes('Lovelace'));
  assert.ok(!JSON.stringify(ticket).includes(consumerId));
});

test('what contracts share are values without an identity: no entity of one context is another one’s', async () => {
  const folder = new URL('../vocabulary/', import.meta.url);
  const shared: string[] = [];
  for (const file of await readdir(folder)) {
    const exported = (await import(new URL(file, folder).href)) as Record<string, unknown>;
    for (const [name, value] of Object.entries(exported)) {
      if (!(value instanceof z.ZodObject)) continue;
      shared.push(name);
      const fields = Object.keys(value.shape);
      assert.deepEqual(
        fields.filter((field) => /Id$/.test(field)),
        [],
        name,
      );
    }
  }
  assert.deepEqual(shared.toSorted(), ['Address', 'Money']);
});

test('whoever takes orders answers no questions about them but the one for a single order; the view alone lists them', () => {
  const listed = foodToGo.gateway?.routes.filter(
    ({ method, path }) => method === 'GET' && path === '/orders',
  );
  assert.deepEqual(
    listed?.map(({ service }) => service),
    ['order-history'],
  );
  const reads = Object.values(orders.operations).filter(({ method }) => method === 'GET');
  // Each of them wants one order, or one restaurant.
  for (const { name, path } of reads) assert.match(path, /\/:(orderId|restaurantId)/, name);
});
