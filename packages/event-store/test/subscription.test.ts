import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { createEventStore, createSubscription, type Subscription } from '@banyan/event-store';
import type { PostgresDatabase } from '@banyan/postgres';
import { until } from '@banyan/testing';
import { createEventDatabase } from './event-database.ts';
import { cancelled, orderEvents, placed } from './order-events.ts';

function start(t: TestContext, subscription: Subscription): () => Promise<void> {
  const control = new AbortController();
  const running = subscription.run(control.signal);
  const stop = () => {
    control.abort();
    return running;
  };
  t.after(stop);
  return stop;
}

const fast = { leaseMs: 400, pollMs: 20 };

async function seenIn(database: PostgresDatabase): Promise<string[]> {
  const rows = await database.sql<{ name: string }>`select name from seen order by number`;
  return rows.map(({ name }) => name);
}

const makeSeen = (database: PostgresDatabase) => database.sql`create table seen (number serial, name text)`;
const names = (count: number) => Array.from({ length: count }, (_, index) => `order-${index}/0`);

test('a subscription handles what is there, then what comes, each in its own transaction', async (t) => {
  const { database } = await createEventDatabase(t);
  const store = createEventStore({ database, events: orderEvents });
  await makeSeen(database);
  for (let index = 0; index < 30; index += 1) await store.append(`order-${index}`, [placed()]);
  const subscription = createSubscription(store, {
    ...fast,
    name: 'all',
    database,
    pageSize: 7,
    async handle(events, { sql }) {
      for (const { stream, revision } of events)
        await sql`insert into seen (name) values (${`${stream}/${revision}`})`;
    },
  });
  const stop = start(t, subscription);
  await until(async () => (await seenIn(database)).length === 30);
  await store.append('order-30', [placed()]);
  await until(async () => (await seenIn(database)).length === 31);
  await stop();
  await store.append('order-31', [placed()]);
  assert.ok((await subscription.lag()).positions > 0);
  start(t, subscription);
  await until(async () => (await seenIn(database)).length === 32);
  assert.deepEqual(await seenIn(database), names(32));
  assert.deepEqual(await subscription.lag(), { positions: 0, ageMs: 0 });
});

test('an append in another process wakes a subscription without waiting for the next look', async (t) => {
  const { database, connect } = await createEventDatabase(t);
  const store = createEventStore({ database, events: orderEvents });
  const other = createEventStore({ database: connect(), events: orderEvents });
  const seen: string[] = [];
  const subscription = createSubscription(store, {
    name: 'woken',
    database,
    pollMs: 3_600_000,
    handle: async (events) => {
      seen.push(...events.map(({ stream }) => stream));
    },
  });
  await other.append('order-1', [placed()]);
  start(t, subscription);
  await until(() => seen.length === 1);
  // Nothing but the wake-up can bring this one.
  let next = 2;
  await until(async () => {
    await other.append(`order-${next++}`, [placed()]);
    return seen.length > 1;
  });
});

test('it begins at the end, or with the types and categories that it wants', async (t) => {
  const { database } = await createEventDatabase(t);
  const store = createEventStore({ database, events: orderEvents });
  await store.append('order-1', [placed()]);
  const seen: Record<string, string[]> = { end: [], type: [], category: [] };
  const collect = (name: string, options: object) =>
    start(
      t,
      createSubscription(store, {
        ...fast,
        ...options,
        name,
        database,
        handle: async (events) => {
          seen[name]?.push(...events.map(({ stream, revision }) => `${stream}/${revision}`));
        },
      }),
    );
  collect('end', { from: 'end' });
  collect('type', { filter: { types: ['OrderCancelled'] } });
  collect('category', { filter: { categories: ['cart'] } });
  await until(async () => (await database.sql`select 1 from banyan.event_subscription`).length === 3);
  await store.append('order-1', [cancelled]);
  await store.append('cart-1', [placed()]);
  await until(
    () => seen['end']?.length === 2 && seen['type']?.length === 1 && seen['category']?.length === 1,
  );
  assert.deepEqual(seen, { end: ['order-1/1', 'cart-1/0'], type: ['order-1/1'], category: ['cart-1/0'] });
});

