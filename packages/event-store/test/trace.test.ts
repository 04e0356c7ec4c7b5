import assert from 'node:assert/strict';
import { test } from 'node:test';
import { service, system } from '@banyan/chassis';
import { contract, operation } from '@banyan/contract';
import {
  createProjection,
  createSubscription,
  defineEvent,
  defineEventStore,
  defineEvents,
  defineProjection,
  type EventMetadata,
} from '@banyan/event-store';
import { startOtlpReceiver } from '@banyan/test-support/otlp-receiver';
import { createTestTelemetry } from '@banyan/test-support/test-telemetry';
import { startTestSystem, until } from '@banyan/testing';
import { z } from 'zod';

const OrderId = z.object({ orderId: z.string() });
const shop = contract('shop', {
  version: '1.0.0',
  operations: {
    place: operation('POST /orders', { input: OrderId, output: z.object({}) }),
  },
});
const front = contract('front', { version: '1.0.0', operations: {} });
const events = defineEvents({ OrderPlaced: defineEvent({ schema: OrderId }) });
const orderStore = defineEventStore({ events });
const orderList = defineProjection(events, {
  name: 'order_list',
  version: 1,
  tables: { order_list: (table, sql) => [sql`create table ${table} (stream text primary key)`] },
  on: {
    OrderPlaced: ({ stream }, { sql, tables }) => sql`insert into ${tables.order_list} values (${stream})`,
  },
});

test('a projection goes on with the trace of the event; of a page of several, each trace shows it', async (t) => {
  const receiver = await startOtlpReceiver(t);
  const { telemetry, stop } = createTestTelemetry('shop', receiver.url);
  const mayRead = Promise.withResolvers<void>();
  const seen: EventMetadata[] = [];
  const shopService = service(shop, {
    keepsRecords: true,
    operations: {
      place: async ({ orderId }, context) => {
        await context.tx(async (tx) => {
          const placed = { type: 'OrderPlaced', data: { orderId } } as const;
          await orderStore(context).append(`order-${orderId}`, [placed], { tx });
          await orderStore(context).append(`copy-${orderId}`, [placed], {
            tx,
            metadata: { by: 'me', traceparent: 'not one' },
          });
        });
        return {};
      },
    },
    background: {
      list: (context) =>
        createProjection(orderStore(context), orderList, { database: context, pollMs: 20 }).run(
          context.signal,
        ),
      late: async (context) => {
        await mayRead.promise;
        const handle = async (page: readonly { readonly metadata: EventMetadata }[]) => {
          seen.push(...page.map(({ metadata }) => metadata));
        };
        const late = createSubscription(orderStore(context), { name: 'late', database: context, handle });
        await late.run(context.signal);
      },
    },
  });
  const services = [shopService, service(front, { uses: { shop }, operations: {} })];
  const running = await startTestSystem(t, system('shop', { services }), { harsh: false, telemetry });
  const client = running.client(shop, { service: 'front', timeoutMs: 60_000 });
  await client.place({ orderId: '1' });
  await client.place({ orderId: '2' });
  mayRead.resolve();
  await until(() => seen.length === 4, 'the late subscription has seen all');
  await running.stop();
  await stop();

  const { spans } = receiver;
  const placed = spans.filter(({ name }) => name === 'shop.place').map(({ traceId }) => traceId);
  assert.equal(new Set(placed).size, 2);
  const tracesOf = (name: string) => spans.filter((span) => span.name === name).map(({ traceId }) => traceId);
  const inserts = tracesOf('INSERT order_list_v1');
  for (const traceId of placed) {
    assert.ok(tracesOf('background list').includes(traceId), 'the projection is in the trace');
    assert.equal(tracesOf('background late').filter((each) => each === traceId).length, 1);
  }
  assert.ok(inserts.length > 0);
  // The page of both is a trace of its own, from which each leads to the others.
  const own = tracesOf('background late').filter((traceId) => !placed.includes(traceId));
  assert.ok(own.length > 0);
  assert.deepEqual(
    seen.map(({ by, traceparent }) => [by, String(traceparent).slice(3, 35)]),
    placed.flatMap((traceId) => [
      [undefined, traceId],
      ['me', ' one'],
    ]),
  );
  const bodies = receiver.bodies.join();
  assert.match(bodies, new RegExp(`"links":\\[[^\\]]*${placed[0]}`));
});

test('calls whose traces are recorded share one event store, as those of others do', async (t) => {
  const receiver = await startOtlpReceiver(t);
  const { telemetry, stop } = createTestTelemetry('shop', receiver.url);
  const seen: string[] = [];
  // Nobody looks by themselves: an append has to wake who reads.
  const pollMs = 3_600_000;
  const shopService = service(shop, {
    keepsRecords: true,
    operations: {
      place: async ({ orderId }, context) => {
        const placed = { type: 'OrderPlaced', data: { orderId } } as const;
        if (orderId === 'alone') await orderStore(context).append('order-alone', [placed]);
        else await context.tx((tx) => orderStore(context).append(`order-${orderId}`, [placed], { tx }));
        return {};
      },
    },
    background: {
      reader: (context) => {
        const handle = async (page: readonly { readonly stream: string }[]) => {
          seen.push(...page.map(({ stream }) => stream));
        };
        const options = { name: 'reader', database: context, pollMs, handle };
        return createSubscription(orderStore(context), options).run(context.signal);
      },
    },
  });
  const services = [shopService, service(front, { uses: { shop }, operations: {} })];
  const running = await startTestSystem(t, system('shop', { services }), { harsh: false, telemetry });
  const client = running.client(shop, { service: 'front', timeoutMs: 60_000 });
  const orders = ['1', '2', 'alone', '3'];
  for (const [index, orderId] of orders.entries()) {
    await client.place({ orderId });
    await until(() => seen.length === index + 1, `the reader has been woken for ${orderId}`);
  }
  await running.stop();
  await stop();
  assert.deepEqual(
    seen,
    orders.map((orderId) => `order-${orderId}`),
  );
  const looks = receiver.spans.filter(({ attributes }) =>
    /event_era/.test(String(attributes['db.query.text'])),
  );
  assert.ok(looks.length <= 1, `${looks.length} looks at the era`);
});
