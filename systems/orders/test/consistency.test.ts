import assert from 'node:assert/strict';
import { test } from 'node:test';
import { broken } from '@banyan/test-support/releases';
import { until } from '@banyan/testing';
import { invoicing } from '../invoicing/contract.ts';
import { invoicingService } from '../invoicing/service.ts';
import { shipping } from '../shipping/contract.ts';
import { shippingService } from '../shipping/service.ts';
import { startOrders } from './fixtures/orders.ts';
import { inDatabaseOf } from './fixtures/service-database.ts';

test('the delay of each flow is measured against the agreed bound', async (t) => {
  const { place, settled, send } = await startOrders(t);
  for (let count = 0; count < 3; count += 1) await settled(await place());
  for (const service of ['shipping', 'invoicing']) {
    const { json } = await send('GET', `/${service}/delay`);
    assert.equal(json.arrived, 3);
    assert.equal(json.boundMs, 60_000);
    assert.ok(json.medianMs <= json.maxMs && json.maxMs < json.boundMs, JSON.stringify(json));
    assert.deepEqual([json.late, json.overdue, json.alarm], [0, [], false]);
  }
});

test('however often the world asks for figures, the orders are gone through once for all of them', async (t) => {
  const environment = { SHIPPING_FIGURES_SECONDS: '3600', INVOICING_FIGURES_SECONDS: '3600' };
  const { place, settled, send } = await startOrders(t, { environment });
  await settled(await place());
  for (const path of ['/shipping/delay', '/invoicing/delay', '/invoicing/orphans']) {
    const ask = async () => (await send('GET', path)).json;
    const first = await ask();
    // Another walk would find this order.
    await settled(await place());
    for (const told of await Promise.all([ask(), ask(), ask()])) assert.deepEqual(told, first, path);
  }
  assert.equal((await send('GET', '/shipping/delay')).json.arrived, 1);
});

test('an invoice that does not come in time raises the alarm, and its delivery is an orphan, until it comes', async (t) => {
  const { system, place, settled, send } = await startOrders(t, {
    environment: { INVOICING_DELAY_BOUND_SECONDS: '1' },
  });
  await settled(await place());
  const [host] = system.hosts;
  // A release of invoicing that answers and does not listen.
  await host?.reload({ ...invoicingService, on: {} });
  const orderId = await place();
  const alarm = await until(async () => {
    const { json } = await send('GET', '/invoicing/delay');
    return json.alarm ? json : undefined;
  }, 'alarm');
  assert.deepEqual(alarm.overdue, [orderId]);
  await until(async () => {
    const { deliveries } = (await send('GET', '/invoicing/orphans')).json;
    return deliveries.length === 1 && deliveries[0] === orderId ? true : undefined;
  }, 'orphan');

  await host?.reload(invoicingService);
  await settled(orderId);
  const { json } = await send('GET', '/invoicing/delay');
  assert.deepEqual([json.alarm, json.overdue, json.arrived, json.late], [false, [], 2, 1]);
  assert.deepEqual((await send('GET', '/invoicing/orphans')).json.deliveries, []);
});

test('orders that are lost on the way are found and derived anew (dependent data)', async (t) => {
  const orders = await startOrders(t);
  const placed = [await orders.place(), await orders.place(), await orders.place()];
  for (const orderId of placed) await orders.settled(orderId);
  const [, lost = ''] = placed;
  const before = (await orders.settled(lost)).invoice;
  await inDatabaseOf(orders, invoicingService, (sql) => sql`delete from invoices where order_id = ${lost}`);
  assert.deepEqual((await orders.send('GET', '/invoicing/orphans')).json.deliveries, [lost]);

  const repairs = await orders.system.client(invoicing).reconcile({});
  assert.deepEqual(repairs, { compared: 3, added: [lost], corrected: [], removed: [] });
  assert.deepEqual((await orders.send('GET', '/invoicing/orphans')).json.deliveries, []);
  assert.deepEqual((await orders.settled(lost)).invoice, before);
  const again = await orders.system.client(invoicing).reconcile({});
  assert.deepEqual(again, { compared: 3, added: [], corrected: [], removed: [] });
});

test('copies that differ from their origin, or have none, are found and mended (replicas)', async (t) => {
  const orders = await startOrders(t);
  const placed = [await orders.place(), await orders.place(), await orders.place()];
  const before = await Promise.all(placed.map(async (orderId) => (await orders.settled(orderId)).shipment));
  const [wrongName = '', wrongStatus = ''] = placed;
  const phantom = '01890000-0000-7000-8000-0000000000ff';
  await inDatabaseOf(orders, shippingService, async (sql) => {
    await sql`update shipments set recipient = ${sql.json({ name: 'Mallory', firstname: 'M' })} where order_id = ${wrongName}`;
    await sql`update shipments set status = 'cancelled' where order_id = ${wrongStatus}`;
    await sql`
      insert into shipments (order_id, number, revision, status, updated, recipient, delivery_address, packages, accepted_at)
      select ${phantom}, 99, revision, status, updated, recipient, delivery_address, packages, accepted_at
      from shipments where order_id = ${wrongName}`;
  });
  const repairs = await orders.system.client(shipping).reconcile({});
  assert.deepEqual(repairs, {
    compared: 3,
    added: [],
    corrected: [wrongName, wrongStatus],
    removed: [phantom],
  });
  const after = await Promise.all(placed.map(async (orderId) => (await orders.settled(orderId)).shipment));
  assert.deepEqual(after, before);
  assert.equal((await orders.send('GET', '/shipping/shipments')).json.shipments.length, 3);
});

test('reconciling while orders are placed, changed and cancelled takes nothing back', async (t) => {
  const orders = await startOrders(t);
  const { system, place, send, settled } = orders;
  const placed = await Promise.all(Array.from({ length: 20 }, () => place()));
  await Promise.all([
    ...placed.slice(0, 10).map((orderId) => send('DELETE', `/order/${orderId}`)),
    ...Array.from({ length: 5 }, () => place()),
    system.client(shipping).reconcile({}, { timeoutMs: 30_000 }),
    system.client(invoicing).reconcile({}, { timeoutMs: 30_000 }),
  ]);
  for (const [index, orderId] of placed.entries())
    await settled(orderId, ({ status }) => status === (index < 10 ? 'cancelled' : 'accepted'));
});

test('a consumer that lost its whole database has it again', async (t) => {
  const orders = await startOrders(t);
  const placed = [await orders.place(), await orders.place()];
  for (const orderId of placed) await orders.settled(orderId);
  await inDatabaseOf(orders, shippingService, (sql) => sql`delete from shipments`);
  const [host] = orders.system.hosts;
  await assert.rejects(host?.reload(broken(shippingService)) ?? Promise.resolve());
  await host?.reload(shippingService);
  const repairs = await orders.system.client(shipping).reconcile({});
  assert.deepEqual(repairs.added, placed);
  for (const orderId of placed) await orders.settled(orderId);
});
