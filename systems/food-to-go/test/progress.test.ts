import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { broken } from '@banyan/test-support/releases';
import { until } from '@banyan/testing';
import { accountingService } from '../accounting/service.ts';
import type { Coordination } from '../vocabulary/coordination.ts';
import { expiredCard, startFood } from './fixtures/food.ts';

test('whoever looks sees how far an order is, when it goes by orchestration', (t) =>
  look(t, 'orchestration'));
test('whoever looks sees how far an order is, when it goes by choreography', (t) => look(t, 'choreography'));

async function look(t: TestContext, coordination: Coordination): Promise<void> {
  const food = await startFood(t, { environment: { ORDERS_CREATE_ORDER: coordination } });
  const [consumer, restaurant] = [await food.consumer(), await food.restaurant()];
  const staff = await food.signIn('staff', 'joe');
  const path = (orderId: string) => `/progress/create-order/${orderId}`;
  const untilStatus = (orderId: string, ...statuses: readonly string[]) =>
    until(async () => {
      const { status, json } = await staff.send('GET', path(orderId));
      return status === 200 && statuses.includes(json.status) ? json : undefined;
    }, `progress ${statuses} of ${orderId}`);
  const states = ({ steps }: { steps: readonly { name: string; state: string }[] }) =>
    steps.map(({ name, state }) => `${name} ${state}`).join(', ');

  const good = (await food.order(consumer, restaurant)).json.orderId;
  const completed = await untilStatus(good, 'completed');
  assert.equal(states(completed), 'order done, consumer done, ticket done, card done, confirmation done');
  assert.deepEqual(completed.waitsFor, []);

  const declined = (await food.order(await food.consumer(expiredCard), restaurant)).json.orderId;
  const failed = await untilStatus(declined, 'failed');
  // A saga hears of the refusal alone; what it undoes, everybody hears.
  const card = coordination === 'choreography' ? 'failed' : 'open';
  assert.equal(states(failed), `order done, consumer done, ticket undone, card ${card}, confirmation open`);

  const [host] = food.system.hosts;
  await assert.rejects(host?.reload(broken(accountingService)) ?? Promise.resolve());
  const waiting = (await food.order(consumer, restaurant)).json.orderId;
  const open = await until(async () => {
    const { json } = await staff.send('GET', path(waiting));
    return json.waitsFor?.join() === 'accounting.cardAuthorized' ? json : undefined;
  }, 'order that waits for its card');
  assert.equal(open.status, 'open');
  const listed = (await staff.send('GET', '/progress/create-order?status=open')).json;
  assert.deepEqual(
    listed.orders.map(({ orderId }: { orderId: string }) => orderId),
    [waiting],
  );
  const picture = await staff.send('GET', `${path(waiting)}/picture`);
  assert.match(picture.text, /<svg.*Flow createOrder.*waits for accounting\.cardAuthorized/s);
  await host?.reload(accountingService);
  await untilStatus(waiting, 'completed');

  assert.equal((await consumer.send('GET', path(good))).status, 403);
  assert.equal((await staff.send('GET', path('nobody'))).status, 404);
}
