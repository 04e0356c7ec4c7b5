import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { createRandom, pick, seed } from '@banyan/test-support/random';
import { broken } from '@banyan/test-support/releases';
import { until } from '@banyan/testing';
import { accountingService } from '../accounting/service.ts';
import { kitchenService } from '../kitchen/service.ts';
import { ordersService } from '../orders/service.ts';
import foodToGo from '../system.ts';
import { describeCreateOrder } from './fixtures/create-order-suite.ts';
import { type Consumer, euros, everyPart, expiredCard, type Food, startFood } from './fixtures/food.ts';
import { createWitness } from './fixtures/witness.ts';

describeCreateOrder('orders by choreography, in one process', 'choreography');
describeCreateOrder(
  'orders by choreography, with every service by itself',
  'choreography',
  everyPart.map((part) => [part]),
);

const environment = { ORDERS_CREATE_ORDER: 'choreography' };

test('what is told of choreographed orders, in order: approved, declined, and of nobody', async (t) => {
  const witness = createWitness();
  const food = await startFood(t, { system: witness.system, environment });
  const restaurant = await food.restaurant();
  const logOf = async (orderId: string, count: number) =>
    until(async () => {
      const types = witness.heardOf(orderId).map(({ type }) => type);
      return types.length >= count ? types : undefined;
    }, `${count} events`);

  const ada = await food.consumer();
  const approved = (await food.order(ada, restaurant)).json.orderId;
  assert.deepEqual(await logOf(approved, 6), [
    'OrderCreated',
    'ConsumerVerified',
    'TicketCreated',
    'CardAuthorized',
    'TicketConfirmed',
    'OrderApproved',
  ]);

  const declined = (await food.order(await food.consumer(expiredCard), restaurant)).json.orderId;
  const failure = await logOf(declined, 6);
  assert.deepEqual(failure.slice(0, 4), ['OrderCreated', 'ConsumerVerified', 'TicketCreated', 'CardRefused']);
  // Both follow from the refusal, side by side.
  assert.deepEqual(failure.slice(4).toSorted(), ['OrderRejected', 'TicketCancelled']);

  const nobody = await food.signIn('consumer', '00000000-0000-4000-8000-000000000000');
  const refused = (await food.order(nobody, restaurant)).json.orderId;
  assert.deepEqual(await logOf(refused, 3), ['OrderCreated', 'ConsumerRefused', 'OrderRejected']);

  // Somebody listened to all of this, and nobody was changed for it.
  for (const each of foodToGo.services) assert.ok(witness.system.services.includes(each), each.name);
  assert.equal(await sagaRows(food), 0);
});

test('while the kitchen is away for longer than an order may take it is rejected, and stays so when the kitchen is back', async (t) => {
  const witness = createWitness();
  const food = await startFood(t, {
    system: witness.system,
    environment: { ...environment, ORDERS_DEADLINE_SECONDS: '1' },
  });
  const [consumer, restaurant] = [await food.consumer(), await food.restaurant()];
  const [host] = food.system.hosts;
  await assert.rejects(host?.reload(broken(kitchenService)) ?? Promise.resolve());
  const { orderId } = (await food.order(consumer, restaurant)).json;
  assert.equal((await food.until(consumer, orderId, 'REJECTED')).rejection, 'deadline');
  await host?.reload(kitchenService);

  // An order after it goes all the way through the kitchen, so what came before has been heard there. On a busy machine one may take longer than its second.
  for (let isThrough = false; !isThrough; ) {
    const next = (await food.order(consumer, restaurant, 1)).json.orderId;
    isThrough = (await food.until(consumer, next, 'APPROVED', 'REJECTED')).state === 'APPROVED';
  }
  const types = witness.heardOf(orderId).map(({ type }) => type);
  const count = (wanted: string) => types.filter((type) => type === wanted).length;
  assert.equal(count('TicketCreated'), count('TicketCancelled'));
  assert.equal(count('CardAuthorized'), 0);
  assert.deepEqual((await consumer.send('GET', '/account')).json.authorized, [euros(1_234)]);
});

