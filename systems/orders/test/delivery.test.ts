import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toDeliveryData } from '../order/extracts.ts';
import { shippingService } from '../shipping/service.ts';
// The writing function of shipping, which decides what a record that comes again does.
import { cancelShipment, findShipment, recordShipment } from '../shipping/shipments.ts';
import { describeDelivery } from './fixtures/delivery-suite.ts';
import { startOrders } from './fixtures/orders.ts';
import { sampleRecord } from './fixtures/sample-record.ts';
import { inDatabaseOf } from './fixtures/service-database.ts';

describeDelivery('events of orders');

test('the same record twice is one row with the first time; only a higher revision changes it', async (t) => {
  const running = await startOrders(t);
  await inDatabaseOf(running, shippingService, async (sql) => {
    const first = toDeliveryData(sampleRecord({ updated: '2026-01-02T03:04:05Z' }));
    await recordShipment(sql, first);
    await recordShipment(sql, { ...first, updated: '2030-01-01T00:00:00Z', number: 99 });
    assert.equal((await sql`select 1 from shipments`).length, 1);
    assert.deepEqual(await findShipment(sql, first.orderId), first);

    const elsewhere = { ...first.deliveryAddress, city: 'Elsewhere' };
    await recordShipment(sql, { ...first, revision: 3, deliveryAddress: elsewhere });
    await recordShipment(sql, { ...first, revision: 2 });
    await cancelShipment(sql, { ...first, revision: 2 });
    const changed = await findShipment(sql, first.orderId);
    assert.deepEqual([changed?.revision, changed?.status], [3, 'accepted']);
    assert.deepEqual(changed?.deliveryAddress, elsewhere);
  });
});