test('a failing handler is tried again with the same events, none overtakes them, and nothing of it stays', async (t) => {
  const { database } = await createEventDatabase(t);
  const store = createEventStore({ database, events: orderEvents });
  await makeSeen(database);
  for (let index = 0; index < 10; index += 1) await store.append(`order-${index}`, [placed()]);
  let failures = 0;
  const subscription = createSubscription(store, {
    ...fast,
    // Only the back-off brings the next attempt, not a look at who else is there.
    leaseMs: 3_600_000,
    name: 'failing',
    database,
    pageSize: 3,
    async handle(events, { sql }) {
      for (const { stream, revision } of events) {
        await sql`insert into seen (name) values (${`${stream}/${revision}`})`;
        if (stream === 'order-4' && failures < 4) {
          failures += 1;
          throw new Error('not yet');
        }
      }
    },
  });
  start(t, subscription);
  await until(() => subscription.lastError !== undefined);
  await until(async () => (await seenIn(database)).length === 10);
  assert.deepEqual(await seenIn(database), names(10));
  assert.equal(failures, 4);
  assert.equal(subscription.lastError, undefined);
});

test('one instance runs a subscription; another takes over when it is gone', async (t) => {
  const { database, connect } = await createEventDatabase(t);
  const store = createEventStore({ database, events: orderEvents });
  const by: string[] = [];
  const create = (name: string) =>
    createSubscription(store, {
      ...fast,
      name: 'one',
      database: connect(),
      handle: async () => {
        by.push(name);
      },
    });
  const stopFirst = start(t, create('first'));
  await store.append('order-1', [placed()]);
  await until(() => by.length > 0);
  start(t, create('second'));
  await store.append('order-2', [placed()]);
  await until(() => by.length > 1);
  assert.deepEqual(new Set(by), new Set(['first']));
  await stopFirst();
  await store.append('order-3', [placed()]);
  await until(() => by.includes('second'));
});

test('whoever has lost the lease cannot act: the fence rolls its work back', async (t) => {
  const { database } = await createEventDatabase(t);
  const store = createEventStore({ database, events: orderEvents });
  await makeSeen(database);
  await store.append('order-0', [placed()]);
  let isFirst = true;
  const subscription = createSubscription(store, {
    ...fast,
    leaseMs: 60_000,
    name: 'fenced',
    database: {
      sql: database.sql,
      async tx(work, options) {
        if (isFirst) {
          isFirst = false;
          // As if this process had slept past its lease, and another one had taken it and given it back.
          await database.sql`update banyan.event_subscription set token = token + 1, owner = null, lease_until = null`;
        }
        return database.tx(work, options);
      },
    },
    async handle(events, { sql }) {
      for (const { stream } of events) await sql`insert into seen (name) values (${`${stream}/0`})`;
    },
  });
  start(t, subscription);
  await until(
    () => (subscription.lastError as { reason?: string } | undefined)?.reason === 'subscription_lease_lost',
  );
  await until(async () => (await seenIn(database)).length === 1);
  assert.deepEqual(await seenIn(database), names(1));
});

test('a page that takes longer than its lease holds one connection, and keeps its partition', async (t) => {
  const { database, connect } = await createEventDatabase(t);
  const store = createEventStore({ database, events: orderEvents });
  await makeSeen(database);
  await store.append('order-0', [placed()]);
  const entered = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  // Whatever fails below: the pools would wait for the page for ever.
  t.after(() => gate.resolve());
  const owned = connect();
  const subscription = createSubscription(store, {
    ...fast,
    leaseMs: 60,
    name: 'slow',
    database: owned,
    async handle(events, { sql }) {
      entered.resolve();
      await gate.promise;
      for (const { stream } of events) await sql`insert into seen (name) values (${`${stream}/0`})`;
    },
  });
  start(t, subscription);
  await entered.promise;
  // Its lease has been over ten times by then.
  const [row] = await database.sql<{
    at: number;
  }>`select extract(epoch from clock_timestamp())::float8 as at`;
  await until(async () => {
    const [now] = await database.sql<{ passedMs: number }>`
      select (extract(epoch from clock_timestamp()) - ${row?.at ?? 0}::float8) * 1000 as passed_ms`;
    const { connections, idle } = owned.stats();
    // One more may renew a lease at the moment.
    assert.ok(connections - idle <= 2, `${connections - idle} connections are busy`);
    return (now?.passedMs ?? 0) > 600;
  });
  gate.resolve();
  await until(async () => (await seenIn(database)).length === 1);
  assert.deepEqual(await seenIn(database), names(1));
});

