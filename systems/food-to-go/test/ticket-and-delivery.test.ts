import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, test } from 'node:test';
import type { HttpClient } from '@banyan/test-support/http-client';
import { until } from '@banyan/testing';
import { type Delivery, delivery } from '../delivery/contract.ts';
import { kitchen } from '../kitchen/contract.ts';
import { orders } from '../orders/contract.ts';
import { ajanta, euros, everyPart, type Food, type FoodOptions, home, startFood } from './fixtures/food.ts';

const inHours = (hours: number) => new Date(Date.now() + hours * 60 * 60 * 1_000).toISOString();

/** The delivery of an order, as somebody sees it, as soon as it is as `wanted`. */
const deliveryOf = (who: HttpClient, orderId: string, wanted: (delivery: Delivery) => boolean) =>
  until(async () => {
    const { status, json } = await who.send('GET', `/deliveries/${orderId}`);
    return status === 200 && wanted(json) ? json : undefined;
  }, 'such delivery');

async function courierOf(food: Food): Promise<HttpClient> {
  const courier = await food.signIn('courier', randomUUID());
  assert.equal((await courier.send('PUT', '/courier/availability', { available: true })).status, 200);
  return courier;
}

/** Each with the parts of the system where they are. */
const levels: readonly (readonly [string, FoodOptions])[] = [
  ['in one process', {}],
  ['with every service by itself', { placement: everyPart.map((part) => [part]) }],
];

for (const [level, options] of levels) {
  describe(`ticket and delivery ${level}`, () => {
    test('W17 a ticket is accepted once: then a courier has a plan, and the order comes to the door', async (t) => {
      const food = await startFood(t, options);
      const courier = await courierOf(food);
      const { orderId, consumer, restaurant, ticketId } = await food.approved();
      const accept = (readyBy: string) => restaurant.send('POST', `/tickets/${ticketId}/accept`, { readyBy });

      const tooLate = await accept(inHours(-1));
      assert.deepEqual([tooLate.status, tooLate.json.reason], [422, 'readyByInPast']);
      const readyBy = inHours(2);
      const accepted = await accept(readyBy);
      assert.deepEqual([accepted.status, accepted.json.state], [200, 'ACCEPTED']);
      const scheduled = await deliveryOf(consumer, orderId, ({ state }) => state === 'SCHEDULED');
      assert.equal(scheduled.revision, 2);
      const again = await accept(inHours(3));
      assert.deepEqual([again.status, again.json.reason], [409, 'ticketStateForbids']);

      const plan = (await courier.send('GET', '/courier/plan')).json.plan;
      assert.deepEqual(
        plan.map(({ action, address, at }: { action: string; address: unknown; at: string }) => [
          action,
          address,
          Date.parse(at) - Date.parse(readyBy),
        ]),
        [
          ['PICK_UP', ajanta.address, 0],
          ['DROP_OFF', home, 30 * 60 * 1_000],
        ],
      );
      const early = await courier.send('POST', `/deliveries/${orderId}/pick-up`, {});
      assert.deepEqual([early.status, early.json.reason], [409, 'notReady']);
      for (const path of ['preparing', 'ready']) {
        assert.equal((await restaurant.send('POST', `/tickets/${ticketId}/${path}`, {})).status, 200);
      }
      await deliveryOf(consumer, orderId, ({ isReady }) => isReady);
      for (const path of ['pick-up', 'drop-off']) {
        assert.equal((await courier.send('POST', `/deliveries/${orderId}/${path}`, {})).status, 200);
      }
      assert.deepEqual((await courier.send('GET', '/courier/plan')).json.plan, []);
      const brought = await food.until(consumer, orderId, 'DELIVERED');
      const path = `/order-history/${orderId}?atLeast=${brought.revision}`;
      assert.equal((await consumer.send('GET', path)).json.status, 'DELIVERED');
      await until(
        async () => ((await restaurant.ticketOf(orderId)).state === 'PICKED_UP' ? true : undefined),
        'ticket that was picked up',
      );
    });

    test('a cancelled order cancels its ticket and its delivery, and frees the courier', async (t) => {
      const food = await startFood(t, options);
      const courier = await courierOf(food);
      const { orderId, consumer, restaurant, ticketId } = await food.approved();
      await restaurant.send('POST', `/tickets/${ticketId}/accept`, { readyBy: inHours(1) });
      await deliveryOf(consumer, orderId, ({ state }) => state === 'SCHEDULED');
      assert.equal((await consumer.send('POST', `/orders/${orderId}/cancel`, {})).status, 202);
      await deliveryOf(consumer, orderId, ({ state }) => state === 'CANCELLED');
      assert.deepEqual((await courier.send('GET', '/courier/plan')).json.plan, []);
    });

    test('W20 a revised menu reaches every copy, and changes nothing that was ordered before', async (t) => {
      const food = await startFood(t, options);
      const { orderId, consumer, restaurant } = await food.approved();
      const { restaurantId } = restaurant;
      const before = (await consumer.send('GET', `/orders/${orderId}`)).json;
      const menu = [
        { menuItemId: 'vindaloo', name: 'Vindaloo', price: euros(2_000) },
        { menuItemId: 'dosa', name: 'Masala Dosa', price: euros(750) },
      ];
      const revised = await restaurant.send('PUT', `/restaurants/${restaurantId}/menu`, { menu });
      assert.equal(revised.json.revision, 2);

      const as = { service: 'delivery' };
      const copies = {
        orders: () => food.system.client(orders, as).getRestaurantCopy({ restaurantId }),
        kitchen: () => food.system.client(kitchen, as).getRestaurantCopy({ restaurantId }),
        delivery: () => food.system.client(delivery).getRestaurantCopy({ restaurantId }),
      };
      for (const [service, read] of Object.entries(copies)) {
        const copy = await until(async () => {
          // Whoever has no copy at all yet refuses.
          const copy = await read().catch(() => undefined);
          return copy?.revision === 2 ? copy : undefined;
        }, `revised copy at ${service}`);
        if ('menuItemIds' in copy) assert.deepEqual(copy.menuItemIds, ['vindaloo', 'dosa'], service);
      }
      const next = (await food.order(consumer, restaurant, 1)).json;
      assert.deepEqual(next.total, euros(2_000));
      assert.deepEqual((await consumer.send('GET', `/orders/${orderId}`)).json, before);
      const path = `/order-history/${next.orderId}?atLeast=${next.revision}`;
      assert.equal((await consumer.send('GET', path)).status, 200);
      const past = (await consumer.send('GET', '/orders?keyword=chicken')).json.orders;
      assert.deepEqual(
        past.map(({ orderId, total }: { orderId: string; total: unknown }) => [orderId, total]),
        [[orderId, euros(6_170)]],
      );
    });
  });
}

