import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import {
  ask,
  lineOf,
  openSchemas,
  type PublicApi,
  reachedObjects,
  routesOf,
  unlimitedBodies,
  wrongRoles,
} from '@banyan/test-support/owasp';
import { until } from '@banyan/testing';
import foodToGo from '../system.ts';
import { roles } from '../vocabulary/signed-in.ts';
import { type Approved, euros, type Food, home, startFood } from './fixtures/food.ts';

/** OWASP API Security Top 10 (2023), made from what the system exposes: a new route is tested as soon as it is there. */
const routes = routesOf({ system: foodToGo });

/** A body that the schema accepts, so that an answer speaks of who asked. A route that needs one and has none fails the test. */
const bodies: Readonly<Record<string, unknown>> = {
  'orders.reviseOrder': { quantities: [{ menuItemId: 'vindaloo', quantity: 6 }] },
  'restaurants.reviseMenu': { menu: [{ menuItemId: 'dosa', name: 'Dosa', price: euros(750) }] },
  'kitchen.acceptTicket': { readyBy: new Date(Date.now() + 3_600_000).toISOString() },
};

describe('OWASP API Top 10', () => {
  let food: Food;
  let api: PublicApi;
  const cleanUps: (() => unknown)[] = [];
  before(async () => {
    food = await startFood({ after: (cleanUp) => void cleanUps.unshift(cleanUp) });
    const clients = roles.map(
      async (role) => [role, (await food.signIn(role, randomUUID())).headers] as const,
    );
    const url = food.system.publicUrl ?? '';
    api = { system: foodToGo, url, bodies, roles: Object.fromEntries(await Promise.all(clients)) };
  });
  after(async () => {
    for (const cleanUp of cleanUps) await cleanUp();
  });

  test('every route lets in exactly the roles that it names', async () => {
    assert.deepEqual(await wrongRoles(api), []);
    assert.ok(routes.length >= 35, `${routes.length} routes`);
  });

  test('nobody reaches what belongs to another one of the same role, by any route that takes an id', async () => {
    const { orderId, ticketId, consumer, restaurant }: Approved = await food.approved();
    const ids = {
      orderId,
      ticketId,
      consumerId: consumer.consumerId,
      restaurantId: restaurant.restaurantId,
    };
    const ownOrder = routes.filter(
      ({ method, path }) => method === 'GET' && /^\/(orders|bills|order-history)\/:orderId$/.test(path),
    );
    assert.equal(ownOrder.length, 3);
    for (const route of ownOrder) {
      await until(
        async () =>
          (await ask(api, route, { headers: consumer.headers, ids })).status === 200 ? true : undefined,
        lineOf(route),
      );
    }
    const strangers = {
      consumer: (await food.consumer()).headers,
      restaurant: (await food.restaurant()).headers,
      courier: (await food.signIn('courier', randomUUID())).headers,
    };
    const { tried, wrong } = await reachedObjects({ ...api, roles: strangers }, ids);
    assert.deepEqual(wrong, []);
    assert.ok(tried >= 20, `${tried} tried`);
    const after = await consumer.send('GET', `/orders/${orderId}`);
    assert.deepEqual(
      [after.json.state, after.json.lineItems[0].quantity],
      ['APPROVED', 5],
      'nothing was changed',
    );
  });

  test('what the contract does not name does not get in, and does not get out', async () => {
    assert.deepEqual(openSchemas(foodToGo), []);

    const extra = { consumerId: 'root', role: 'staff', scopes: ['staff'], verified: true, isAdmin: true };
    const { status, json } = await food.anyone.send('POST', '/consumers', { name: 'Ada', ...extra });
    assert.equal(status, 201);
    assert.deepEqual(Object.keys(json).toSorted(), ['consumerId', 'name', 'registeredAt']);
    assert.notEqual(json.consumerId, 'root');
    const [consumer, restaurant] = [await food.consumer(), await food.restaurant()];
    const placed = await consumer.send('POST', '/orders', {
      restaurantId: restaurant.restaurantId,
      deliveryAddress: home,
      lineItems: [{ menuItemId: 'vindaloo', quantity: 2, price: euros(1) }],
      ...extra,
      orderId: randomUUID(),
      state: 'DELIVERED',
      total: euros(1),
    });
    assert.equal(placed.status, 201, placed.text);
    assert.equal(placed.json.consumerId, consumer.consumerId);
    assert.notEqual(placed.json.state, 'DELIVERED');
    // Two at 12.34: the menu's price, not the client's.
    assert.deepEqual(placed.json.total, euros(2_468));
  });

  test('no route reads a body without end', async () => {
    assert.deepEqual(await unlimitedBodies(api), []);
  });
});
