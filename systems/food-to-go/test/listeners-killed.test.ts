import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { createRandom, seed } from '@banyan/test-support/random';
import { until } from '@banyan/testing';
import { startListeners, tellAll } from './fixtures/listeners.ts';
import { type AcceptedOrder, acceptedOrder, at } from './fixtures/news.ts';

/** Those who tell are here; those who listen are in a process that can be killed. */
const tellersOnly = [['orders', 'kitchen', 'restaurants', 'asker']];

test('delivery and history that are killed at random moments schedule every order once and show all of it', async (t) => {
  t.diagnostic(`seed ${seed}; repeat with BANYAN_SEED=${seed}`);
  const random = createRandom(seed);
  const listeners = await startListeners(t, { placement: tellersOnly, processes: true });
  const listen = () => listeners.system.addProcess(['delivery', 'order-history']);
  let listening = await listen();
  const couriers = [randomUUID(), randomUUID()].map((id) => listeners.delivery(id));
  for (const { setAvailability } of couriers) await setAvailability({ available: true });

  const told: { readonly order: AcceptedOrder; readonly isCancelled: boolean }[] = [];
  let isOpen = true;
  const telling = (async () => {
    while (isOpen) {
      const order = acceptedOrder();
      const isCancelled = random() < 0.3;
      await tellAll(listeners, order);
      const { orderId, consumerId } = order;
      await listeners.tell('orders', 'approved', { orderId, consumerId, revision: 1, at: at() });
      if (isCancelled) {
        await listeners.tell('kitchen', 'ticketCancelled', order.cancelled);
        await listeners.tell('orders', 'cancelled', { orderId, consumerId, revision: 3, at: at() });
      }
      told.push({ order, isCancelled });
    }
  })();
  for (let kill = 0; kill < 4; kill += 1) {
    await pause(200 + random() * 600);
    await listening.kill();
    listening = await listen();
  }
  isOpen = false;
  await telling;

  const scheduled: string[] = [];
  for (const { order, isCancelled } of told) {
    const { orderId, consumerId } = order;
    const past = await until(
      () =>
        listeners
          .history(consumerId)
          .getOrder({ orderId, atLeast: isCancelled ? 3 : 1 })
          .catch(() => undefined),
      `whole history of ${orderId}`,
      120_000,
    );
    assert.equal(past.status, isCancelled ? 'CANCELLED' : 'APPROVED');
    const delivery = await until(
      async () => {
        const found = await listeners
          .delivery('staff', 'staff')
          .getDelivery({ orderId })
          .catch(() => undefined);
        return found?.state === (isCancelled ? 'CANCELLED' : 'SCHEDULED') ? found : undefined;
      },
      `delivery of ${orderId}`,
      120_000,
    );
    // A ticket may be cancelled before it was scheduled, or after; and each only once.
    const revisions = isCancelled ? [2, 3] : [2];
    assert.ok(revisions.includes(delivery.revision), `${orderId} has changed ${delivery.revision} times`);
    if (!isCancelled) scheduled.push(orderId);
  }
  assert.ok(scheduled.length > 0 && scheduled.length < told.length, `${scheduled.length} of ${told.length}`);
  const plans = await Promise.all(couriers.map(({ getPlan }) => getPlan({})));
  const planned = plans.flatMap(({ plan }) => plan.map(({ orderId, action }) => `${orderId} ${action}`));
  const expected = scheduled.flatMap((orderId) => [`${orderId} DROP_OFF`, `${orderId} PICK_UP`]);
  assert.deepEqual(planned.sort(), expected.sort());
});