test('while accounting is away nobody decides, and when it is back everybody agrees, whether the time was over or not', async (t) => {
  const food = await startFood(t, { environment: { ...environment, ORDERS_DEADLINE_SECONDS: '1' } });
  const [consumer, restaurant] = [await food.consumer(), await food.restaurant()];
  const [host] = food.system.hosts;
  await assert.rejects(host?.reload(broken(accountingService)) ?? Promise.resolve());
  const placed = await Promise.all([1, 2, 3, 4].map(() => food.order(consumer, restaurant, 1)));
  // Past the second that they have.
  await pause(2_000);
  for (const { json } of placed) {
    const { state } = (await consumer.send('GET', `/orders/${json.orderId}`)).json;
    assert.equal(state, 'APPROVAL_PENDING');
  }
  await host?.reload(accountingService);
  const ended = await Promise.all(
    placed.map(({ json }) => food.until(consumer, json.orderId, 'APPROVED', 'REJECTED')),
  );
  for (const order of ended) await agreed(food, { order, consumer, restaurant });
});

test('participants that are killed again and again end every choreographed order everywhere or nowhere', async (t) => {
  t.diagnostic(`seed ${seed}; repeat with BANYAN_SEED=${seed}`);
  const random = createRandom(seed);
  const participants = ['orders', 'consumers', 'kitchen', 'accounting'];
  const others = everyPart.filter((part) => !participants.includes(part));
  const food = await startFood(t, { placement: [others], processes: true, environment, harsh: false });
  const places = new Map<string, Awaited<ReturnType<Food['system']['addProcess']>>>();
  for (const part of participants) places.set(part, await food.system.addProcess([part]));
  const restaurant = await food.restaurant();
  const people = [await food.consumer(), await food.consumer(), await food.consumer(expiredCard)];
  const placed: { readonly orderId: string; readonly consumer: Consumer }[] = [];
  const shopping = (async () => {
    while (placed.length < 40) {
      const consumer = pick(people, random);
      const { status, json } = await food.order(consumer, restaurant, 1);
      // Without an answer there is no id to look for; the limits of an account tell all the same.
      if (status === 201) placed.push({ orderId: json.orderId, consumer });
    }
  })();
  for (let kill = 0; kill < 6; kill += 1) {
    await pause(random() * 300);
    const part = pick(participants, random);
    await places.get(part)?.kill();
    places.set(part, await food.system.addProcess([part]));
  }
  await shopping;
  for (const { orderId, consumer } of placed) {
    const order = await food.until(consumer, orderId, 'APPROVED', 'REJECTED');
    const isGood = consumer !== people[2];
    assert.ok(order.state === 'REJECTED' || isGood);
    await agreed(food, { order, consumer, restaurant });
  }
  assert.ok(placed.some(({ consumer }) => consumer !== people[2]));
});

interface Ended {
  // biome-ignore lint/suspicious/noExplicitAny: tests look into whatever the system answers.
  readonly order: any;
  readonly consumer: Consumer;
  readonly restaurant: Awaited<ReturnType<Food['restaurant']>>;
}

/** An approved order has a ticket and an authorization; a rejected one has neither. */
async function agreed(food: Food, { order: { orderId, state }, restaurant }: Ended): Promise<void> {
  const isApproved = state === 'APPROVED';
  await until(async () => {
    const { tickets } = (await restaurant.send('GET', '/tickets?limit=100')).json;
    const ticket = tickets.find((each: { orderId: string }) => each.orderId === orderId);
    const authorization = await food.system
      .client(accountingService.contract)
      ['getAuthorization']?.({ orderId })
      .catch(() => undefined);
    const hasTicket = ticket !== undefined && ticket.state !== 'CANCELLED';
    return hasTicket === isApproved && (authorization !== undefined) === isApproved ? true : undefined;
  }, `agreement on ${orderId}, which is ${state}`);
}

/** Counted by a release of the orders that does so in place of a rebuild, for a moment. */
async function sagaRows(food: Food): Promise<number> {
  let rows = -1;
  const [host] = food.system.hosts;
  const rebuild: (typeof ordersService.operations)[string] = async (_input, { sql }) => {
    const [found] = await sql<{ count: number }>`select count(*)::int4 as count from banyan.saga`;
    rows = found?.count ?? -1;
    return { orders: 0 };
  };
  await host?.reload({ ...ordersService, operations: { ...ordersService.operations, rebuild } });
  const staff = await food.signIn('staff', 'joe');
  await staff.send('POST', '/orders-rebuilds', {});
  await host?.reload(ordersService);
  return rows;
}
