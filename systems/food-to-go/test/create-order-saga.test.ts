import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { isServiceError, type Service, ServiceError } from '@banyan/banyan';
import { broken } from '@banyan/test-support/releases';
import { until } from '@banyan/testing';
import { accounting } from '../accounting/contract.ts';
import { accountingService } from '../accounting/service.ts';
import { consumersService } from '../consumers/service.ts';
import { kitchen } from '../kitchen/contract.ts';
import { kitchenService } from '../kitchen/service.ts';
import { euros, expiredCard, type Food, startFood } from './fixtures/food.ts';
import { inDatabaseOfOrders } from './fixtures/service-database.ts';
import { createWitness } from './fixtures/witness.ts';

/** The system, and what it tells of orders, from before the first test to after the last one. */
function setUp(environment: Readonly<Record<string, string>> = {}) {
  const witness = createWitness();
  const cleanUps: (() => unknown)[] = [];
  let started: Food | undefined;
  before(async () => {
    const t = { after: (cleanUp: () => unknown) => void cleanUps.unshift(cleanUp) };
    started = await startFood(t, { system: witness.system, environment });
  });
  after(async () => {
    for (const cleanUp of cleanUps) await cleanUp();
  });
  return {
    get food(): Food {
      assert.ok(started);
      return started;
    },
    typesOf: (orderId: string) => witness.heardOf(orderId).map(({ type }) => type),
  };
}

describe('the saga that approves orders', () => {
  const running = setUp();
  const { typesOf } = running;
  const processesOf = async (orderId: string) => {
    const staff = await running.food.signIn('staff', 'joe');
    return (await staff.send('GET', `/orders/${orderId}/processes`)).json.processes;
  };

  test('an order that is approved takes six steps, each told by whoever took it', async () => {
    const { food } = running;
    const { orderId } = await food.approved();
    await until(async () => (typesOf(orderId).length === 6 ? true : undefined), 'all news');
    assert.deepEqual(typesOf(orderId), [
      ...['OrderCreated', 'ConsumerVerified', 'TicketCreated'],
      ...['CardAuthorized', 'TicketConfirmed', 'OrderApproved'],
    ]);
  });

  test('when the card is declined the ticket is cancelled first, and then the order rejected', async () => {
    const { food } = running;
    const consumer = await food.consumer(expiredCard);
    const { orderId } = (await food.order(consumer, await food.restaurant())).json;
    await food.until(consumer, orderId, 'REJECTED');
    await until(async () => (typesOf(orderId).length === 5 ? true : undefined), 'all news');
    assert.deepEqual(typesOf(orderId), [
      ...['OrderCreated', 'ConsumerVerified', 'TicketCreated', 'TicketCancelled', 'OrderRejected'],
    ]);
    const [{ saga, status, failure }] = await processesOf(orderId);
    assert.deepEqual(
      [saga, status, failure.kind, failure.step],
      ['createOrder', 'compensated', 'refused', 'authorize'],
    );
  });

  test('how far an order is can be asked at any time', async () => {
    const { food } = running;
    const consumer = await food.consumer();
    const restaurant = await food.restaurant();
    await assert.rejects(food.reload(broken(accountingService)));
    const { orderId } = (await food.order(consumer, restaurant)).json;
    const waiting = await until(async () => {
      const [found] = await processesOf(orderId);
      return typesOf(orderId).includes('TicketCreated') ? found : undefined;
    }, 'saga that waits for the card');
    assert.deepEqual([waiting.saga, waiting.status], ['createOrder', 'running']);
    assert.ok(waiting.progress > 0 && waiting.progress < 1, String(waiting.progress));
    await food.reload(accountingService);
    await food.until(consumer, orderId, 'APPROVED');
    const [done] = await processesOf(orderId);
    assert.deepEqual([done.sagaId, done.status, done.progress], [waiting.sagaId, 'completed', 1]);
  });

  test('a command that comes again, or a reply that is asked for again, changes nothing', async () => {
    const { food } = running;
    const { consumerId } = await food.consumer();
    const { restaurantId } = await food.restaurant();
    const orderId = randomUUID();
    const asSaga = (step: string) => ({ service: 'orders', idempotencyKey: `saga/${orderId}/0/${step}` });
    const ticket = { orderId, restaurantId, menuRevision: 1, lines: [{ menuItemId: 'naan', quantity: 1 }] };
    await until(
      () =>
        food.system
          .client(kitchen)
          .getRestaurantCopy({ restaurantId })
          .catch(() => undefined),
      'menu in the kitchen',
    );
    const tickets = await Promise.all(
      Array.from({ length: 5 }, () =>
        food.system.client(kitchen, asSaga('createTicket')).createTicket(ticket),
      ),
    );
    assert.equal(new Set(tickets.map(({ ticketId }) => ticketId)).size, 1);
    const amounts = { orderId, consumerId, amount: euros(300) };
    for (const step of ['authorize', 'authorize', 'another']) {
      await food.system.client(accounting, asSaga(step)).authorize(amounts);
    }
    const { history } = await food.system.client(accounting).getAuthorization({ orderId });
    assert.equal(history.length, 1);
    for (let count = 0; count < 3; count += 1) {
      const confirmed = await food.system.client(kitchen, asSaga('confirmTicket')).confirmCreate({ orderId });
      assert.deepEqual([confirmed.state, confirmed.revision], ['AWAITING_ACCEPTANCE', 2]);
    }
    // Another command that does not fit is refused.
    const late = food.system.client(kitchen, asSaga('late')).confirmCreate({ orderId });
    await assert.rejects(late, (error) => isServiceError(error) && error.reason === 'ticketStateForbids');
    await until(async () => (typesOf(orderId).length === 3 ? true : undefined), 'all news');
    assert.deepEqual(typesOf(orderId), ['TicketCreated', 'CardAuthorized', 'TicketConfirmed']);
  });

  test('order, its event, what others are told and the start of the saga are one transaction', async () => {
    const { food } = running;
    const consumer = await food.consumer();
    const restaurant = await food.restaurant();
    await assert.rejects(food.reload(broken(consumersService)));
    const { orderId } = (await food.order(consumer, restaurant)).json;
    const rows = await inDatabaseOfOrders(
      food,
      ({ sql }) => sql<{ what: string; transaction: string }>`
      select 'order' as what, xmin::text as transaction from orders where order_id = ${orderId}
      union all select 'event', xmin::text from banyan.event where stream = ${`order-${orderId}`}
      union all select 'told', xmin::text from banyan.outbox where key = ${`orders/${orderId}`}
      union all select 'saga', xmin::text from order_processes where order_id = ${orderId}`,
    );
    assert.deepEqual(rows.map(({ what }) => what).toSorted(), ['event', 'order', 'saga', 'told']);
    assert.equal(new Set(rows.map(({ transaction }) => transaction)).size, 1);
    await food.reload(consumersService);
    await food.until(consumer, orderId, 'APPROVED', 'REJECTED');
  });
});

