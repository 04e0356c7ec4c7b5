import assert from 'node:assert/strict';
import { test } from 'node:test';
import { contract, service, system } from '@banyan/banyan';
import { until } from '@banyan/testing';
import { z } from 'zod';
import { invoicing } from '../invoicing/contract.ts';
// What each reader takes from the whole order: pure, and the contract between the record and its two readers.
import { OrderForInvoicing, toInvoice } from '../invoicing/read-order.ts';
import { DeliveryData, InvoiceData, order } from '../order/contract.ts';
import { toDeliveryData, toInvoiceData } from '../order/extracts.ts';
import { shipping } from '../shipping/contract.ts';
import { OrderForShipping, toDelivery } from '../shipping/read-order.ts';
import orders from '../system.ts';
import { type Copy, startOrders } from './fixtures/orders.ts';
import { describeOrders } from './fixtures/orders-suite.ts';
import { sampleRecord } from './fixtures/sample-record.ts';

const styles = ['fat', 'specialised', 'reference'] as const;

for (const style of styles.slice(1)) {
  describeOrders(`orders told in ${style} events`, { environment: { ORDER_EVENTS: style } });
}

test('all three styles give equal invoices and shipments', async (t) => {
  const copies: unknown[] = [];
  for (const style of styles) {
    const { place, settled, draft } = await startOrders(t, { environment: { ORDER_EVENTS: style } });
    const copy = await settled(await place(draft));
    copies.push(withoutIdentity(copy));
  }
  assert.deepEqual(copies[1], copies[0]);
  assert.deepEqual(copies[2], copies[0]);
});

/** Ids and times differ from one database to the next; everything else must not. */
function withoutIdentity(copy: Copy): unknown {
  const hidden = new Set(['orderId', 'itemId', 'customerId', 'updated']);
  return JSON.parse(JSON.stringify(copy, (key, value) => (hidden.has(key) ? '(any)' : value)));
}

test('(b) a field more for delivery changes no contract of invoicing, and a third consumer is an event more', async (t) => {
  const Extended = DeliveryData.extend({ insuredFor: z.int() });
  const Archived = z.object({ orderId: z.string(), numberOfLines: z.int() });
  const { acceptedForShipping, cancelled } = order.events;
  // The next version of `order`, beside consumers that know nothing of it.
  const nextEvents = {
    ...order.events,
    acceptedForShipping: { ...acceptedForShipping, data: Extended },
    acceptedForArchive: {
      ...cancelled,
      type: 'OrderAcceptedForArchive',
      name: 'acceptedForArchive',
      data: Archived,
    },
  };
  const next = { ...order, events: nextEvents };
  const nextOrder = {
    ...service(next, {
      ...orderOptions(),
      operations: {
        ...orderOptions().operations,
        async placeOrder(_input, { tx }) {
          const record = sampleRecord();
          await tx(async ({ emit }) => {
            emit('acceptedForShipping', { ...toDeliveryData(record), insuredFor: 100 });
            emit('acceptedForInvoicing', toInvoiceData(record));
            emit('acceptedForArchive', { orderId: record.id, numberOfLines: record.numberOfLines });
          });
          return record;
        },
      },
    }),
  };
  const archived: unknown[] = [];
  const archive = service(contract('archive', { version: '1.0.0', operations: {} }), {
    uses: { order: next },
    operations: {},
    on: {
      'order.acceptedForArchive': async (data) => {
        archived.push(data);
      },
    },
  });
  const others = orders.services.filter(({ name }) => name !== 'order');
  const definition = system('orders', {
    services: [nextOrder, archive, ...others],
    ...(orders.gateway === undefined ? undefined : { gateway: orders.gateway }),
  });
  const running = await startOrders(t, { system: definition });
  const { shipment, invoice } = await running.settled(await running.place());
  assert.equal(shipment.insuredFor, undefined);
  assert.deepEqual(InvoiceData.parse(invoice), toInvoiceData(sampleRecord()));
  await until(async () => archived[0], 'archived order');
  assert.deepEqual(archived[0], { orderId: sampleRecord().id, numberOfLines: 1 });
});

function orderOptions() {
  const [running] = orders.services;
  assert.equal(running?.name, 'order');
  // biome-ignore lint/suspicious/noExplicitAny: a service's parts come without their types.
  return running as any;
}

test('(c) the event is an id, and each data API gives its consumer what it needs and nothing else', async (t) => {
  assert.deepEqual(Object.keys(order.events.acceptedReference.data.shape), ['orderId']);
  const { system: running, place } = await startOrders(t, { environment: { ORDER_EVENTS: 'reference' } });
  const orderId = await place();
  const meta = ['orderId', 'number', 'revision', 'status', 'updated'];

  const delivery = await running.client(order, { service: 'shipping' }).getDeliveryData({ orderId });
  assert.deepEqual(Object.keys(delivery), [...meta, 'recipient', 'deliveryAddress', 'packages']);
  for (const parcel of delivery.packages) {
    assert.deepEqual(Object.keys(parcel), ['count', 'itemId', 'name', 'weightGrams', 'size']);
    assert.deepEqual(Object.keys(parcel.size), ['widthMm', 'heightMm', 'depthMm']);
  }
  assert.deepEqual(Object.keys(delivery.recipient), ['name', 'firstname']);

  const invoice = await running.client(order, { service: 'invoicing' }).getInvoiceData({ orderId });
  assert.deepEqual(Object.keys(invoice), [...meta, 'customer', 'billingAddress', 'lines']);
  for (const line of invoice.lines) {
    assert.deepEqual(Object.keys(line), ['count', 'item']);
    assert.deepEqual(Object.keys(line.item), ['itemId', 'name', 'price']);
  }
});

test('(c) the two data APIs are for the services inside only', async (t) => {
  const { send, place } = await startOrders(t);
  const orderId = await place();
  for (const path of ['delivery-data', 'invoice-data']) {
    const { status } = await send('GET', `/order/${path}/${orderId}`);
    assert.equal(status, 404, path);
  }
});

test('W7 no contract test between the record and its two readers: both read what order writes, and only their part', () => {
  const written = JSON.parse(JSON.stringify(sampleRecord()));
  const tomorrow = { ...written, giftWrap: true, customer: { ...written.customer, nickname: 'x' } };
  assert.deepEqual(toDelivery(OrderForShipping.parse(tomorrow)), toDeliveryData(sampleRecord()));
  assert.deepEqual(toInvoice(OrderForInvoicing.parse(tomorrow)), toInvoiceData(sampleRecord()));
  // Neither reader minds that the other one's part is missing.
  const { billingAddress: _billing, ...forShipping } = written;
  const { shippingAddress: _shipping, ...forInvoicing } = written;
  assert.ok(OrderForShipping.safeParse(forShipping).success);
  assert.ok(OrderForInvoicing.safeParse(forInvoicing).success);
  assert.ok(!OrderForShipping.safeParse(forInvoicing).success);
  assert.ok(!OrderForInvoicing.safeParse(forShipping).success);
  // The writer is held to its own schema strictly.
  const output = order.operations.getOrder.output;
  assert.ok(!output.safeParse({ ...written, orderLine: [], total: { amount: 1, currency: 'EUR' } }).success);
});

test('what the contracts of the consumers show is what the styles carry', () => {
  const shipment = shipping.operations.getShipment.output.shape;
  const invoice = invoicing.operations.getInvoice.output.shape;
  assert.deepEqual(Object.keys(shipment), [...Object.keys(DeliveryData.shape), 'weightGrams']);
  assert.deepEqual(Object.keys(invoice), [...Object.keys(InvoiceData.shape), 'total']);
});
