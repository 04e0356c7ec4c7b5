import assert from 'node:assert/strict';
import { test } from 'node:test';
import { uuidv7 } from '@banyan/core';
import { eventually } from '@banyan/core/testing';
import { createPostgresSagaStore, migrate, platformMigrations } from '@banyan/postgres';
import type { MailBounds, NewSaga, Transition } from '@banyan/saga';
import { createTestDatabase } from '@banyan/testing';

type Scope = Parameters<typeof createTestDatabase>[0];

async function openStore(t: Scope) {
  const { database } = await createTestDatabase(t);
  await migrate(database, platformMigrations.service, { scope: 'banyan' });
  return { database, store: createPostgresSagaStore(database) };
}

function newSaga(id = uuidv7()): NewSaga {
  return {
    id,
    name: 'fulfilOrder',
    version: 1,
    idempotencyKey: undefined,
    input: { orderId: 'o1' },
    deadlineMs: undefined,
    user: undefined,
    traceparent: undefined,
    parent: undefined,
  };
}

function transition(id: string, change: Partial<Transition> = {}): Transition {
  const state = { steps: { reserve: { s: 'done' as const } }, done: ['reserve'], round: 0, read: [] };
  return {
    ...{ id, state, status: 'running', isHeld: true, readyInMs: undefined, mailSeen: 0, waitingFor: [] },
    ...change,
  };
}

const known = ['fulfilOrder@1'];

test('a worker whose lease ended owns nothing once another one has taken over', async (t) => {
  const { database, store } = await openStore(t);
  const { sql } = database;
  const dead = await store.join('orders-1', 1);
  const saga = newSaga();
  await store.start(sql, [saga], dead);
  const alive = await store.join('orders-2', 60_000);
  const taken = await eventually(
    () => store.claim(alive, known, 10),
    (rows) => rows.length > 0,
  );
  assert.deepEqual(
    taken.map(({ id, isTakenOver }) => [id, isTakenOver]),
    [[saga.id, true]],
  );
  assert.deepEqual(await store.advance(sql, dead, [transition(saga.id)]), []);
  assert.deepEqual(await store.advance(sql, alive, [transition(saga.id)]), [
    { id: saga.id, mailCount: 0, isHeld: true },
  ]);
  assert.equal(await store.renew(dead, 60_000), false);
  assert.equal(await store.renew(alive, 60_000), true);
});

test('a saga of a living worker is left alone', async (t) => {
  const { database, store } = await openStore(t);
  const one = await store.join('orders-1', 60_000);
  const other = await store.join('orders-2', 60_000);
  await store.start(database.sql, [newSaga()], one);
  assert.deepEqual(await store.claim(other, known, 10), []);
});

test('workers that claim at one time share what is due, and nothing twice', async (t) => {
  const { database, store } = await openStore(t);
  const sagas = Array.from({ length: 300 }, () => newSaga());
  await store.start(database.sql, sagas, undefined);
  const tokens = await Promise.all(['a', 'b', 'c', 'd'].map((name) => store.join(name, 60_000)));
  const claims = await Promise.all(tokens.map((token) => store.claim(token, known, 100)));
  const ids = claims.flat().map(({ id }) => id);
  assert.equal(new Set(ids).size, ids.length);
  assert.deepEqual(
    claims.map(({ length }) => length <= 100),
    [true, true, true, true],
  );
});

test('a saga of a version that a worker does not have is left to others', async (t) => {
  const { database, store } = await openStore(t);
  const token = await store.join('orders-1', 60_000);
  const saga = newSaga();
  await store.start(database.sql, [saga], undefined);
  assert.deepEqual(await store.claim(token, ['fulfilOrder@2', 'other@1'], 10), []);
  assert.deepEqual((await store.standing(['fulfilOrder@2'])).unknown, ['fulfilOrder@1']);
  assert.equal((await store.claim(token, known, 10))[0]?.id, saga.id);
});

