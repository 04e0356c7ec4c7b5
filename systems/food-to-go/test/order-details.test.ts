import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { until } from '@banyan/testing';
import { everyPart, type Food, startFood } from './fixtures/food.ts';

const apart = (name: string) => [everyPart.filter((part) => part !== name), [name]];

/** An order that its restaurant has accepted, so that there is a delivery. */
async function accepted(food: Food) {
  const order = await food.approved();
  const readyBy = new Date(Date.now() + 3_600_000).toISOString();
  const { status, text } = await order.restaurant.send('POST', `/tickets/${order.ticketId}/accept`, {
    readyBy,
  });
  assert.equal(status, 200, text);
  const path = `/orders/${order.orderId}/details`;
  const details = await until(async () => {
    const answer = await order.consumer.send('GET', path);
    return answer.status === 200 && answer.json.missing.length === 0 ? answer : undefined;
  }, 'all parts');
  return { ...order, path, details };
}

describe('W22 the details of an order', () => {
  test('are its order, ticket, delivery and bill, with one request', async (t) => {
    const food = await startFood(t);
    const { orderId, consumer, ticketId, details, path } = await accepted(food);
    const { order, ticket, delivery, bill, missing } = details.json;
    assert.deepEqual(missing, []);
    assert.deepEqual(
      [order.orderId, order.state, ticket.ticketId, ticket.state, delivery.orderId, bill.status],
      [orderId, 'APPROVED', ticketId, 'ACCEPTED', orderId, 'authorized'],
    );
    // Five vindaloos at 12.34.
    assert.deepEqual(bill.amount, { amount: 6_170, currency: 'EUR' });

    const phone = await consumer.send('GET', `/phone/orders/${orderId}`);
    assert.deepEqual(Object.keys(phone.json), ['order', 'ticket', 'delivery', 'missing']);
    assert.deepEqual(phone.json.order, { state: 'APPROVED', total: { amount: 6_170, currency: 'EUR' } });
    assert.deepEqual(phone.json.ticket, { state: 'ACCEPTED' });
    assert.ok(
      phone.text.length * 4 < details.text.length,
      `${phone.text.length} of ${details.text.length} bytes`,
    );

    const other = await food.consumer();
    for (const [client, at, status] of [
      [consumer, '/orders/01890a5d-ac96-774b-bcce-b302099a8057/details', 404],
      [other, path, 404],
      [food.anyone, path, 401],
    ] as const) {
      const answer = await client.send('GET', at);
      assert.equal(answer.status, status, answer.text);
      assert.doesNotMatch(answer.text, /ticketId/);
    }
    assert.equal((await other.send('GET', `/bills/${orderId}`)).status, 404);
    assert.equal((await consumer.send('GET', `/order-tickets/${orderId}`)).status, 404);
  });

  test('without a delivery yet say so', async (t) => {
    const food = await startFood(t);
    const { orderId, consumer } = await food.approved();
    const { status, json } = await consumer.send('GET', `/orders/${orderId}/details`);
    assert.equal(status, 200);
    assert.equal(json.delivery, null);
    assert.deepEqual(json.missing, [
      { part: 'delivery', because: 'refused', reason: 'deliveryNotFound', given: 'nothing' },
    ]);
  });

  test('come without the ticket, and say so, while the kitchen is down', async (t) => {
    const food = await startFood(t, { placement: apart('kitchen') });
    const { consumer, path } = await accepted(food);
    await food.system.hosts[1]?.stop();
    const { status, json, text } = await consumer.send('GET', path);
    assert.equal(status, 200, text);
    assert.equal(json.ticket, null);
    assert.equal(json.order.state, 'APPROVED');
    const [{ part, because, given }, ...others] = json.missing;
    assert.deepEqual([part, because, given, others], ['ticket', 'unavailable', 'nothing', []]);
  });

  test('are 502 or 503, not 500, while the order service is down', async (t) => {
    const food = await startFood(t, { placement: apart('orders') });
    const { consumer, path } = await accepted(food);
    await food.system.hosts[1]?.stop();
    const { status, text } = await consumer.send('GET', path);
    assert.ok(status === 502 || status === 503, `${status} ${text}`);
  });
});