test('a page begins when the renewal on its way has come through, so that none waits behind it with a connection', async (t) => {
  const { database, connect } = await createEventDatabase(t);
  const store = createEventStore({ database, events: orderEvents });
  const owned = connect();
  const [began, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  t.after(() => gate.resolve());
  const done: string[] = [];
  const slowRenewal = new Proxy(owned.sql, {
    apply(sql, self, [strings, ...values]: [TemplateStringsArray, ...unknown[]]) {
      const query = Reflect.apply(sql, self, [strings, ...values]);
      if (!/^\s*update banyan\.event_subscription set lease_until/.test(strings[0] ?? '')) return query;
      began.resolve();
      return gate.promise.then(() => query).finally(() => done.push('renewed'));
    },
  });
  const subscription = createSubscription(store, {
    ...fast,
    name: 'renewing',
    database: { sql: slowRenewal, tx: (work, options) => owned.tx(work, options) },
    async handle() {
      done.push('handled');
    },
  });
  start(t, subscription);
  await began.promise;
  await store.append('order-0', [placed()]);
  // Far more round trips than the page would need.
  for (let trip = 0; trip < 50; trip += 1) await database.sql`select 1`;
  gate.resolve();
  await until(() => done.includes('handled'));
  assert.equal(done[0], 'renewed');
});

test('a failing partition goes to another instance, and the first one says no longer that it fails', async (t) => {
  const { database, connect } = await createEventDatabase(t);
  const store = createEventStore({ database, events: orderEvents });
  await store.append('order-0', [placed()]);
  const create = (handle: () => Promise<void>) =>
    createSubscription(store, { ...fast, name: 'moved', database: connect(), handle });
  const sick = create(() => Promise.reject(new Error('this machine is sick')));
  start(t, sick);
  await until(() => sick.lastError !== undefined);
  let handled = 0;
  start(
    t,
    create(async () => {
      handled += 1;
    }),
  );
  await until(() => handled === 1 && sick.lastError === undefined);
});

test('partitions are shared by instances, and each stream stays in order', async (t) => {
  const { database, connect } = await createEventDatabase(t);
  const store = createEventStore({ database, events: orderEvents });
  await makeSeen(database);
  for (let round = 0; round < 3; round += 1) {
    for (let index = 0; index < 20; index += 1) await store.append(`order-${index}`, [placed()]);
  }
  const create = () =>
    createSubscription(store, {
      ...fast,
      name: 'parted',
      database: connect(),
      partitions: 4,
      pageSize: 5,
      async handle(events, { sql }) {
        for (const { stream, revision } of events)
          await sql`insert into seen (name) values (${`${stream}/${revision}`})`;
      },
    });
  start(t, create());
  start(t, create());
  await until(async () => (await seenIn(database)).length === 60);
  const seen = await seenIn(database);
  assert.equal(new Set(seen).size, 60);
  for (const group of Map.groupBy(seen, (name) => name.split('/')[0]).values()) {
    assert.deepEqual(
      group.map((name) => name.split('/')[1]),
      ['0', '1', '2'],
    );
  }
  const changed = createSubscription(store, {
    ...fast,
    name: 'parted',
    database,
    partitions: 3,
    handle: async () => {},
  });
  start(t, changed);
  await until(
    () => (changed.lastError as { reason?: string } | undefined)?.reason === 'subscription_changed',
  );
});