test('a letter that comes while its saga is being put down wakes it', async (t) => {
  const { database, store } = await openStore(t);
  const { sql } = database;
  const token = await store.join('orders-1', 60_000);
  const saga = newSaga();
  await store.start(sql, [saga], token);
  const signal = { kind: 'signal', name: 'decision', data: { by: 'ann' }, key: 'k' } as const;
  assert.equal((await store.post(sql, saga.id, signal)).state, 'posted');
  assert.equal((await store.post(sql, saga.id, signal)).state, 'posted');
  // It does not know of the letter, so it keeps the saga.
  const down = transition(saga.id, { isHeld: false });
  assert.deepEqual(await store.advance(sql, token, [down]), [{ id: saga.id, mailCount: 1, isHeld: true }]);
  const [row] = await store.load(token, [saga.id]);
  assert.deepEqual(row?.mail, [signal]);
  const known1 = transition(saga.id, { isHeld: false, mailSeen: 1 });
  assert.deepEqual(await store.advance(sql, token, [known1]), [{ id: saga.id, mailCount: 1, isHeld: false }]);
  // Put down it is due as soon as a letter comes.
  assert.deepEqual(await store.claim(token, known, 10), []);
  assert.equal((await store.post(sql, saga.id, { ...signal, key: 'k2' })).state, 'posted');
  assert.equal((await store.claim(token, known, 10)).length, 1);
});

test('a signal is no repetition because another letter has its key somewhere in its data', async (t) => {
  const { database, store } = await openStore(t);
  const { sql } = database;
  const token = await store.join('orders-1', 60_000);
  const saga = newSaga();
  await store.start(sql, [saga], token);
  const before = {
    kind: 'signal',
    name: 'packed',
    data: { lines: [{ sku: 'm', key: 'o-17' }], text: '\n{"key":"o-17","kind":"signal"' },
    key: 'k',
  } as const;
  const paid = { kind: 'signal', name: 'paid', data: {}, key: 'o-17' } as const;
  for (const letter of [before, paid, paid, before])
    assert.equal((await store.post(sql, saga.id, letter)).state, 'posted');
  const [row] = await store.load(token, [saga.id]);
  assert.deepEqual(row?.mail, [before, paid]);
});

test('a saga is left no more letters than it may have to read, and what it has read makes room', async (t) => {
  const { database, store } = await openStore(t);
  const token = await store.join('orders-1', 60_000);
  const saga = newSaga();
  await store.start(database.sql, [saga], token);
  const letter = (key: string, size = 0) =>
    ({ kind: 'signal', name: 'item', data: 'ä'.repeat(size), key }) as const;
  const post = async (key: string, bounds: MailBounds, size?: number) =>
    (await database.tx(({ sql }) => store.post(sql, saga.id, letter(key, size), bounds))).state;
  const three = { letters: 3, bytes: 1_000 };
  for (const key of ['a', 'b', 'c', 'c']) assert.equal(await post(key, three, 60), 'posted');
  assert.deepEqual([await post('d', three), await post('a', three)], ['full', 'posted']);
  const { state } = transition(saga.id);
  const readOne = transition(saga.id, { state: { ...state, read: [0] }, mailSeen: 3 });
  assert.equal((await store.advance(database.sql, token, [readOne])).length, 1);
  assert.deepEqual([await post('d', three), await post('e', three)], ['posted', 'full']);
  // Three have 172 bytes each, and the fourth has 52; the first, which was read, counts no more.
  const tight = { letters: 10, bytes: 700 };
  assert.deepEqual([await post('e', tight, 60), await post('f', tight, 60)], ['posted', 'full']);
  const [row] = await store.load(token, [saga.id]);
  assert.deepEqual(row?.mail, [
    { kind: 'read', key: 'a' },
    ...['b', 'c'].map((key) => letter(key, 60)),
    letter('d'),
    letter('e', 60),
  ]);
  assert.equal(await post('a', tight), 'posted');
  const mail = await store.load(token, [saga.id]);
  assert.equal(mail[0]?.mail.length, 5);
});

test('what a saga has read takes no room, however many letters they were', async (t) => {
  const { database, store } = await openStore(t);
  const token = await store.join('orders-1', 60_000);
  const saga = newSaga();
  await store.start(database.sql, [saga], token);
  const { state } = transition(saga.id);
  const read: number[] = [];
  const post = (key: string) =>
    database.tx(({ sql }) =>
      store.post(
        sql,
        saga.id,
        { kind: 'signal', name: 'item', data: 'text', key },
        { letters: 2, bytes: 300 },
      ),
    );
  for (let number = 0; number < 20; number += 1) {
    assert.equal((await post(`k${number}`)).state, 'posted');
    read.push(number);
    const reading = transition(saga.id, { state: { ...state, read }, mailSeen: read.length });
    await store.advance(database.sql, token, [reading]);
  }
  assert.equal((await post('k0')).state, 'posted');
  const [row] = await store.load(token, [saga.id]);
  assert.equal(row?.mail.length, 20);
});

