import assert from 'node:assert/strict';
import { test } from 'node:test';
import { contract, event } from '@banyan/contract';
import { ServiceError } from '@banyan/core';
import {
  createEventStore,
  createRepository,
  defineAggregate,
  defineEvent,
  defineEvents,
  definePublication,
} from '@banyan/event-store';
import { given } from '@banyan/event-store/testing';
import { z } from 'zod';
import { createEventDatabase } from './event-database.ts';
import { cancelled, orderEvents, placed } from './order-events.ts';

interface Order {
  readonly status: 'none' | 'placed' | 'accepted' | 'cancelled' | 'delivered';
  readonly quantity: number;
}
type Command =
  | { readonly kind: 'place'; readonly quantity: number }
  | { readonly kind: 'accept' | 'cancel' | 'deliver' | 'note' };

const statusAfter = {
  OrderPlaced: 'placed',
  OrderAccepted: 'accepted',
  OrderCancelled: 'cancelled',
  OrderReinstated: 'accepted',
  OrderDelivered: 'delivered',
} as const;

const order = defineAggregate<typeof orderEvents, Order, Command>({
  name: 'order',
  events: orderEvents,
  initialState: { status: 'none', quantity: 0 },
  snapshotEvery: 100,
  decide(command, { status }) {
    const refuse = () => {
      throw new ServiceError(`An order that is ${status} cannot do that.`, {
        code: 'failed_precondition',
        reason: 'orderStatus',
      });
    };
    switch (command.kind) {
      case 'place':
        return status === 'none' ? [placed(command.quantity)] : refuse();
      case 'accept':
        return status === 'placed' ? [{ type: 'OrderAccepted', data: {} }] : refuse();
      case 'cancel':
        return status === 'placed' || status === 'accepted' ? [cancelled] : refuse();
      case 'deliver':
        return status === 'accepted' ? [{ type: 'OrderDelivered', data: {} }] : refuse();
      case 'note':
        return [];
    }
  },
  evolve: (state, each) => ({
    status: statusAfter[each.type],
    quantity: each.type === 'OrderPlaced' ? state.quantity + each.data.quantity : state.quantity,
  }),
  compensate: { OrderCancelled: () => [{ type: 'OrderReinstated', data: {} }] },
});

const accepted = { type: 'OrderAccepted', data: {} } as const;

test('an aggregate is tested by given, when, then', () => {
  given(order, [])
    .when({ kind: 'place', quantity: 2 })
    .then([placed(2)]);
  given(order, [placed()]).when({ kind: 'cancel' }).then([cancelled]);
  given(order, [placed()]).when({ kind: 'note' }).then([]);
  given(order, [placed(3)])
    .when({ kind: 'accept' })
    .thenState({ status: 'accepted', quantity: 3 });
  given(order, [placed(), cancelled]).when({ kind: 'deliver' }).thenRefused('orderStatus');
  given(order, [placed(), cancelled]).thenState({ status: 'cancelled', quantity: 1 });
  assert.throws(() => given(order, [placed()]).when({ kind: 'cancel' }).then([]), assert.AssertionError);
  assert.throws(() => given(order, [placed()]).when({ kind: 'cancel' }).thenRefused('orderStatus'));
  assert.throws(() => given(order, [placed(), cancelled]).when({ kind: 'cancel' }).thenRefused('other'));
});

test('a command is decided on the state of all events, and refusals append nothing', async (t) => {
  const { database } = await createEventDatabase(t);
  const orders = createRepository(createEventStore({ database, events: orderEvents }), order);
  await orders.execute('1', { kind: 'place', quantity: 2 });
  const { state, revision, position } = await orders.execute('1', { kind: 'accept' });
  assert.deepEqual([state, revision], [{ status: 'accepted', quantity: 2 }, 1]);
  assert.ok((position ?? 0) > 0);
  await assert.rejects(orders.execute('1', { kind: 'place', quantity: 1 }), { reason: 'orderStatus' });
  assert.deepEqual((await orders.execute('1', { kind: 'note' })).events, []);
  assert.deepEqual(await orders.load('1'), { state: { status: 'accepted', quantity: 2 }, revision: 1 });
  assert.deepEqual(await orders.load('2'), { state: { status: 'none', quantity: 0 }, revision: -1 });
});

