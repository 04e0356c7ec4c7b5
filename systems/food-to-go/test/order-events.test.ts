import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { contract, service } from '@banyan/banyan';
import { createRepository, defineAggregate } from '@banyan/event-store';
import { until } from '@banyan/testing';
import { changeOrder, orderStore } from '../orders/change-order.ts';
import { orders } from '../orders/contract.ts';
import { type OrderEvents, orderEvents } from '../orders/order-events.ts';
import { type Approved, type Food, startFood } from './fixtures/food.ts';
import { inDatabaseOfOrders } from './fixtures/service-database.ts';
import { createWitness } from './fixtures/witness.ts';

describe('the event-sourced order', () => {
  let food: Food;
  const witness = createWitness();
  const cleanUps: (() => unknown)[] = [];
  /** Accepted 23, accepted 42, cancelled 42, delivered 23. */
  let order23: Approved;
  let order42: Approved;
  before(async () => {
    food = await startFood(
      { after: (cleanUp) => void cleanUps.unshift(cleanUp) },
      { system: witness.system },
    );
    order23 = await food.approved();
    order42 = await food.approved(3);
    await order42.consumer.send('POST', `/orders/${order42.orderId}/cancel`, {});
    await food.until(order42.consumer, order42.orderId, 'CANCELLED');
    await deliver(order23.orderId);
  });
  after(async () => {
    for (const cleanUp of cleanUps) await cleanUp();
  });

  /** What the orders do when they hear of a delivery. */
  const deliver = (orderId: string) =>
    inDatabaseOfOrders(food, ({ tx }) => {
      const command = { change: 'deliver', at: new Date().toISOString() } as const;
      return tx((tx) => changeOrder(tx, { orderId, command, by: 'delivery' }));
    });
  const staff = () => food.signIn('staff', 'joe');
  const stateOf = async ({ orderId, consumer }: Approved, query = '') =>
    (await consumer.send('GET', `/orders/${orderId}${query}`)).json.state;
  const changesOf = async ({ orderId }: Approved): Promise<{ change: string; at: string; by: string }[]> =>
    (await (await staff()).send('GET', `/orders/${orderId}/changes`)).json.changes;
  const tableOfOrders = () =>
    inDatabaseOfOrders(food, ({ sql }) => sql`select * from orders order by order_id`);
  /** Everything by which anybody would learn of something. */
  const traces = () =>
    inDatabaseOfOrders(
      food,
      ({ sql }) => sql`
      select (select count(*)::int4 from banyan.outbox) as told, (select count(*)::int4 from banyan.saga) as sagas,
        (select count(*)::int4 from banyan.event) as events`,
    );

  test('one is cancelled, the other delivered; before its last event it was approved, and at first pending', async () => {
    assert.deepEqual([await stateOf(order23), await stateOf(order42)], ['DELIVERED', 'CANCELLED']);
    const [placed, approved, delivered] = await changesOf(order23);
    assert.ok(placed && approved && delivered);
    assert.equal(await stateOf(order23, `?asOf=${approved.at}`), 'APPROVED');
    assert.equal(await stateOf(order23, `?asOf=${placed.at}`), 'APPROVAL_PENDING');
    assert.equal(await stateOf(order23, `?asOf=${delivered.at}`), 'DELIVERED');
    const { status } = await order23.consumer.send(
      'GET',
      `/orders/${order23.orderId}?asOf=2020-01-01T00:00:00Z`,
    );
    assert.equal(status, 404);
  });

  test('what happened, when, and who did it, is known from the events alone', async () => {
    const changes = await changesOf(order42);
    assert.deepEqual(
      changes.map(({ change }) => change),
      ['Placed', 'Approved', 'CancelBegun', 'Cancelled'],
    );
    const { consumerId } = order42.consumer;
    const [placed, approved, begun, cancelled] = changes.map(({ by }) => by);
    assert.deepEqual([placed, begun], [consumerId, consumerId]);
    assert.match(approved ?? '', /^saga [0-9a-f-]{36}$/);
    assert.match(cancelled ?? '', /^saga [0-9a-f-]{36}$/);
    assert.notEqual(approved, cancelled);
    const times = changes.map(({ at }) => at);
    assert.deepEqual(times, times.toSorted());
  });

  test('the table of orders is thrown away and made anew from the events: it is the same, and nobody is told', async () => {
    const before = await tableOfOrders();
    const tracesBefore = await traces();
    assert.equal(before.length, 2);
    await inDatabaseOfOrders(food, ({ sql }) => sql`delete from orders`);
    assert.equal((await order23.consumer.send('GET', `/orders/${order23.orderId}`)).status, 404);
    const { status, json } = await (await staff()).send('POST', '/orders-rebuilds', {});
    assert.deepEqual([status, json], [200, { orders: 2 }]);
    assert.deepEqual(await tableOfOrders(), before);
    assert.deepEqual(await traces(), tracesBefore);
    assert.equal(await stateOf(order23), 'DELIVERED');
  });

  test('a delivery that was noted by mistake is taken back: the order is as before, and both are on record', async () => {
    const order = await food.approved();
    const before = (await order.consumer.send('GET', `/orders/${order.orderId}`)).json;
    await deliver(order.orderId);
    const path = `/orders/${order.orderId}/reversals`;
    const { status, json } = await (await staff()).send('POST', path, { reason: 'wrong door' });
    assert.equal(status, 200);
    assert.deepEqual({ ...json, revision: 0 }, { ...before, revision: 0 });
    assert.deepEqual(
      (await changesOf(order)).map(({ change }) => change),
      ['Placed', 'Approved', 'Delivered', 'DeliveryRetracted'],
    );
    await until(
      async () => witness.heardOf(order.orderId).find(({ type }) => type === 'OrderReinstated'),
      'OrderReinstated',
    );
    // What others have done together with this service is not undone by it alone.
    const again = await (await staff()).send('POST', `/orders/${order42.orderId}/reversals`, { reason: 'x' });
    assert.deepEqual([again.status, again.json.reason], [409, 'notReversible']);
  });

  test('a model that is made later reads the same events, and calls nobody', async () => {
    const dishes = defineAggregate<OrderEvents, Readonly<Record<string, number>>, never>({
      name: 'order',
      events: orderEvents,
      initialState: {},
      decide: () => [],
      evolve: (before, { type, data }) =>
        type === 'Placed' || type === 'Revised'
          ? Object.fromEntries(data.lineItems.map(({ name, quantity }) => [name, quantity]))
          : before,
    });
    const before = await traces();
    const { state } = await inDatabaseOfOrders(food, (context) =>
      createRepository(orderStore(context), dishes).load(order42.orderId),
    );
    assert.deepEqual(state, { 'Chicken Vindaloo': 3 });
    assert.deepEqual(await traces(), before);
  });

  test('others can listen to what is published, and to nothing that is inside', async () => {
    const inside = Object.keys(orderEvents);
    const outside = Object.values(orders.events).map(({ type }) => type);
    assert.deepEqual(
      inside.filter((type) => outside.includes(type)),
      [],
    );
    const listener = contract('listener', { version: '1.0.0', operations: {} });
    for (const name of [...inside, 'cancelBegun']) {
      const on = { [`orders.${name}`]: async () => {} };
      assert.throws(() => service(listener, { uses: { orders }, operations: {}, on } as never), TypeError);
    }
    const told = await inDatabaseOfOrders(
      food,
      ({ sql }) => sql<{ topic: string }>`
      select distinct topic from banyan.outbox`,
    );
    const names = Object.keys(orders.events).map((name) => `orders.${name}`);
    assert.ok(told.length > 0 && told.every(({ topic }) => names.includes(topic)), JSON.stringify(told));
  });

  test('an event is never changed or removed', async () => {
    for (const change of ['update', 'delete'] as const) {
      const refusal = await inDatabaseOfOrders(food, ({ sql }) => {
        const changing =
          change === 'update'
            ? sql`update banyan.event set type = 'Approved'`
            : sql`delete from banyan.event`;
        return changing.then(
          () => 'allowed',
          (error) => String(error.cause?.message ?? error.message),
        );
      });
      assert.match(refusal, /append-only|events are never|permission/i, change);
    }
  });
});
