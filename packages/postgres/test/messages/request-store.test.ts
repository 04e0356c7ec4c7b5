import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { silentLogger, uuidv7 } from '@banyan/core';
import type { NewRequest } from '@banyan/events';
import { createPostgresRequestStore } from '@banyan/postgres';
import { createServiceDatabase } from '../events/events-databases.ts';
import { eventually } from '../events/eventually.ts';

async function open(t: TestContext, options: Partial<NewRequest> = {}) {
  const { database } = await createServiceDatabase(t);
  const requests = createPostgresRequestStore(database, { logger: silentLogger });
  const id = uuidv7();
  const request = { id, about: 'stock.reserve', waiter: undefined, expiresInMs: 60_000, callback: undefined };
  await database.tx(({ sql }) => requests.open(sql, [{ ...request, ...options }]));
  const answer = (from = 'stock', data: unknown = { left: 1 }) =>
    database.tx(({ sql }) => requests.answer(sql, { requestId: id, from, data }));
  return { database, requests, id, answer };
}

test('a request waits, is answered once by each service, and keeps the answers in their order', async (t) => {
  const { requests, id, answer } = await open(t, { callback: 'https://a.b/c' });
  assert.deepEqual(await requests.read(id), { about: 'stock.reserve', state: 'waiting', answers: [] });
  const taken = { kind: 'taken', waiter: undefined };
  assert.deepEqual(await answer('stock', { text: 'a\u0000b' }), { ...taken, callback: 'https://a.b/c' });
  // The same answer again leads to no second callback.
  assert.deepEqual(await answer('stock', { text: 'again' }), { ...taken, callback: undefined });
  await answer('store', 2);
  assert.deepEqual(await requests.read(id), {
    about: 'stock.reserve',
    state: 'answered',
    answers: [
      { from: 'stock', data: { text: 'a\u0000b' } },
      { from: 'store', data: 2 },
    ],
  });
});

test('an answer to one who gave up waiting, or whose time is over, is late', async (t) => {
  const { requests, id, answer } = await open(t, { waiter: 'orders-1' });
  assert.equal((await requests.close(id))?.state, 'expired');
  assert.deepEqual(await answer(), { kind: 'late', isKnown: true });
  assert.deepEqual(await requests.read(id), { about: 'stock.reserve', state: 'expired', answers: [] });
  assert.deepEqual(await requests.counts(), { waiting: 0, answered: 0, expired: 1, late: 1 });
  const over = await open(t, { waiter: 'orders-1', expiresInMs: 0 });
  assert.deepEqual(await over.answer(), { kind: 'late', isKnown: true });
});

test('an answer that nobody waits for in memory is taken whenever it comes', async (t) => {
  const { requests, id, answer } = await open(t, { expiresInMs: 0 });
  assert.equal((await requests.read(id))?.state, 'expired');
  assert.equal((await answer()).kind, 'taken');
  assert.equal((await requests.read(id))?.state, 'answered');
});

test('an answer to an unknown request says so', async (t) => {
  const { database, requests } = await open(t);
  const verdict = await database.tx(({ sql }) =>
    requests.answer(sql, { requestId: uuidv7(), from: 'stock', data: 1 }),
  );
  assert.deepEqual(verdict, { kind: 'late', isKnown: false });
  assert.equal(await requests.read(uuidv7()), undefined);
  assert.equal(await requests.close(uuidv7()), undefined);
});

test('whoever closes gets an answer that is being committed, or makes it late: never neither, never both', async (t) => {
  const { database, requests } = await open(t);
  for (let round = 0; round < 50; round += 1) {
    const id = uuidv7();
    const request = { id, about: 'x.y', waiter: 'orders-1', expiresInMs: 60_000, callback: undefined };
    await database.tx(({ sql }) => requests.open(sql, [request]));
    const [verdict, closed] = await Promise.all([
      database.tx(({ sql }) => requests.answer(sql, { requestId: id, from: 'stock', data: round })),
      requests.close(id),
    ]);
    assert.equal(closed?.answers.length, verdict.kind === 'taken' ? 1 : 0, `round ${round}`);
  }
});

test('an answer that is rolled back never was', async (t) => {
  const { database, requests, id } = await open(t);
  const giveUp = new Error('given up');
  await assert.rejects(
    database.tx(async ({ sql }) => {
      await requests.answer(sql, { requestId: id, from: 'stock', data: 1 });
      throw giveUp;
    }),
    giveUp,
  );
  assert.equal((await requests.read(id))?.state, 'waiting');
});

test('an announced answer is heard in another process', async (t) => {
  const { database, requests, id } = await open(t);
  const heard: (string | undefined)[] = [];
  const end = requests.onAnswer((requestId) => heard.push(requestId));
  t.after(end);
  const other = createPostgresRequestStore(database, { logger: silentLogger });
  await eventually(async () => {
    other.announce(id);
    return heard.includes(id);
  }, 'the answer is heard');
});

test('requests are forgotten with their answers when they have been over for long enough', async (t) => {
  const { requests, id, answer } = await open(t, { expiresInMs: 0 });
  await answer();
  assert.equal(await requests.prune(60_000), 0);
  assert.equal(await requests.prune(0), 1);
  assert.equal(await requests.read(id), undefined);
});