test('concurrent commands on one aggregate are decided anew, until a bound', async (t) => {
  const { database, connect } = await createEventDatabase(t);
  const counterEvents = defineEvents({ Counted: defineEvent({ schema: z.object({ to: z.number() }) }) });
  const counter = defineAggregate<typeof counterEvents, number, 'count'>({
    name: 'counter',
    events: counterEvents,
    initialState: 0,
    decide: (_, count) => [{ type: 'Counted', data: { to: count + 1 } }],
    evolve: (_, { data }) => data.to,
  });
  const repositories = [database, connect()].map((each) =>
    createRepository(createEventStore({ database: each, events: counterEvents }), counter, {
      maxAttempts: 50,
    }),
  );
  await Promise.all(
    repositories.flatMap((each) => Array.from({ length: 20 }, () => each.execute('1', 'count'))),
  );
  for (const each of repositories) assert.equal((await each.load('1')).state, 40);
  const store = createEventStore({ database, events: counterEvents });
  let attempts = 0;
  const overtaken = createRepository(
    {
      ...store,
      sql: store.sql,
      readStream: async (...parameters: Parameters<typeof store.readStream>) => {
        const events = await store.readStream(...parameters);
        await store.append('counter-2', [{ type: 'Counted', data: { to: 0 } }]);
        attempts += 1;
        return events;
      },
      append: store.append.bind(store),
    } as typeof store,
    counter,
    { maxAttempts: 3 },
  );
  await assert.rejects(overtaken.execute('2', 'count'), { reason: 'wrong_expected_revision' });
  assert.equal(attempts, 3);
});

test('the caller can insist on the revision that it has seen', async (t) => {
  const { database } = await createEventDatabase(t);
  const orders = createRepository(createEventStore({ database, events: orderEvents }), order);
  await orders.execute('1', { kind: 'place', quantity: 1 }, { expected: -1 });
  await assert.rejects(orders.execute('1', { kind: 'accept' }, { expected: 5 }), {
    code: 'aborted',
    reason: 'wrong_expected_revision',
    details: { stream: 'order-1', expected: 5, actual: 0 },
  });
});

test('the state as of a revision and as of a time, and back after the last event', async (t) => {
  const { database } = await createEventDatabase(t);
  const store = createEventStore({ database, events: orderEvents });
  const orders = createRepository(store, order);
  await orders.execute('23', { kind: 'place', quantity: 1 }, { metadata: { by: 'ann' } });
  await orders.execute('23', { kind: 'accept' }, { metadata: { by: 'bob' } });
  await database.sql`select pg_sleep(0.01)`;
  const [row] = await database.sql<{ now: string }>`select clock_timestamp() as now`;
  await orders.execute('23', { kind: 'deliver' }, { metadata: { by: 'cem' } });
  const statusOf = async (options?: Parameters<typeof orders.load>[1]) =>
    (await orders.load('23', options)).state.status;
  assert.equal(await statusOf(), 'delivered');
  assert.equal(await statusOf({ revision: 1 }), 'accepted');
  assert.equal(await statusOf({ revision: 0 }), 'placed');
  assert.equal(await statusOf({ recordedUntil: row?.now ?? '' }), 'accepted');
  assert.equal(await statusOf({ recordedUntil: '2000-01-01T00:00:00Z' }), 'none');
  const history = await store.readStream('order-23');
  assert.deepEqual(
    history.map(({ type, metadata }) => [type, metadata['by']]),
    [
      ['OrderPlaced', 'ann'],
      ['OrderAccepted', 'bob'],
      ['OrderDelivered', 'cem'],
    ],
  );
});

test('the last events are reversed by what makes up for them, or not at all', async (t) => {
  const { database } = await createEventDatabase(t);
  const store = createEventStore({ database, events: orderEvents });
  const orders = createRepository(store, order);
  await orders.execute('1', { kind: 'place', quantity: 2 });
  await orders.execute('1', { kind: 'accept' });
  const before = await orders.load('1');
  await orders.execute('1', { kind: 'cancel' });
  const reversed = await orders.reverse('1', 1, { metadata: { by: 'ann' } });
  assert.deepEqual(reversed.state, before.state);
  assert.deepEqual((await orders.load('1')).state, before.state);
  const last = (await store.readStream('order-1')).at(-1);
  assert.deepEqual([last?.type, last?.metadata], ['OrderReinstated', { by: 'ann', reverses: [2] }]);
  for (const count of [0, 5, 1.5])
    await assert.rejects(orders.reverse('1', count), { reason: 'not_reversible' });
  await assert.rejects(orders.reverse('1', 3), { code: 'failed_precondition', reason: 'not_reversible' });
  // Cancelled before it was accepted: the compensation would lead to another state than before.
  await orders.execute('2', { kind: 'place', quantity: 1 });
  await orders.execute('2', { kind: 'cancel' });
  await assert.rejects(orders.reverse('2', 1), { reason: 'not_reversible' });
  assert.equal((await store.readStream('order-2')).length, 2);
});

