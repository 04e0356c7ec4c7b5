import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMetrics } from '@banyan/telemetry';
import { until } from '@banyan/testing';
import { everyPart, startFood } from './fixtures/food.ts';

const query = `{
  orders { orders { orderId details { state total { amount } consumer { consumerId name } bill { status } delivery { state } } } }
}`;

/** Calls that reached a service from another process. */
function callsOf(metricsPage: string, service: string, operation: string): number {
  const series = new RegExp(
    `^banyan_server_duration_seconds_count\\{[^}]*service="${service}"[^}]*operation="${operation}"[^}]*\\} (\\d+)$`,
    'gm',
  );
  return [...metricsPage.matchAll(series)].reduce((sum, [, count]) => sum + Number(count), 0);
}

test('GraphQL: five orders of one consumer, with one call for the consumer, under the policies of the services', async (t) => {
  const metrics = createMetrics();
  const food = await startFood(t, {
    metrics,
    harsh: false,
    placement: [['gateway'], everyPart.filter((part) => part !== 'gateway')],
  });
  const [consumer, restaurant] = [await food.consumer(), await food.restaurant()];
  for (let count = 0; count < 5; count += 1) {
    const { status, json, text } = await food.order(consumer, restaurant, 1);
    assert.equal(status, 201, text);
    await food.until(consumer, json.orderId, 'APPROVED');
  }
  await until(async () => {
    const { json } = await consumer.send('GET', '/orders');
    return json.orders.length === 5 ? json : undefined;
  }, 'history of five');
  const asked = (service: string, operation: string) => callsOf(metrics.render(), service, operation);
  const before = { consumer: asked('consumers', 'getConsumer'), order: asked('orders', 'getOrder') };
  const { status, json, text } = await consumer.send('POST', '/graphql', { query });
  assert.equal(status, 200, text);
  const found = json.data.orders.orders;
  assert.equal(found.length, 5);
  for (const { details } of found) {
    assert.deepEqual(details, {
      state: 'APPROVED',
      total: { amount: 1_234 },
      consumer: { consumerId: consumer.consumerId, name: 'Ada Lovelace' },
      bill: { status: 'authorized' },
      delivery: null,
    });
  }
  // No restaurant has accepted one yet.
  assert.equal(json.errors.length, 5);
  assert.ok(
    json.errors.every(
      ({ extensions }: { extensions: { reason: string } }) => extensions.reason === 'deliveryNotFound',
    ),
  );
  assert.equal(asked('consumers', 'getConsumer') - before.consumer, 1);
  assert.equal(asked('orders', 'getOrder') - before.order, 5);

  assert.equal((await food.anyone.send('POST', '/graphql', { query })).status, 401);
  const one = `query One($id: String!) { order(orderId: $id) { state bill { status } } }`;
  const other = await food.consumer();
  const refused = await other.send('POST', '/graphql', {
    query: one,
    variables: { id: found[0].orderId },
  });
  assert.deepEqual(refused.json.data, { order: null });
  assert.equal(refused.json.errors[0].extensions.reason, 'orderNotFound');
  // Staff may not read the list of a consumer: that field alone is refused.
  const staff = await food.signIn('staff', 'joe');
  const listed = await staff.send('POST', '/graphql', { query });
  assert.deepEqual(listed.json.data, { orders: null });
  assert.equal(listed.json.errors[0].extensions.reason, 'insufficient_scope');
});