test('a signal is a repetition, too, if a process of an older version has left the first', async (t) => {
  const { database, store } = await openStore(t);
  const { sql } = database;
  const token = await store.join('orders-1', 60_000);
  const saga = newSaga();
  await store.start(sql, [saga], token);
  const signal = (key: string, data: unknown) => ({ kind: 'signal', name: 'paid', data, key }) as const;
  // The key stood last then.
  const mail = [signal('a', { key: 'b' }), signal('c', {})].map((letter) => JSON.stringify(letter)).join(',');
  await sql`update banyan.saga set mail = ${mail}, mail_count = 2 where id = ${saga.id}::uuid`;
  const post = (key: string) => database.tx((tx) => store.post(tx.sql, saga.id, signal(key, {})));
  for (const key of ['a', 'b', 'c', 'b', 'a']) assert.equal((await post(key)).state, 'posted');
  const [row] = await store.load(token, [saga.id]);
  assert.deepEqual(row?.mail, [signal('a', { key: 'b' }), signal('c', {}), signal('b', {})]);
});

test('an instance that is forgotten takes its journal along, or both stay', async (t) => {
  const { database, store } = await openStore(t);
  const { sql } = database;
  const token = await store.join('orders-1', 60_000);
  const saga = newSaga();
  await store.start(sql, [saga], token);
  await store.append(sql, [{ sagaId: saga.id, seq: 0, entry: { i: 0, k: 'run', n: 'ids', t: 0, r: 1 } }]);
  await store.advance(sql, token, [transition(saga.id, { status: 'completed', isHeld: false })]);
  // As a process that dies between the one and the other.
  await sql`create function refuse() returns trigger language plpgsql as $$ begin raise 'died'; end $$`;
  await sql`create trigger dies before delete on banyan.saga_journal for each row execute function refuse()`;
  await assert.rejects(store.prune(0));
  assert.equal((await store.read(saga.id))?.status, 'completed');
  await sql`drop trigger dies on banyan.saga_journal`;
  assert.equal(await store.prune(0), 1);
  assert.equal((await store.journal([saga.id])).size, 0);
});

test('letters to sagas that ended or never were are told apart', async (t) => {
  const { database, store } = await openStore(t);
  const { sql } = database;
  const token = await store.join('orders-1', 60_000);
  const saga = newSaga();
  await store.start(sql, [saga], token);
  await store.advance(sql, token, [transition(saga.id, { status: 'completed', isHeld: false })]);
  const letter = { kind: 'cancel', reason: 'late', by: 'test' } as const;
  assert.equal((await store.post(sql, saga.id, letter)).state, 'ended');
  assert.equal((await store.post(sql, uuidv7(), letter)).state, 'unknown');
});

test('an alarm about stuck sagas is raised once and taken back once, by whoever is first', async (t) => {
  const { database, store } = await openStore(t);
  const { sql } = database;
  const token = await store.join('orders-1', 60_000);
  const saga = newSaga();
  await store.start(sql, [saga], token);
  assert.equal(await store.noteAlarm(sql, true), false);
  await store.advance(sql, token, [transition(saga.id, { status: 'stuck', isHeld: false })]);
  const raised = [await store.noteAlarm(sql, true), await store.noteAlarm(sql, true)];
  assert.deepEqual([...raised, await store.noteAlarm(sql, false)], [true, false, false]);
  const stored = await store.read(saga.id);
  assert.ok(stored);
  const change = {
    id: saga.id,
    actor: 'ann',
    action: 'retry',
    state: stored.state,
    status: 'running',
  } as const;
  assert.ok(await store.change(change, stored.changedAt));
  assert.equal(await store.noteAlarm(sql, true), false);
  const takenBack = [await store.noteAlarm(sql, false), await store.noteAlarm(sql, false)];
  assert.deepEqual(takenBack, [true, false]);
});

test('hostile text comes back as it was', async (t) => {
  const { database, store } = await openStore(t);
  const { sql } = database;
  const token = await store.join(`x'; drop table "y`, 60_000);
  const nasty = `'"\\ ,{}[] \u0001 \u{1F600} \n`;
  const saga = { ...newSaga(), input: { nasty }, idempotencyKey: nasty };
  await store.start(sql, [saga], token);
  const letter = { kind: 'signal', name: 'n', data: nasty, key: nasty } as const;
  assert.equal((await store.post(sql, saga.id, letter)).state, 'posted');
  assert.equal((await store.post(sql, saga.id, letter)).state, 'posted');
  const [row] = await store.load(token, [saga.id]);
  assert.deepEqual([row?.input, row?.mail], [{ nasty }, [letter]]);
});