test('W21 the history has filters and pages over HTTP, shows the revision that its consumer was told, and answers while orders is down', async (t) => {
  const others = everyPart.filter((part) => part !== 'orders');
  const food = await startFood(t, { placement: [others, ['orders']] });
  const { orderId, consumer } = await food.approved();
  const { revision } = (await consumer.send('GET', `/orders/${orderId}`)).json;
  const shown = (await consumer.send('GET', `/order-history/${orderId}?atLeast=${revision}`)).json;
  assert.equal(shown.status, 'APPROVED');

  const list = async (query: string) => {
    const { status, json } = await consumer.send('GET', `/orders?${query}`);
    assert.equal(status, 200, query);
    return json.orders.map((order: { orderId: string }) => order.orderId);
  };
  for (const query of ['', 'keyword=sushi%20chicken', 'status=APPROVED', `until=${inHours(1)}`, 'limit=1']) {
    assert.deepEqual(await list(query), [orderId], query);
  }
  for (const query of ['keyword=sushi', 'status=REJECTED', `since=${inHours(1)}`]) {
    assert.deepEqual(await list(query), [], query);
  }
  const unknown = await consumer.send('GET', '/orders?page=2');
  assert.deepEqual([unknown.status, unknown.json.reason], [400, 'unknownPage']);

  await food.system.hosts[1]?.stop();
  assert.equal((await consumer.send('GET', `/orders/${orderId}`)).status, 503);
  const { status, json } = await consumer.send('GET', '/orders');
  assert.equal(status, 200);
  assert.deepEqual(json, { orders: [shown] });
  assert.deepEqual([shown.orderId, shown.total, shown.restaurant], [orderId, euros(6_170), 'Ajanta']);
  const other = await food.consumer();
  assert.deepEqual((await other.send('GET', '/orders')).json, { orders: [] });
  assert.equal((await other.send('GET', `/order-history/${orderId}`)).status, 404);
  const staff = await food.signIn('staff', 'joe');
  assert.deepEqual((await staff.send('POST', '/order-history/rebuilds', {})).json, { orders: 1 });
  assert.equal((await consumer.send('POST', '/order-history/rebuilds', {})).status, 403);
});
