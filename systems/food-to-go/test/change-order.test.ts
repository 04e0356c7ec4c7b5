import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { broken } from '@banyan/test-support/releases';
import { until } from '@banyan/testing';
import { accounting } from '../accounting/contract.ts';
import { accountingService } from '../accounting/service.ts';
import { kitchenService } from '../kitchen/service.ts';
import { type Approved, euros, everyPart, type Food, startFood } from './fixtures/food.ts';
import { createWitness } from './fixtures/witness.ts';

const soon = () => new Date(Date.now() + 3_600_000).toISOString();
const vindaloos = (quantity: number) => ({ quantities: [{ menuItemId: 'vindaloo', quantity }] });

const apart = [...everyPart, 'witness'].map((part) => [part]);
for (const [where, placement] of [
  ['in one process', undefined],
  ['with every service by itself', apart],
] as const)
  describe(`cancelling and revising, ${where}`, () => {
    let food: Food;
    const witness = createWitness();
    const cleanUps: (() => unknown)[] = [];
    before(async () => {
      food = await startFood(
        { after: (cleanUp) => void cleanUps.unshift(cleanUp) },
        { system: witness.system, ...(placement && { placement }) },
      );
    });
    after(async () => {
      for (const cleanUp of cleanUps) await cleanUp();
    });

    const cancel = ({ consumer, orderId }: Approved) =>
      consumer.send('POST', `/orders/${orderId}/cancel`, {});
    const revise = ({ consumer, orderId }: Approved, request: object) =>
      consumer.send('POST', `/orders/${orderId}/revise`, request);
    const work = ({ restaurant, ticketId }: Approved, what: string, data: object = {}) =>
      restaurant.send('POST', `/tickets/${ticketId}/${what}`, data);
    const authorized = async ({ consumer }: Approved) =>
      (await consumer.send('GET', '/account')).json.authorized;
    const heard = ({ orderId }: Approved, type: string) =>
      until(async () => witness.heardOf(orderId).find((each) => each.type === type), type);
    /** The ticket as soon as nobody holds its lock. */
    const ticketOf = ({ restaurant, orderId }: Approved) =>
      until(async () => {
        const ticket = await restaurant.ticketOf(orderId);
        return /_PENDING$/.test(ticket.state) ? undefined : ticket;
      }, 'unlocked ticket');
    const processesOf = async ({ orderId }: Approved) => {
      const staff = await food.signIn('staff', 'joe');
      return (await staff.send('GET', `/orders/${orderId}/processes`)).json.processes;
    };

    test('a cancelled order is cancelled everywhere, and the money is given back', async () => {
      const order = await food.approved();
      const { status, json } = await cancel(order);
      assert.deepEqual([status, json.state], [202, 'CANCEL_PENDING']);
      await food.until(order.consumer, order.orderId, 'CANCELLED');
      assert.equal((await ticketOf(order)).state, 'CANCELLED');
      assert.deepEqual(await authorized(order), []);
      assert.equal((await heard(order, 'AuthorizationReversed')).data.amount.amount, 0);
      await heard(order, 'TicketCancelled');
      await heard(order, 'OrderCancelled');
      const { history } = await food.system.client(accounting).getAuthorization({ orderId: order.orderId });
      assert.deepEqual(
        history.map(({ amount }) => amount),
        [euros(6_170), euros(0)],
      );
    });

    test('an order whose ticket is being prepared stays approved, and paid', async () => {
      const order = await food.approved();
      assert.equal((await work(order, 'accept', { readyBy: soon() })).json.state, 'ACCEPTED');
      assert.equal((await work(order, 'preparing')).json.state, 'PREPARING');
      assert.equal((await cancel(order)).status, 202);
      await food.until(order.consumer, order.orderId, 'APPROVED');
      assert.equal((await ticketOf(order)).state, 'PREPARING');
      assert.deepEqual(await authorized(order), [euros(6_170)]);
      const [, cancelling] = await processesOf(order);
      assert.deepEqual(
        [cancelling.saga, cancelling.status, cancelling.failure.kind, cancelling.failure.step],
        ['cancelOrder', 'compensated', 'refused', 'beginCancelTicket'],
      );
    });

    test('an accepted ticket can still be cancelled', async () => {
      const order = await food.approved();
      await work(order, 'accept', { readyBy: soon() });
      await cancel(order);
      await food.until(order.consumer, order.orderId, 'CANCELLED');
      assert.equal((await ticketOf(order)).state, 'CANCELLED');
    });

    test('five become ten: 123.40, with the kitchen and the card', async () => {
      const order = await food.approved();
      const { status, json } = await revise(order, vindaloos(10));
      assert.deepEqual([status, json.state, json.total], [202, 'REVISION_PENDING', euros(6_170)]);
      const revised = await food.until(order.consumer, order.orderId, 'APPROVED');
      assert.deepEqual(revised.total, euros(12_340));
      const ticket = await ticketOf(order);
      assert.deepEqual([ticket.state, ticket.lines[0].quantity], ['AWAITING_ACCEPTANCE', 10]);
      assert.deepEqual(await authorized(order), [euros(12_340)]);
      assert.deepEqual((await heard(order, 'OrderRevised')).data.total, euros(12_340));
      assert.deepEqual((await heard(order, 'AuthorizationRevised')).data.amount, euros(12_340));
      assert.deepEqual((await heard(order, 'TicketRevised')).data.lines[0].quantity, 10);
    });

    test('when the card is not good for the revision, ticket and order are as they were', async () => {
      const order = await food.approved();
      await work(order, 'accept', { readyBy: soon() });
      const before = await ticketOf(order);
      const staff = await food.signIn('staff', 'joe');
      await staff.send('PUT', `/accounts/${order.consumer.consumerId}/limit`, { limit: euros(10_000) });
      assert.equal((await revise(order, vindaloos(10))).status, 202);
      const after = await food.until(order.consumer, order.orderId, 'APPROVED');
      assert.deepEqual([after.total, after.lineItems[0].quantity], [euros(6_170), 5]);
      const ticket = await ticketOf(order);
      assert.deepEqual([ticket.state, ticket.readyBy], ['ACCEPTED', before.readyBy]);
      assert.deepEqual(ticket.lines, before.lines);
      assert.deepEqual(await authorized(order), [euros(6_170)]);
      const [, revising] = await processesOf(order);
      assert.deepEqual([revising.status, revising.failure.step], ['compensated', 'reviseAuthorization']);
    });

    test('while an order is being cancelled nobody else can change it, and who tries hears why', async () => {
      const order = await food.approved();
      await assert.rejects(food.reload(broken(kitchenService)));
      assert.equal((await cancel(order)).json.state, 'CANCEL_PENDING');
      for (const { status, json } of [await revise(order, vindaloos(10)), await cancel(order)]) {
        assert.deepEqual(
          [status, json.reason, json.details],
          [409, 'orderStateForbids', { state: 'CANCEL_PENDING' }],
        );
      }
      await food.reload(kitchenService);
      await food.until(order.consumer, order.orderId, 'CANCELLED');
      assert.equal((await cancel(order)).status, 409);
    });

    test('while a ticket is being revised its restaurant cannot accept it', async () => {
      const order = await food.approved();
      await assert.rejects(food.reload(broken(accountingService)));
      assert.equal((await revise(order, vindaloos(6))).status, 202);
      await until(
        async () =>
          (await order.restaurant.ticketOf(order.orderId)).state === 'REVISION_PENDING' ? true : undefined,
        'locked ticket',
      );
      const { status, json } = await work(order, 'accept', { readyBy: soon() });
      assert.deepEqual([status, json.details], [409, { state: 'REVISION_PENDING' }]);
      await food.reload(accountingService);
      await food.until(order.consumer, order.orderId, 'APPROVED');
      assert.equal((await work(order, 'accept', { readyBy: soon() })).json.lines[0].quantity, 6);
    });

    test('a revision is refused below the minimum, and allowed at and above it', async () => {
      const { consumer, restaurant } = await food.approved();
      const lineItems = [{ menuItemId: 'naan', quantity: 4 }];
      const placed = await consumer.send('POST', '/orders', {
        restaurantId: restaurant.restaurantId,
        deliveryAddress: { street: 'A', city: 'B', postalCode: 'C' },
        lineItems,
      });
      const { orderId } = placed.json;
      await food.until(consumer, orderId, 'APPROVED');
      const to = (quantity: number) =>
        consumer.send('POST', `/orders/${orderId}/revise`, {
          quantities: [{ menuItemId: 'naan', quantity }],
        });
      // Four at 3.00 are 12.00, three 9.00; the restaurant asks for 10.00.
      const { status, json } = await to(3);
      assert.deepEqual(
        [status, json.reason, json.details],
        [422, 'minimumNotMet', { minimum: euros(1_000), total: euros(900) }],
      );
      assert.equal((await to(0)).json.reason, 'minimumNotMet');
      assert.equal((await consumer.send('GET', `/orders/${orderId}`)).json.state, 'APPROVED');
      assert.equal((await to(5)).status, 202);
      assert.deepEqual((await food.until(consumer, orderId, 'APPROVED')).total, euros(1_500));
    });

    test('a revision that expects another revision of the order is refused', async () => {
      const order = await food.approved();
      const seen = (await order.consumer.send('GET', `/orders/${order.orderId}`)).json.revision;
      await revise(order, { ...vindaloos(6), expectedRevision: seen });
      const { revision } = await food.until(order.consumer, order.orderId, 'APPROVED');
      const { status, json } = await revise(order, { ...vindaloos(7), expectedRevision: seen });
      assert.deepEqual([status, json.reason, json.details], [409, 'orderChanged', { revision }]);
      assert.equal((await revise(order, { ...vindaloos(7), expectedRevision: revision })).status, 202);
      const last = await food.until(order.consumer, order.orderId, 'APPROVED');
      assert.equal(last.lineItems[0].quantity, 7);
    });

    test('an order and its ticket are only for those whose they are', async () => {
      const order = await food.approved();
      const [stranger, other] = [await food.consumer(), await food.restaurant()];
      const theirs = { ...order, consumer: stranger, restaurant: other };
      for (const { status } of [
        await stranger.send('GET', `/orders/${order.orderId}`),
        await cancel(theirs),
        await revise(theirs, vindaloos(6)),
        await other.send('GET', `/tickets/${order.ticketId}`),
        await work(theirs, 'accept', { readyBy: soon() }),
      ]) {
        assert.equal(status, 404);
      }
      assert.equal((await order.restaurant.send('GET', `/orders/${order.orderId}`)).status, 404);
      const staff = await food.signIn('staff', 'joe');
      assert.equal((await staff.send('GET', `/orders/${order.orderId}`)).status, 200);
    });
  });