describe('orders that cannot be approved in time', () => {
  const running = setUp({ ORDERS_DEADLINE_SECONDS: '3' });
  const { typesOf } = running;

  for (const [deaf, told] of [
    [consumersService, ['OrderCreated', 'OrderRejected']],
    [kitchenService, ['OrderCreated', 'ConsumerVerified', 'OrderRejected']],
    [
      accountingService,
      ['OrderCreated', 'ConsumerVerified', 'TicketCreated', 'TicketCancelled', 'OrderRejected'],
    ],
  ] as const) {
    test(`when ${deaf.name} does not answer for longer than an order may wait, the order is undone and rejected`, async () => {
      const { food } = running;
      const consumer = await food.consumer();
      const restaurant = await food.restaurant();
      await food.reload(unanswering(deaf));
      const { orderId } = (await food.order(consumer, restaurant)).json;
      const order = await food.until(consumer, orderId, 'REJECTED');
      assert.equal(order.rejection, 'deadline');
      await food.reload(deaf);
      await until(async () => (typesOf(orderId).length >= told.length ? true : undefined), 'all news');
      assert.deepEqual(typesOf(orderId), told);
      assert.deepEqual((await consumer.send('GET', '/account')).json.authorized, []);
      // Nothing comes late: the next order is a step behind it, and the only one.
      const next = (await food.order(consumer, restaurant)).json.orderId;
      await food.until(consumer, next, 'APPROVED');
      assert.deepEqual((await consumer.send('GET', '/account')).json.authorized, [euros(6_170)]);
      assert.deepEqual(typesOf(orderId), told);
    });
  }
});

/** A version of `service` whose operations answer that they cannot now. */
function unanswering(service: Service): Service {
  const operations = Object.keys(service.operations).map((name) => [
    name,
    async () => {
      throw new ServiceError('not now', { code: 'unavailable', reason: 'test' });
    },
  ]);
  return { ...service, operations: Object.fromEntries(operations) };
}
