import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { isBinary, objectFields, toJsonSchema } from '@banyan/contract';
import foodToGo from '../system.ts';
import { type Role, roles } from '../vocabulary/signed-in.ts';
import { type Approved, euros, type Food, home, startFood } from './fixtures/food.ts';
import type { HttpAnswer, HttpClient } from './fixtures/http-client.ts';
import { until } from './fixtures/until.ts';

/** OWASP API Security Top 10 (2023), made from what the system exposes: a new route is tested as soon as it is there. */
const routes = foodToGo.gateway?.routes ?? [];
type Route = (typeof routes)[number];

/** A body that the schema accepts, so that an answer speaks of who asked. A route that needs one and has none fails the test. */
const bodies: Readonly<Record<string, unknown>> = {
  'orders.reviseOrder': { quantities: [{ menuItemId: 'vindaloo', quantity: 6 }] },
  'restaurants.reviseMenu': { menu: [{ menuItemId: 'dosa', name: 'Dosa', price: euros(750) }] },
  'kitchen.acceptTicket': { readyBy: new Date(Date.now() + 3_600_000).toISOString() },
};

function send(client: HttpClient, route: Route, ids: Readonly<Record<string, string>>): Promise<HttpAnswer> {
  const path = route.path.replaceAll(/:([A-Za-z]+)/g, (_, name: string) => ids[name] ?? randomUUID());
  const hasBody = ['POST', 'PUT', 'PATCH'].includes(route.method);
  return client.send(route.method, path, hasBody ? (bodies[nameOf(route)] ?? {}) : undefined);
}

const nameOf = ({ service, operation }: Route) => `${service}.${operation}`;
const lineOf = (route: Route) => `${route.method} ${route.path} (${nameOf(route)})`;
const admits = ({ policy }: Route, role: Role) =>
  policy === 'anyone' || policy === 'user' || policy === `scope:${role}`;

describe('OWASP API Top 10', () => {
  let food: Food;
  let signedIn: ReadonlyMap<Role, HttpClient>;
  const cleanUps: (() => unknown)[] = [];
  before(async () => {
    food = await startFood({ after: (cleanUp) => void cleanUps.unshift(cleanUp) });
    const clients = roles.map(async (role) => [role, await food.signIn(role, randomUUID())] as const);
    signedIn = new Map(await Promise.all(clients));
  });
  after(async () => {
    for (const cleanUp of cleanUps) await cleanUp();
  });

  test('every route lets in exactly the roles that it names', async () => {
    const wrong: string[] = [];
    for (const route of routes) {
      const nobody = await send(food.anyone, route, {});
      const refused = nobody.status === 401;
      if (refused !== (route.policy !== 'anyone'))
        wrong.push(`${lineOf(route)}: ${nobody.status} without a session`);
      for (const [role, client] of signedIn) {
        const { status, json } = await send(client, route, {});
        const isRefused = status === 401 || json?.reason === 'insufficient_scope';
        if (isRefused === admits(route, role)) wrong.push(`${lineOf(route)}: ${status} as ${role}`);
        if (status >= 500) wrong.push(`${lineOf(route)}: ${status} as ${role}`);
      }
    }
    assert.deepEqual(wrong, []);
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
      await until(lineOf(route), async () =>
        (await send(consumer, route, ids)).status === 200 ? true : undefined,
      );
    }
    const strangers: readonly (readonly [Role, HttpClient])[] = [
      ['consumer', await food.consumer()],
      ['restaurant', await food.restaurant()],
      ['courier', await food.signIn('courier', randomUUID())],
    ];
    const wrong: string[] = [];
    let tried = 0;
    for (const route of routes) {
      if (!route.path.includes(':') || route.policy === 'anyone') continue;
      for (const [role, client] of strangers) {
        if (!admits(route, role)) continue;
        tried += 1;
        const { status } = await send(client, route, ids);
        if (status !== 404 && status !== 403) wrong.push(`${lineOf(route)}: ${status} as another ${role}`);
      }
    }
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
    const open: string[] = [];
    const contracts = [...foodToGo.services, ...foodToGo.development].map(({ contract }) => contract);
    for (const route of routes) {
      const operation = contracts.find(({ name }) => name === route.service)?.operations[route.operation];
      if (operation === undefined) continue;
      if (objectFields(toJsonSchema(operation.input, 'output'))?.open === true)
        open.push(`${lineOf(route)}: input`);
      if (isBinary(operation.output)) continue;
      if (objectFields(toJsonSchema(operation.output, 'output'))?.open === true)
        open.push(`${lineOf(route)}: output`);
    }
    assert.deepEqual(open, []);

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

  test('a client cannot say who it is by headers', async () => {
    const headers = {
      'banyan-user': 'staff',
      'banyan-user-id': 'staff',
      'banyan-caller': 'gateway',
      'x-user-id': 'staff',
      'x-forwarded-user': 'staff',
    };
    for (const route of routes.filter(({ policy }) => policy === 'scope:staff')) {
      const path = route.path.replaceAll(/:[A-Za-z]+/g, randomUUID());
      const body = route.method === 'GET' ? undefined : {};
      const { status } = await food.anyone.send(route.method, path, body, headers);
      assert.equal(status, 401, lineOf(route));
    }
  });
});
