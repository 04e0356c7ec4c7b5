import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, test } from 'node:test';
import { until } from '@banyan/testing';
import type { Delivery } from '../delivery/contract.ts';
import { type Listeners, startListeners, tellAll } from './fixtures/listeners.ts';
import { type AcceptedOrder, acceptedOrder, at, inHours } from './fixtures/news.ts';
import { recordingLogger } from './fixtures/recording-logger.ts';

/** The delivery of an order, as staff see it, once it is as `wanted`. */
function settled(
  { delivery }: Listeners,
  { orderId }: Pick<AcceptedOrder, 'orderId'>,
  wanted: (delivery: Delivery) => boolean,
): Promise<Delivery> {
  return until(async () => {
    const found = await delivery('staff', 'staff')
      .getDelivery({ orderId })
      .catch(() => undefined);
    return found !== undefined && wanted(found) ? found : undefined;
  }, `such delivery of ${orderId}`);
}

const isScheduled = ({ state }: Delivery) => state === 'SCHEDULED';

async function courier({ delivery }: Listeners, available = true) {
  const courierId = randomUUID();
  await delivery(courierId).setAvailability({ available });
  return { courierId, ...delivery(courierId) };
}

describe('delivery', () => {
  test('an accepted ticket is given to a courier: pick-up when it is ready, drop-off 30 minutes later', async (t) => {
    const listeners = await startListeners(t);
    const { courierId, getPlan } = await courier(listeners);
    const order = acceptedOrder({ readyBy: '2126-05-04T18:00:00Z' });
    await tellAll(listeners, order);
    const { revision, ...scheduled } = await settled(listeners, order, isScheduled);
    assert.equal(revision, 2);
    const [pickUpAt, dropOffAt] = ['2126-05-04T18:00:00Z', '2126-05-04T18:30:00Z'];
    const [pickUpAddress, deliveryAddress] = [order.restaurant.address, order.created.deliveryAddress];
    assert.deepEqual(scheduled, {
      ...{
        orderId: order.orderId,
        state: 'SCHEDULED',
        waitsFor: [],
        courierId,
        pickUpAddress,
        deliveryAddress,
      },
      ...{ readyBy: pickUpAt, isReady: false, pickUpAt, dropOffAt },
    });
    assert.deepEqual(await getPlan({}), {
      courierId,
      available: true,
      plan: [
        { orderId: order.orderId, action: 'PICK_UP', address: pickUpAddress, at: pickUpAt },
        { orderId: order.orderId, action: 'DROP_OFF', address: deliveryAddress, at: dropOffAt },
      ],
    });
  });

  test('an acceptance that is told twice plans nothing twice', async (t) => {
    const listeners = await startListeners(t);
    const { getPlan } = await courier(listeners);
    const order = acceptedOrder();
    await tellAll(listeners, order);
    const first = await settled(listeners, order, isScheduled);
    // An event of its own to the platform, which drops repetitions of one by itself.
    await listeners.tell('kitchen', 'ticketAccepted', { ...order.accepted, readyBy: inHours(5) });
    const next = acceptedOrder();
    await tellAll(listeners, next);
    await settled(listeners, next, isScheduled);
    assert.deepEqual(await settled(listeners, order, isScheduled), first);
    assert.equal((await getPlan({})).plan.length, 4);
  });

  test('news in any order end in the same plan: TicketAccepted before OrderCreated and RestaurantCreated', async (t) => {
    const listeners = await startListeners(t);
    await courier(listeners);
    const order = acceptedOrder();
    await listeners.tell('kitchen', 'ticketAccepted', order.accepted);
    const pending = await settled(listeners, order, () => true);
    assert.deepEqual([pending.state, pending.waitsFor], ['PENDING', ['order', 'restaurant']]);
    await listeners.tell('orders', 'created', order.created);
    await settled(listeners, order, ({ waitsFor }) => waitsFor.join() === 'restaurant');
    await listeners.tell('restaurants', 'created', order.restaurant);
    const scheduled = await settled(listeners, order, isScheduled);
    assert.deepEqual(scheduled.pickUpAddress, order.restaurant.address);
    assert.deepEqual(scheduled.deliveryAddress, order.created.deliveryAddress);
  });

  test('W20 without a courier a delivery waits, and no event fails; the first courier who comes gets it', async (t) => {
    const troubles: string[] = [];
    const logger = recordingLogger((level, message) => {
      if (level === 'warn' || level === 'error') troubles.push(message);
    });
    const listeners = await startListeners(t, { logger });
    const away = await courier(listeners, false);
    const [one, two] = [acceptedOrder({ readyBy: inHours(2) }), acceptedOrder({ readyBy: inHours(1) })];
    await tellAll(listeners, one);
    await tellAll(listeners, two);
    for (const order of [one, two]) {
      const waiting = await settled(listeners, order, ({ waitsFor }) => waitsFor.join() === 'courier');
      assert.equal(waiting.state, 'PENDING');
    }
    const { courierId, getPlan } = await courier(listeners);
    for (const order of [one, two]) {
      assert.equal((await settled(listeners, order, isScheduled)).courierId, courierId);
    }
    assert.deepEqual(
      (await getPlan({})).plan.map(({ orderId, action }) => [orderId, action]),
      [
        [two.orderId, 'PICK_UP'],
        [two.orderId, 'DROP_OFF'],
        [one.orderId, 'PICK_UP'],
        [one.orderId, 'DROP_OFF'],
      ],
    );
    assert.deepEqual((await away.getPlan({})).plan, []);
    assert.deepEqual(troubles, []);
  });

  test('W20 an order that is rejected leaves no delivery and no destination behind', async (t) => {
    const listeners = await startListeners(t);
    const { getPlan } = await courier(listeners);
    const order = acceptedOrder();
    const { orderId, consumerId } = order;
    await listeners.tell('restaurants', 'created', order.restaurant);
    await listeners.tell('orders', 'created', order.created);
    await listeners.tell('orders', 'rejected', {
      orderId,
      consumerId,
      revision: 2,
      at: at(),
      reason: 'noCard',
    });
    // Compensation: the ticket was made, and never confirmed.
    await listeners.tell('kitchen', 'ticketCancelled', order.cancelled);
    const next = acceptedOrder();
    await tellAll(listeners, next);
    await settled(listeners, next, isScheduled);
    await assert.rejects(listeners.delivery('staff', 'staff').getDelivery({ orderId }), {
      reason: 'deliveryNotFound',
    });
    assert.equal((await getPlan({})).plan.length, 2);
    const left = await listeners.inDelivery(
      (sql) => sql<{ orderId: string }>`select order_id from destinations`,
    );
    assert.deepEqual(
      left.map((row) => row.orderId),
      [next.orderId],
    );
  });

  test('a cancelled ticket cancels its delivery and frees the courier, whether it was planned yet or not', async (t) => {
    const listeners = await startListeners(t);
    const pending = acceptedOrder();
    await tellAll(listeners, pending);
    await listeners.tell('kitchen', 'ticketCancelled', pending.cancelled);
    await settled(listeners, pending, ({ state }) => state === 'CANCELLED');
    const { getPlan } = await courier(listeners);
    assert.deepEqual((await getPlan({})).plan, []);

    const planned = acceptedOrder();
    await tellAll(listeners, planned);
    await settled(listeners, planned, isScheduled);
    await listeners.tell('kitchen', 'ticketCancelled', planned.cancelled);
    await settled(listeners, planned, ({ state }) => state === 'CANCELLED');
    assert.deepEqual((await getPlan({})).plan, []);
  });

  test('orders go round the couriers who take them, beginning with the one who has least to do', async (t) => {
    const listeners = await startListeners(t);
    const busy = await courier(listeners);
    const first = acceptedOrder();
    await tellAll(listeners, first);
    assert.equal((await settled(listeners, first, isScheduled)).courierId, busy.courierId);
    const free = await courier(listeners);
    const second = acceptedOrder();
    await tellAll(listeners, second);
    assert.equal((await settled(listeners, second, isScheduled)).courierId, free.courierId);
    // Who goes home keeps what is planned, and gets nothing more.
    const { plan } = await free.setAvailability({ available: false });
    assert.equal(plan.length, 2);
    for (let count = 0; count < 3; count += 1) {
      const next = acceptedOrder();
      await tellAll(listeners, next);
      assert.equal((await settled(listeners, next, isScheduled)).courierId, busy.courierId);
    }
  });

  test('a courier who picks up and drops off sees the plan shrink, and nobody else may', async (t) => {
    const listeners = await startListeners(t);
    const { courierId, getPlan, pickUp, dropOff } = await courier(listeners);
    const order = acceptedOrder();
    await tellAll(listeners, order);
    await settled(listeners, order, isScheduled);
    const { orderId, consumerId } = order;
    await assert.rejects(listeners.delivery(randomUUID()).pickUp({ orderId }), {
      reason: 'deliveryNotFound',
    });
    await assert.rejects(listeners.delivery(randomUUID()).getDelivery({ orderId }), {
      reason: 'deliveryNotFound',
    });
    await assert.rejects(dropOff({ orderId }), {
      ...{ reason: 'deliveryStateForbids', details: { state: 'SCHEDULED' } },
    });
    await assert.rejects(pickUp({ orderId }), { reason: 'notReady' });
    await listeners.tell('kitchen', 'ticketReady', { ...order.cancelled, revision: 5 });
    await settled(listeners, order, ({ isReady }) => isReady);
    assert.equal((await pickUp({ orderId })).state, 'PICKED_UP');
    assert.deepEqual(
      (await getPlan({})).plan.map(({ action }) => action),
      ['DROP_OFF'],
    );
    // Too late: the courier has it in hand.
    await listeners.tell('kitchen', 'ticketCancelled', order.cancelled);
    await assert.rejects(pickUp({ orderId }), { details: { state: 'PICKED_UP' } });
    assert.equal((await dropOff({ orderId })).state, 'DELIVERED');
    assert.deepEqual((await getPlan({})).plan, []);
    const seen = await listeners.delivery(consumerId, 'consumer').getDelivery({ orderId });
    assert.deepEqual([seen.state, seen.courierId], ['DELIVERED', courierId]);
  });

  test('couriers and tickets that come at the same moment never miss each other, at two instances', async (t) => {
    const listeners = await startListeners(t);
    await listeners.system.addHost(['delivery']);
    for (let round = 0; round < 15; round += 1) {
      const orders = [acceptedOrder(), acceptedOrder()];
      for (const { restaurant, created } of orders) {
        await listeners.tell('restaurants', 'created', restaurant);
        await listeners.tell('orders', 'created', created);
      }
      const courierIds = [randomUUID(), randomUUID()];
      await Promise.all([
        ...orders.map(({ accepted }) => listeners.tell('kitchen', 'ticketAccepted', accepted)),
        ...courierIds.map((id) => listeners.delivery(id).setAvailability({ available: true })),
      ]);
      for (const order of orders) await settled(listeners, order, isScheduled);
      for (const id of courierIds) await listeners.delivery(id).setAvailability({ available: false });
    }
  });

  test('a ticket that is cancelled at the moment at which a courier comes stays cancelled', async (t) => {
    const listeners = await startListeners(t);
    await listeners.system.addHost(['delivery']);
    for (let round = 0; round < 10; round += 1) {
      const orders = Array.from({ length: 4 }, () => acceptedOrder());
      for (const order of orders) await tellAll(listeners, order);
      for (const order of orders)
        await settled(listeners, order, ({ waitsFor }) => waitsFor[0] === 'courier');
      const { setAvailability, getPlan } = listeners.delivery(randomUUID());
      await Promise.all([
        ...orders.map(({ cancelled }) => listeners.tell('kitchen', 'ticketCancelled', cancelled)),
        ...[true, false, true, false].map((available) => setAvailability({ available })),
      ]);
      for (const order of orders) await settled(listeners, order, ({ state }) => state === 'CANCELLED');
      await setAvailability({ available: false });
      assert.deepEqual((await getPlan({})).plan, []);
    }
  });

  test('the copy of a restaurant is as new as the last news of it, says how old it is, and never goes back', async (t) => {
    const listeners = await startListeners(t);
    const { restaurant } = acceptedOrder();
    const { restaurantId, menu, address } = restaurant;
    const copy = () => listeners.delivery('staff', 'staff').getRestaurantCopy({ restaurantId });
    const revised = { restaurantId, menu, revision: 3, at: '2026-05-04T18:00:00Z' };
    await listeners.tell('restaurants', 'created', restaurant);
    await listeners.tell('restaurants', 'menuRevised', revised);
    await listeners.tell('restaurants', 'menuRevised', { ...revised, revision: 2, at: at() });
    // Restaurants are handled in any order, but this one's next news come after its last.
    await listeners.tell('restaurants', 'menuRevised', { ...revised, revision: 4 });
    const newest = await until(async () => {
      const found = await copy().catch(() => undefined);
      return found?.revision === 4 ? found : undefined;
    }, 'newest copy');
    assert.deepEqual(newest, { restaurantId, address, revision: 4, changedAt: '2026-05-04T18:00:00Z' });
  });
});
