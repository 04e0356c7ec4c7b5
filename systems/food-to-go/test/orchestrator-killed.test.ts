import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { createRandom, seed } from '@banyan/test-support/random';
import { until } from '@banyan/testing';
import { accounting } from '../accounting/contract.ts';
import { accountingService } from '../accounting/service.ts';
import { consumersService } from '../consumers/service.ts';
import { kitchenService } from '../kitchen/service.ts';
import {
  type Consumer,
  euros,
  everyPart,
  expiredCard,
  type Food,
  goodCard,
  startFood,
} from './fixtures/food.ts';
import { createHolds, type Hold } from './fixtures/holds.ts';

/** All but the orders here; the orders, and so the orchestrator, in a process that can be killed. */
const withoutOrders = [everyPart.filter((part) => part !== 'orders')];

test('an orchestrator that is killed between any two steps goes on where it was, and no step happens twice', async (t) => {
  const food = await startFood(t, { placement: withoutOrders, processes: true });
  const orchestrator = await food.system.addProcess(['orders']);
  const restaurant = await food.restaurant();
  const holds = createHolds();
  for (const participant of [consumersService, kitchenService, accountingService]) {
    await food.reload(holds.around(participant));
  }

  const points = ['verifyConsumer', 'createTicket', 'authorize', 'confirmCreate', 'cancelCreate'];
  const placed: { readonly orderId: string; readonly consumer: Consumer; readonly hold: Hold }[] = [];
  for (const operation of points) {
    for (const fate of ['takes effect', 'fails'] as const) {
      const consumer = await food.consumer(operation === 'cancelCreate' ? expiredCard : goodCard);
      const { orderId } = (await food.order(consumer, restaurant)).json;
      holds.plan(orderId, { operation, fate });
      placed.push({ orderId, consumer, hold: { operation, fate } });
    }
  }
  await until(async () => (holds.held === placed.length ? true : undefined), 'order at each point');
  await orchestrator.kill();
  holds.release();
  await food.system.addProcess(['orders']);

  for (const { orderId, consumer, hold } of placed) {
    const where = `${hold.operation}, which ${hold.fate}`;
    const isRejected = hold.operation === 'cancelCreate';
    await food.until(consumer, orderId, isRejected ? 'REJECTED' : 'APPROVED');
    assert.deepEqual(await changesOf(food, orderId), ['Placed', isRejected ? 'Rejected' : 'Approved'], where);
    // Made, and then confirmed or cancelled, once each.
    const ticket = await restaurant.ticketOf(orderId);
    assert.deepEqual(
      [ticket.state, ticket.revision],
      [isRejected ? 'CANCELLED' : 'AWAITING_ACCEPTANCE', 2],
      where,
    );
    const paid = isRejected ? [] : [euros(6_170)];
    assert.deepEqual((await consumer.send('GET', '/account')).json.authorized, paid, where);
    if (isRejected) continue;
    const { history } = await food.system.client(accounting).getAuthorization({ orderId });
    assert.equal(history.length, 1, where);
  }
});

test('an orchestrator that is killed at random moments, again and again, loses no order and no money', async (t) => {
  t.diagnostic(`seed ${seed}; repeat with BANYAN_SEED=${seed}`);
  const random = createRandom(seed);
  const food = await startFood(t, { placement: withoutOrders, processes: true });
  let orchestrator = await food.system.addProcess(['orders']);
  const restaurant = await food.restaurant();
  const consumers = await Promise.all(
    [goodCard, goodCard, goodCard, expiredCard].map((card) => food.consumer(card)),
  );
  let isOpen = true;
  const ordering = consumers.map(async (consumer) => {
    // Whether an order is on record when there was no answer, the history tells.
    while (isOpen) {
      await food.order(consumer, restaurant, 1 + Math.floor(random() * 3)).catch(() => undefined);
      await pause(50 + random() * 100);
    }
  });
  for (let kill = 0; kill < 4; kill += 1) {
    await pause(300 + random() * 700);
    await orchestrator.kill();
    orchestrator = await food.system.addProcess(['orders']);
  }
  isOpen = false;
  await Promise.all(ordering);

  let count = 0;
  for (const consumer of consumers) {
    const orders = await until(async () => {
      const { json } = await consumer.send('GET', '/orders?limit=100');
      const all: { status: string; total: { amount: number } }[] = json.orders;
      return all.some(({ status }) => status === 'APPROVAL_PENDING') ? undefined : all;
    }, 'end of all orders');
    count += orders.length;
    assert.ok(orders.every(({ status }) => ['APPROVED', 'REJECTED'].includes(status)));
    const sum = orders
      .filter(({ status }) => status === 'APPROVED')
      .reduce((total, each) => total + each.total.amount, 0);
    const { authorized } = (await consumer.send('GET', '/account')).json;
    assert.deepEqual(authorized, sum === 0 ? [] : [euros(sum)]);
  }
  t.diagnostic(`${count} orders`);
  assert.ok(count > 0);
});

async function changesOf(food: Food, orderId: string): Promise<string[]> {
  const staff = await food.signIn('staff', 'joe');
  const { changes } = (await staff.send('GET', `/orders/${orderId}/changes`)).json;
  return changes.map(({ change }: { change: string }) => change);
}
