import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type BrokerPlace, brokersUnderTest } from '@banyan/test-support/broker-places';
import { describeDelivery } from './fixtures/delivery-suite.ts';
import { startOrders } from './fixtures/orders.ts';
import { describeOrders } from './fixtures/orders-suite.ts';

// The acceptance of the system on Kafka, as its source has it. The other brokers carry the same events: the shortest way is enough.

for (const broker of brokersUnderTest) {
  const { name, skip } = broker;
  if (name === 'Kafka') {
    describeOrders(`orders told on ${name}`, { broker });
    describeDelivery(`events of orders on ${name}`, { broker });
  }

  test(`an order that is placed, changed and cancelled is so in all three services, through ${name}`, {
    skip,
  }, async (t) => {
    const places: BrokerPlace[] = [];
    const createPlace = () => {
      const place = broker.createPlace();
      places.push(place);
      return place;
    };
    const { place, send, settled, draft } = await startOrders(t, { broker: { ...broker, createPlace } });
    const orderId = await place();
    const { shipment, invoice } = await settled(orderId);
    assert.deepEqual([shipment.orderId, invoice.orderId], [orderId, orderId]);
    const { total: _total, ...record } = (await send('GET', `/order/${orderId}`)).json;
    assert.deepEqual(await recordsOf(places[0]), [{ key: orderId, record }]);

    const shippingAddress = { ...draft.shippingAddress, city: 'Elsewhere' };
    await send('PUT', `/order/${orderId}/addresses`, { ...draft, shippingAddress });
    const moved = await settled(orderId, ({ revision }) => revision === 2);
    assert.deepEqual(moved.shipment.deliveryAddress, shippingAddress);
    await send('DELETE', `/order/${orderId}`);
    await settled(orderId, ({ status }) => status === 'cancelled');
  });
}

/** What stands on the broker of accepted orders. */
async function recordsOf(place: BrokerPlace | undefined) {
  assert.ok(place);
  const log = await place.openLog();
  try {
    const from = new Map(
      Array.from({ length: log.partitions }, (_, partition) => [partition, 'start' as const]),
    );
    const reader = await log.open({ group: 'test', topics: ['order.accepted'], from });
    const { events } = await reader.next(100, 10_000);
    return events.map(({ subject, data }) => ({ key: subject, record: data }));
  } finally {
    await log.close();
  }
}
