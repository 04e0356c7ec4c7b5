import assert from 'node:assert/strict';
import { test } from 'node:test';
import { service, system } from '@banyan/chassis';
import { contract, event, operation } from '@banyan/contract';
import {
  createProjection,
  createRepository,
  defineAggregate,
  defineEvent,
  defineEventStore,
  defineEvents,
  defineProjection,
  definePublication,
} from '@banyan/event-store';
import { startTestSystem, until, untilPasses } from '@banyan/testing';
import { z } from 'zod';

const OrderId = z.object({ orderId: z.string() });
const shop = contract('shop', {
  version: '1.0.0',
  operations: {
    place: operation('POST /orders', { input: OrderId, output: z.object({ position: z.number() }) }),
    placeTwice: operation('POST /pairs', { input: OrderId, output: z.object({}) }),
    list: operation('GET /orders', {
      input: z.object({}),
      output: z.object({ orders: z.array(z.string()) }),
    }),
  },
  events: { placed: event('ShopOrderPlaced', { data: OrderId, key: 'orderId' }) },
});

const front = contract('front', { version: '1.0.0', operations: {}, events: {} });

const events = defineEvents({
  OrderPlaced: defineEvent({ schema: z.object({ secretMargin: z.number() }) }),
});
const orderStore = defineEventStore({ events });
const publication = definePublication(shop, events, {
  OrderPlaced: ({ stream }) => ['placed', { orderId: stream.slice('order-'.length) }],
});
const order = defineAggregate<typeof events, boolean, 'place'>({
  name: 'order',
  events,
  initialState: false,
  decide: (_, isPlaced) => (isPlaced ? [] : [{ type: 'OrderPlaced', data: { secretMargin: 7 } }]),
  evolve: () => true,
});
const list = defineProjection(events, {
  name: 'order_list',
  version: 1,
  tables: { order_list: (table, sql) => [sql`create table ${table} (stream text primary key)`] },
  on: {
    OrderPlaced: ({ stream }, { sql, tables }) => sql`insert into ${tables.order_list} values (${stream})`,
  },
});

test('a service stores events, publishes what is mapped and shows a projection, in its own database', async (t) => {
  const heard: unknown[] = [];
  const shopService = service(shop, {
    operations: {
      async place({ orderId }, context) {
        const orders = createRepository(orderStore(context), order, { publication });
        const { position = 0 } = await context.tx((tx) => orders.execute(orderId, 'place', { tx }));
        return { position };
      },
      async placeTwice({ orderId }, context) {
        const orders = createRepository(orderStore(context), order, { publication });
        await context.tx(async (tx) => {
          await orders.execute(orderId, 'place', { tx });
          throw new Error('and then something failed');
        });
        return {};
      },
      async list(_, { sql }) {
        const rows = await sql<{ stream: string }>`select stream from order_list order by stream`;
        return { orders: rows.map(({ stream }) => stream) };
      },
    },
    on: {
      'shop.placed': async (data, { sql }) => {
        await sql`select 1`;
        heard.push(data);
      },
    },
    background: {
      list: (context) => {
        const projection = createProjection(orderStore(context), list, { database: context, pollMs: 20 });
        return projection.run(context.signal);
      },
    },
  });
  const running = await startTestSystem(
    t,
    system('store', { services: [shopService, service(front, { uses: { shop }, operations: {} })] }),
    { harsh: false },
  );
  const client = running.client(shop, { service: 'front' });
  const { position } = await client.place({ orderId: '1' });
  assert.ok(position > 0);
  await assert.rejects(client.placeTwice({ orderId: '2' }), { code: 'internal' });
  await client.place({ orderId: '3' });
  // Not before the projection has made its tables.
  await untilPasses(async () => assert.deepEqual((await client.list({})).orders, ['order-1', 'order-3']));
  await until(() => heard.length === 2, 'the events are heard');
  // What is inside the event stays inside.
  assert.deepEqual(heard, [{ orderId: '1' }, { orderId: '3' }]);
});
