import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import {
  createEventStore,
  createRepository,
  defineAggregate,
  defineEvent,
  defineEvents,
} from '@banyan/event-store';
import { z } from 'zod';
import { createEventDatabase } from './event-database.ts';

const Person = z.object({ customerId: z.string(), name: z.string(), city: z.string() });
const events = defineEvents({
  CustomerRegistered: defineEvent({
    schema: Person,
    personal: { subject: ({ customerId }) => customerId, erased: { name: '(erased)' } },
  }),
});
const registered = (customerId: string, name: string) =>
  ({ type: 'CustomerRegistered', data: { customerId, name, city: 'Bern' } }) as const;

const encryption = { keys: { a: new Uint8Array(randomBytes(32)) }, current: 'a' };

test('personal fields are encrypted in the database and read in plain', async (t) => {
  const { database } = await createEventDatabase(t);
  const store = createEventStore({ database, events, encryption });
  await store.append('customer-1', [registered('c1', 'Ada Lovelace')]);
  await database.tx((tx) => store.append('customer-2', [registered('c2', 'Grace Hopper')], { tx }));
  const rows = await database.sql<{ data: string }>`select data::text from banyan.event order by position`;
  for (const { data } of rows) {
    assert.doesNotMatch(data, /Ada|Grace/);
    assert.match(data, /"city":"Bern"/);
  }
  const names = [...(await store.readStream('customer-1')), ...(await store.readStream('customer-2'))];
  assert.deepEqual(
    names.map(({ data, erased, subject }) => [data.name, erased, subject]),
    [
      ['Ada Lovelace', false, 'c1'],
      ['Grace Hopper', false, 'c2'],
    ],
  );
});

test('a key that a transaction made and read, and that went with it, is not used afterwards', async (t) => {
  const { database } = await createEventDatabase(t);
  const store = createEventStore({ database, events, encryption });
  const attempt = (isRefused: boolean) =>
    database.tx(async (tx) => {
      await store.append('customer-1', [registered('c1', 'Ada')], { tx });
      const [ada] = await store.readStream('customer-1', { tx });
      assert.equal(ada?.data.name, 'Ada');
      if (isRefused) throw new Error('refused');
    });
  await assert.rejects(attempt(true), /refused/);
  await attempt(false);
  const [ada] = await store.readStream('customer-1');
  assert.deepEqual([ada?.data.name, ada?.erased], ['Ada', false]);
});

test('a forgotten person is redacted everywhere, marked, and nobody else is', async (t) => {
  const { database, connect } = await createEventDatabase(t);
  const store = createEventStore({ database, events, encryption });
  const elsewhere = createEventStore({
    database: connect(),
    events,
    encryption: { ...encryption, cacheMs: 0 },
  });
  await store.append('customer-1', [registered('c1', 'Ada')]);
  await store.append('customer-2', [registered('c2', 'Grace')]);
  await store.readStream('customer-1');
  await store.forget('c1');
  await store.forget('c1');
  for (const reader of [store, elsewhere]) {
    const [ada] = await reader.readStream('customer-1');
    assert.deepEqual([ada?.data, ada?.erased], [{ customerId: 'c1', name: '(erased)', city: 'Bern' }, true]);
    const { events: all } = await reader.readPage(await reader.cursorAt('start'));
    assert.deepEqual(
      all.map(({ data }) => data.name),
      ['(erased)', 'Grace'],
    );
  }
  await assert.rejects(store.append('customer-3', [registered('c1', 'Ada')]), {
    code: 'failed_precondition',
    reason: 'subject_forgotten',
  });
});

test('a process that reads the log hears at once that somebody was forgotten', async (t) => {
  const { database, connect } = await createEventDatabase(t);
  const store = createEventStore({ database, events, encryption });
  const other = createEventStore({
    database: connect(),
    events,
    encryption: { ...encryption, cacheMs: 3_600_000 },
  });
  t.after(other.onAppend(() => {}));
  await store.append('customer-1', [registered('c1', 'Ada')]);
  assert.equal((await other.readStream('customer-1'))[0]?.data.name, 'Ada');
  await store.forget('c1');
  const until = Date.now() + 10_000;
  let name: string | undefined = 'Ada';
  while (name === 'Ada' && Date.now() < until) name = (await other.readStream('customer-1'))[0]?.data.name;
  assert.equal(name, '(erased)');
});

test('snapshots do not keep what was forgotten, whoever writes one at the same time', async (t) => {
  const { database, connect } = await createEventDatabase(t);
  const customer = defineAggregate<typeof events, readonly string[], never>({
    name: 'customer',
    events,
    initialState: [],
    snapshotEvery: 1,
    decide: () => [],
    evolve: (names, { data }) => [...names, data.name],
  });
  const store = createEventStore({ database, events, encryption });
  const slow = createEventStore({
    database: connect(),
    events,
    encryption: { ...encryption, cacheMs: 3_600_000 },
  });
  await store.append('customer-1', [registered('c1', 'Ada'), registered('c2', 'Grace')]);
  await createRepository(store, customer).load('1');
  const kept = () => database.sql`select 1 from banyan.event_snapshot where state::text like '%Ada%'`;
  assert.equal((await kept()).length, 1);
  // This one still has the key in memory, and writes its snapshot after the key is gone.
  await slow.readStream('customer-1');
  await store.forget('c1');
  assert.equal((await kept()).length, 0);
  assert.deepEqual((await createRepository(slow, customer).load('1')).state, ['Ada', 'Grace']);
  assert.equal((await kept()).length, 0);
  assert.deepEqual((await createRepository(store, customer).load('1')).state, ['(erased)', 'Grace']);
});

test('a key-encryption key is replaced, and the old one is not needed afterwards', async (t) => {
  const { database } = await createEventDatabase(t);
  const b = new Uint8Array(randomBytes(32));
  await createEventStore({ database, events, encryption }).append('customer-1', [registered('c1', 'Ada')]);
  const both = createEventStore({
    database,
    events,
    encryption: { keys: { ...encryption.keys, b }, current: 'b' },
  });
  assert.equal(await both.rewrapKeys(), 1);
  assert.equal(await both.rewrapKeys(), 0);
  const onlyNew = createEventStore({ database, events, encryption: { keys: { b }, current: 'b' } });
  assert.equal((await onlyNew.readStream('customer-1'))[0]?.data.name, 'Ada');
  const onlyOld = createEventStore({ database, events, encryption });
  await assert.rejects(onlyOld.readStream('customer-1'), { reason: 'key_encryption_key_missing' });
  const none = createEventStore({ database, events });
  await assert.rejects(none.append('customer-2', [registered('c2', 'Bob')]), {
    reason: 'key_encryption_key_missing',
  });
});

test('an encrypted part that was changed, or copied from another stream, does not open', async (t) => {
  const { database } = await createEventDatabase(t);
  const store = createEventStore({ database, events, encryption });
  await store.append('customer-1', [registered('c1', 'Ada')]);
  await database.sql`
    insert into banyan.event (revision, version, stream, type, data)
    select 0, version, 'customer-9', type, data from banyan.event`;
  await assert.rejects(store.readStream('customer-9'), { code: 'data_loss', reason: 'event_tampered' });
});

test('a key of the wrong length, or a missing current one, is refused at once', async (t) => {
  const { database } = await createEventDatabase(t);
  const create = (keys: Record<string, Uint8Array>) => () =>
    createEventStore({ database, events, encryption: { keys, current: 'a' } });
  assert.throws(create({ a: new Uint8Array(16) }), TypeError);
  assert.throws(create({ b: new Uint8Array(32) }), TypeError);
});