test('all events, a snapshot, and a snapshot with later events give the same state', async (t) => {
  const { database } = await createEventDatabase(t);
  const store = createEventStore({ database, events: orderEvents });
  const many = Array.from({ length: 1_000 }, () => placed(1));
  await store.append('order-1', many);
  const plain = createRepository(store, { ...order, snapshotEvery: undefined });
  const orders = createRepository(store, order);
  const expected = await plain.load('1');
  assert.deepEqual(expected, { state: { status: 'placed', quantity: 1_000 }, revision: 999 });
  assert.deepEqual(await orders.load('1'), expected);
  const snapshots = () => database.sql<{ revision: number; shape: string }>`
    select revision, shape from banyan.event_snapshot`;
  assert.deepEqual(await snapshots(), [{ revision: 999, shape: 'order@1' }]);
  assert.deepEqual(await orders.load('1'), expected);
  await store.append('order-1', [accepted]);
  assert.deepEqual(await orders.load('1'), await plain.load('1'));
  assert.deepEqual(await orders.load('1', { revision: 500 }), await plain.load('1', { revision: 500 }));
  // The snapshot is really used: it is all that knows of the number of a thousand and one.
  await database.sql`update banyan.event_snapshot set state = '{"status":"placed","quantity":1001}'`;
  assert.equal((await orders.load('1')).state.quantity, 1_001);
});

test('a snapshot of another version of the aggregate is thrown away', async (t) => {
  const { database } = await createEventDatabase(t);
  const store = createEventStore({ database, events: orderEvents });
  await store.append(
    'order-1',
    Array.from({ length: 200 }, () => placed(1)),
  );
  await createRepository(store, order).load('1');
  const changed = createRepository(
    store,
    defineAggregate<typeof orderEvents, { total: number }, Command>({
      name: 'order',
      events: orderEvents,
      version: 2,
      initialState: { total: 0 },
      snapshotEvery: 100,
      decide: () => [],
      evolve: ({ total }, each) => ({
        total: each.type === 'OrderPlaced' ? total + each.data.quantity * 10 : total,
      }),
    }),
  );
  assert.deepEqual((await changed.load('1')).state, { total: 2_000 });
  assert.deepEqual(await database.sql`select shape from banyan.event_snapshot`, [{ shape: 'order@2' }]);
});

test('what was decided by older rules keeps its meaning: the state knows the version of each event', async (t) => {
  const { database } = await createEventDatabase(t);
  const versions = [1, 2].map((version) =>
    defineEvents({
      PriceSet: defineEvent({
        schema: z.object({ cents: z.number() }),
        version,
        upcast: version === 1 ? {} : { 1: (old) => old },
      }),
    }),
  );
  const [old, current] = versions as [(typeof versions)[0] & object, (typeof versions)[0] & object];
  await createEventStore({ database, events: old }).append('price-1', [
    { type: 'PriceSet', data: { cents: 1_050 } },
  ]);
  const store = createEventStore({ database, events: current });
  await store.append('price-1', [{ type: 'PriceSet', data: { cents: 1_050 } }]);
  const price = defineAggregate<typeof current, readonly number[], never>({
    name: 'price',
    events: current,
    initialState: [],
    decide: () => [],
    // The first version rounded down to whole units; bills that were sent by it stay as they were.
    evolve: (paid, { data, version }) => [
      ...paid,
      version === 1 ? Math.floor(data.cents / 100) * 100 : data.cents,
    ],
  });
  assert.deepEqual((await createRepository(store, price).load('1')).state, [1_000, 1_050]);
});

const OrderNews = z.object({ orderId: z.string(), revision: z.int() });
const shop = contract('shop', {
  version: '1.0.0',
  operations: {},
  events: {
    placed: event('ShopOrderPlaced', { data: OrderNews, key: 'orderId' }),
    delivered: event('ShopOrderDelivered', { data: OrderNews, key: 'orderId' }),
  },
});

test('only mapped events are published, in the transaction of the append, and never by reading', async (t) => {
  const { database } = await createEventDatabase(t);
  const publication = definePublication(shop, orderEvents, {
    OrderPlaced: ({ stream, revision }) => ['placed', { orderId: stream.slice('order-'.length), revision }],
    OrderDelivered: ({ stream, revision }) => [
      'delivered',
      { orderId: stream.slice('order-'.length), revision },
    ],
  });
  const orders = createRepository(createEventStore({ database, events: orderEvents }), order, {
    publication,
  });
  const emitted: unknown[] = [];
  const emit = (name: string, data: unknown) => emitted.push([name, data]);
  await database.tx(async ({ sql, onCommit }) => {
    await orders.execute('1', { kind: 'place', quantity: 1 }, { tx: { sql, emit, onCommit } });
    // What a handler of an event, or a step of a saga, has of its transaction.
    await orders.execute('1', { kind: 'accept' }, { tx: { sql, emit } });
    await orders.execute('1', { kind: 'deliver' }, { tx: { sql, emit } });
  });
  await orders.load('1');
  assert.deepEqual(emitted, [
    ['placed', { orderId: '1', revision: 0 }],
    ['delivered', { orderId: '1', revision: 2 }],
  ]);
  await assert.rejects(orders.execute('2', { kind: 'place', quantity: 1 }), TypeError);
  assert.throws(() => definePublication(shop, orderEvents, { Other: () => undefined } as never), TypeError);
});
