import assert from 'node:assert/strict';
import { test } from 'node:test';
import { contract, operation, type Service, service, system } from '@banyan/banyan';
import { z } from 'zod';
import { invoicingService } from '../invoicing/service.ts';
import { order } from '../order/contract.ts';
import { toDeliveryData } from '../order/extracts.ts';
import { shipping } from '../shipping/contract.ts';
import { toDelivery } from '../shipping/read-order.ts';
import { shippingService } from '../shipping/service.ts';
// The writing function of shipping, which decides what a record that comes again does.
import { cancelShipment, findShipment, recordShipment } from '../shipping/shipments.ts';
import orders from '../system.ts';
import { everyPart, startOrders, until } from './fixtures/orders.ts';
import { sampleRecord } from './fixtures/sample-record.ts';
import { broken, inDatabaseOf } from './fixtures/service-database.ts';

test('consumers that are down while ten orders are placed have all ten after their restart', async (t) => {
  const { system: running, place, settled, send } = await startOrders(t);
  const [host] = running.hosts;
  assert.ok(host);
  await assert.rejects(host.reload(broken(shippingService)));
  await assert.rejects(host.reload(broken(invoicingService)));
  const placed: string[] = [];
  for (let count = 0; count < 10; count += 1) placed.push(await place());
  assert.equal((await send('GET', `/order/${placed[0]}`)).status, 200);

  await host.reload(shippingService);
  await host.reload(invoicingService);
  for (const orderId of placed) await settled(orderId);
  const { shipments } = (await send('GET', '/shipping/shipments')).json;
  assert.deepEqual(
    shipments.map(({ orderId }: { orderId: string }) => orderId),
    placed.toReversed(),
  );
});

test('two instances of shipping share the orders, and each order is handled once', async (t) => {
  const others = everyPart.filter((part) => part !== 'shipping');
  const {
    system: running,
    place,
    settled,
  } = await startOrders(t, {
    placement: [[...others, 'shipping'], ['shipping']],
  });
  const handled = [new Map<string, number>(), new Map<string, number>()];
  for (const [index, host] of running.hosts.entries()) {
    await host.reload(counting(shippingService, handled[index] ?? new Map()));
  }
  // Who is new takes its share when the one that had all makes room, some seconds later.
  const placed: string[] = [];
  await until('order at each instance', async () => {
    placed.push(...(await Promise.all(Array.from({ length: 5 }, () => place()))));
    await settled(placed.at(-1) ?? '');
    return handled.every(({ size }) => size > 0) ? true : undefined;
  });
  for (const orderId of placed) await settled(orderId);
  assert.deepEqual(
    new Set(handled.flatMap((counts) => [...counts.keys()])),
    new Set(placed),
    'an order was handled by nobody',
  );
  const repairs = await running.client(shipping).reconcile({});
  assert.deepEqual(repairs, { compared: placed.length, added: [], corrected: [], removed: [] });
});

/** Notes which orders an instance was handed. */
function counting(counted: Service, counts: Map<string, number>): Service {
  const handle = counted.on['order.accepted'];
  assert.ok(handle);
  const on: Service['on'] = {
    ...counted.on,
    'order.accepted': async (data, context) => {
      const { id } = data as { readonly id: string };
      counts.set(id, (counts.get(id) ?? 0) + 1);
      return handle(data, context);
    },
  };
  return { ...counted, on };
}

test('a new consumer reads from the beginning and rebuilds every order', async (t) => {
  const late = contract('late', {
    version: '1.0.0',
    operations: {
      find: operation('GET /late/:orderId', {
        input: z.object({ orderId: z.string() }),
        output: z.object({ revision: z.int(), status: z.string() }),
        errors: { nothing: { status: 404 } },
      }),
    },
  });
  const options = {
    uses: { order },
    migrations: new URL('../shipping/migrations/', import.meta.url),
    operations: {
      find: async ({ orderId }: { orderId: string }, { sql, fail }: LateContext) =>
        (await findShipment(sql, orderId)) ?? fail('nothing'),
    },
  };
  const deaf = service(late, options);
  const listening = service(late, {
    ...options,
    on: {
      'order.accepted': async (record, { sql }) => recordShipment(sql, toDelivery(record)),
      'order.cancelled': async (cancellation, { sql }) => cancelShipment(sql, cancellation),
    },
  });
  const asker = service(contract('asker', { version: '1.0.0', operations: {} }), {
    uses: { late },
    operations: {},
  });
  const definition = system('orders', {
    services: [...orders.services, deaf, asker],
    ...(orders.gateway === undefined ? undefined : { gateway: orders.gateway }),
  });
  const { system: running, place, send, settled } = await startOrders(t, { system: definition });
  const placed: string[] = [];
  for (let count = 0; count < 5; count += 1) placed.push(await place());
  await send('DELETE', `/order/${placed[2]}`);
  for (const [index, orderId] of placed.entries())
    await settled(orderId, ({ status }) => index !== 2 || status === 'cancelled');

  await running.hosts[0]?.reload(listening);
  for (const [index, orderId] of placed.entries()) {
    const wanted = index === 2 ? 'cancelled' : 'accepted';
    await until(`${wanted} order ${index}`, async () => {
      const found = await running
        .client(late, { service: 'asker' })
        .find({ orderId })
        .catch(() => undefined);
      return found?.status === wanted ? found : undefined;
    });
  }
});

interface LateContext {
  readonly sql: Parameters<typeof findShipment>[0];
  readonly fail: (name: 'nothing') => never;
}

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
