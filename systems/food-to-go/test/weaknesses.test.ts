import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Service } from '@banyan/banyan';
import { broken } from '@banyan/test-support/releases';
import { until } from '@banyan/testing';
import { accountingService } from '../accounting/service.ts';
import { kitchenService } from '../kitchen/service.ts';
import { euros, everyPart, expiredCard, type Food, home, startFood } from './fixtures/food.ts';
import { inDatabaseOfOrders } from './fixtures/service-database.ts';
import { createWitness } from './fixtures/witness.ts';

// What the source of this system lacks, by the numbers of the catalogue; W20 is in delivery.test.ts and ticket-and-delivery.test.ts, W21 in order-history.test.ts.

const inAnHour = () => new Date(Date.now() + 3_600_000).toISOString();

describe('in a running system', () => {
  let food: Food;
  const witness = createWitness();
  const cleanUps: (() => unknown)[] = [];
  before(async () => {
    food = await startFood(
      { after: (cleanUp) => void cleanUps.unshift(cleanUp) },
      { system: witness.system },
    );
  });
  after(async () => {
    for (const cleanUp of cleanUps) await cleanUp();
  });

  const heard = (orderId: string, type: string) =>
    until(async () => witness.heardOf(orderId).find((each) => each.type === type), type);
  const processesOf = async (orderId: string) => {
    const staff = await food.signIn('staff', 'joe');
    return (await staff.send('GET', `/orders/${orderId}/processes`)).json.processes;
  };

  test('W16 a failure path that cannot run: a card that has expired is declined, the ticket cancelled, the order rejected; money that goes back is told of', async () => {
    const poor = await food.consumer(expiredCard);
    const restaurant = await food.restaurant();
    const { orderId } = (await food.order(poor, restaurant)).json;
    const { rejection } = await food.until(poor, orderId, 'REJECTED');
    assert.equal(rejection, 'cardDeclined: cardExpired');
    assert.equal((await restaurant.ticketOf(orderId)).state, 'CANCELLED');
    await heard(orderId, 'OrderRejected');

    const rich = await food.approved();
    const to = (quantity: number) => ({ quantities: [{ menuItemId: 'vindaloo', quantity }] });
    await rich.consumer.send('POST', `/orders/${rich.orderId}/revise`, to(2));
    await food.until(rich.consumer, rich.orderId, 'APPROVED');
    assert.deepEqual((await heard(rich.orderId, 'AuthorizationRevised')).data.amount, euros(2_468));
    await rich.consumer.send('POST', `/orders/${rich.orderId}/cancel`, {});
    await food.until(rich.consumer, rich.orderId, 'CANCELLED');
    assert.deepEqual((await heard(rich.orderId, 'AuthorizationReversed')).data.amount, euros(0));
  });

  test('W17 a ticket that can be accepted again: of ten at one time one is accepted, and told of once', async () => {
    const { restaurant, ticketId, orderId } = await food.approved();
    const path = `/tickets/${ticketId}/accept`;
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => restaurant.send('POST', path, { readyBy: inAnHour() })),
    );
    const refused = answers.filter(({ status }) => status === 409);
    assert.equal(refused.length, 9);
    assert.deepEqual(refused[0]?.json.details, { state: 'ACCEPTED' });
    const { state } = (await restaurant.send('GET', `/tickets/${ticketId}`)).json;
    assert.equal(state, 'ACCEPTED');
    await restaurant.send('POST', `/tickets/${ticketId}/preparing`, {});
    await heard(orderId, 'TicketPreparationStarted');
    const accepted = witness.heardOf(orderId).filter(({ type }) => type === 'TicketAccepted');
    assert.equal(accepted.length, 1);
  });

  test('W18 a revision that is checked the wrong way round: the minimum is the restaurant’s, what is not named stays, the version counts, and the saga knows the restaurant', async () => {
    const consumer = await food.consumer();
    const restaurant = await food.restaurant({ minimumOrder: euros(2_000) });
    const placed = await consumer.send('POST', '/orders', {
      restaurantId: restaurant.restaurantId,
      deliveryAddress: home,
      lineItems: [
        { menuItemId: 'vindaloo', quantity: 2 },
        { menuItemId: 'naan', quantity: 1 },
      ],
    });
    const { orderId } = placed.json;
    const { revision } = await food.until(consumer, orderId, 'APPROVED');
    const revise = (vindaloos: number, expectedRevision: number) =>
      consumer.send('POST', `/orders/${orderId}/revise`, {
        expectedRevision,
        quantities: [{ menuItemId: 'vindaloo', quantity: vindaloos }],
      });
    // 12.34 + 3.00 is less than 20.00, 3 × 12.34 + 3.00 is not.
    assert.equal((await revise(1, revision)).json.reason, 'minimumNotMet');
    assert.equal((await revise(3, revision - 1)).json.reason, 'orderChanged');
    assert.equal((await revise(3, revision)).status, 202);
    const revised = await food.until(consumer, orderId, 'APPROVED');
    assert.deepEqual(revised.total, euros(4_002));
    assert.deepEqual(
      revised.lineItems.map(({ menuItemId, quantity }: { menuItemId: string; quantity: number }) => [
        menuItemId,
        quantity,
      ]),
      [
        ['vindaloo', 3],
        ['naan', 1],
      ],
    );
    const [saga] = await inDatabaseOfOrders(
      food,
      ({ sql }) => sql<{ restaurantId: string }>`
      select input ->> 'restaurantId' as restaurant_id from banyan.saga
      where name = 'createOrder' and input ->> 'orderId' = ${orderId}`,
    );
    assert.equal(saga?.restaurantId, restaurant.restaurantId);
  });

  test('W19 a saga that is stuck after an exception: what nobody foresaw is an answer too, and everything is undone', async () => {
    const consumer = await food.consumer();
    const restaurant = await food.restaurant();
    await food.reload(throwing(accountingService, 'authorize'));
    const { orderId } = (await food.order(consumer, restaurant)).json;
    const { rejection } = await food.until(consumer, orderId, 'REJECTED');
    assert.equal(rejection, 'unexpected_error');
    assert.equal((await restaurant.ticketOf(orderId)).state, 'CANCELLED');
    const [{ status, failure }] = await processesOf(orderId);
    assert.deepEqual([status, failure.kind, failure.step], ['compensated', 'fault', 'authorize']);
    await food.reload(accountingService);
  });

  test('W19 a compensation that fails is tried until it works, and the saga is not given up before', async () => {
    const consumer = await food.consumer(expiredCard);
    const restaurant = await food.restaurant();
    let failures = 0;
    const operations: Service['operations'] = {
      ...kitchenService.operations,
      cancelCreate: async (input, context) => {
        failures += 1;
        if (failures <= 3) throw new Error('The printer is out of paper.');
        const handle = kitchenService.operations['cancelCreate'];
        assert.ok(handle);
        return handle(input, context);
      },
    };
    await food.reload({ ...kitchenService, operations });
    const { orderId } = (await food.order(consumer, restaurant)).json;
    await food.until(consumer, orderId, 'REJECTED');
    assert.equal(failures, 4);
    assert.equal((await restaurant.ticketOf(orderId)).state, 'CANCELLED');
    assert.equal((await processesOf(orderId))[0].status, 'compensated');
    await food.reload(kitchenService);
  });

  test('W19 a state of 1,000 characters: an order of a hundred lines goes through', async () => {
    const menu = Array.from({ length: 100 }, (_, index) => ({
      menuItemId: `a-dish-with-quite-a-long-name-${index}`,
      name: `Dish ${index}`,
      price: euros(100),
    }));
    const consumer = await food.consumer();
    const { restaurantId, ticketOf } = await food.restaurant({ menu });
    const lineItems = menu.map(({ menuItemId }) => ({ menuItemId, quantity: 1 }));
    const { json } = await consumer.send('POST', '/orders', {
      ...{ restaurantId, deliveryAddress: home, lineItems },
    });
    const { total } = await food.until(consumer, json.orderId, 'APPROVED');
    assert.deepEqual(total, euros(10_000));
    assert.equal((await ticketOf(json.orderId)).lines.length, 100);
  });

  test('W23 live is not ready: while a service is away the system lives, and says what it lacks', async () => {
    const statuses = async () => [
      (await food.anyone.send('GET', '/health/live')).status,
      (await food.anyone.send('GET', '/health/ready')).status,
    ];
    assert.deepEqual(await statuses(), [200, 200]);
    await assert.rejects(food.reload(broken(kitchenService)));
    await until(async () => ((await statuses())[1] === 503 ? true : undefined), 'readiness that fails');
    assert.deepEqual(await statuses(), [200, 503]);
    await food.reload(kitchenService);
    await until(async () => ((await statuses())[1] === 200 ? true : undefined), 'readiness');
  });

  test('W23 services that share a database: each has its own, and no way into the others', async () => {
    const [own, rights] = await inDatabaseOfOrders(food, async ({ sql }) => {
      const [here] = await sql<{ name: string }>`select current_database() as name`;
      const prefix = here?.name.replace(/orders$/, '') ?? '';
      const all = await sql<{ name: string; mine: boolean }>`
        select datname as name, has_database_privilege(datname, 'connect') as mine
        from pg_database where starts_with(datname, ${prefix}) order by datname`;
      return [here?.name, all.map(({ name, mine }) => [name.slice(prefix.length), mine])] as const;
    });
    assert.match(own ?? '', /orders$/);
    const names = rights.map(([name]) => name);
    for (const name of ['accounting', 'consumers', 'delivery', 'kitchen', 'orders', 'restaurants']) {
      assert.ok(names.includes(name), `${name} of ${names}`);
    }
    assert.deepEqual(
      rights.filter(([, mine]) => mine),
      [['orders', true]],
    );
    const seen = await inDatabaseOfOrders(
      food,
      ({ sql }) => sql`
      select to_regclass('tickets') as tickets, to_regclass('orders')::text as orders`,
    );
    assert.deepEqual(seen, [{ tickets: null, orders: 'orders' }]);
  });
});

test('W23 sixteen containers and 16 GB: seven services, the gateway and this test are one process of less than 400 MB', async (t) => {
  const food = await startFood(t, { harsh: false });
  assert.equal(food.system.hosts.length, 1);
  const parts = await food.system.hosts[0]?.health();
  assert.deepEqual(
    new Set(parts?.map(({ part }) => part)),
    new Set(everyPart.filter((part) => part !== 'gateway')),
  );
  const consumer = await food.consumer();
  const restaurant = await food.restaurant();
  for (let count = 0; count < 40; count += 1) {
    const { orderId } = (await food.order(consumer, restaurant, 1)).json;
    await food.until(consumer, orderId, 'APPROVED');
  }
  const megabytes = process.memoryUsage().rss / 2 ** 20;
  t.diagnostic(`${megabytes.toFixed(0)} MB`);
  assert.ok(megabytes < 400, `${megabytes} MB`);
});

/** A version of `service` with one operation that fails in a way that nobody foresaw. */
function throwing(service: Service, operation: string): Service {
  const fail = async () => {
    throw new TypeError('Something that nobody foresaw.');
  };
  return { ...service, operations: { ...service.operations, [operation]: fail } };
}
