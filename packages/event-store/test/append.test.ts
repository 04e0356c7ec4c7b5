import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createEventStore } from '@banyan/event-store';
import { createEventDatabase } from './event-database.ts';
import { cancelled, orderEvents, placed } from './order-events.ts';

const refusal = (expected: unknown, actual: number | undefined) => ({
  code: 'aborted',
  reason: 'wrong_expected_revision',
  details: { stream: 'order-1', expected, actual },
});

test('events of a stream are numbered from 0 and read in order, with what was recorded', async (t) => {
  const { database } = await createEventDatabase(t);
  const store = createEventStore({ database, events: orderEvents });
  const first = await store.append('order-1', [placed(2)], { expected: 'noStream', metadata: { by: 'ann' } });
  const second = await store.append('order-1', [{ type: 'OrderAccepted', data: {} }, cancelled], {
    expected: 0,
  });
  assert.deepEqual([first.revision, second.revision], [0, 2]);
  assert.ok(second.position > first.position);
  const events = await store.readStream('order-1');
  assert.deepEqual(
    events.map(({ type, data, revision }) => [type, data, revision]),
    [
      ['OrderPlaced', { item: 'mug', quantity: 2 }, 0],
      ['OrderAccepted', {}, 1],
      ['OrderCancelled', { reason: 'changed my mind' }, 2],
    ],
  );
  assert.deepEqual(events[0]?.metadata, { by: 'ann' });
  assert.match(events[0]?.recordedAt ?? '', /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  assert.deepEqual(await store.readStream('order-2'), []);
});

test('an append that expects something else is refused with the actual revision', async (t) => {
  const { database } = await createEventDatabase(t);
  const store = createEventStore({ database, events: orderEvents });
  await assert.rejects(store.append('order-1', [placed()], { expected: 0 }), refusal(0, -1));
  await assert.rejects(
    store.append('order-1', [placed()], { expected: 'streamExists' }),
    refusal('streamExists', -1),
  );
  await store.append('order-1', [placed(), cancelled], { expected: 'noStream' });
  await assert.rejects(store.append('order-1', [placed()], { expected: 'noStream' }), refusal('noStream', 1));
  await assert.rejects(store.append('order-1', [placed()], { expected: 0 }), refusal(0, 1));
  await assert.rejects(store.append('order-1', [placed()], { expected: 2 }), refusal(2, 1));
  await store.append('order-1', [placed()], { expected: 'streamExists' });
  await store.append('order-1', [placed()], { expected: 'any' });
  await store.append('order-1', [placed()], { expected: 3 });
  assert.equal((await store.readStream('order-1')).length, 5);
});

test('of callers in one batch that expect the same revision exactly one wins', async (t) => {
  const { database } = await createEventDatabase(t);
  const store = createEventStore({ database, events: orderEvents });
  const results = await Promise.allSettled(
    Array.from({ length: 50 }, (_, index) =>
      store.append('order-1', [placed(index + 1)], { expected: 'noStream' }),
    ),
  );
  assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1);
  assert.equal((await store.readStream('order-1')).length, 1);
});

test('appends of one batch to one stream that expect any are all kept, in the order they were asked for', async (t) => {
  const { database } = await createEventDatabase(t);
  const store = createEventStore({ database, events: orderEvents });
  const appended = await Promise.all(
    Array.from({ length: 200 }, (_, index) =>
      store.append(`order-${index % 2}`, [placed(index + 1), cancelled], { expected: 'any' }),
    ),
  );
  const events = await store.readStream('order-1');
  assert.deepEqual(
    events.map(({ revision }) => revision),
    Array.from({ length: 200 }, (_, index) => index),
  );
  const quantities = events.flatMap((event) => (event.type === 'OrderPlaced' ? [event.data.quantity] : []));
  assert.deepEqual(
    quantities,
    Array.from({ length: 100 }, (_, index) => index * 2 + 2),
  );
  for (const [index, { revision }] of appended.entries())
    assert.equal(revision, Math.floor(index / 2) * 2 + 1);
});

test('two writers with the same expected revision, 1,000 rounds: exactly one wins each', async (t) => {
  const { database, connect } = await createEventDatabase(t);
  const left = createEventStore({ database, events: orderEvents });
  const right = createEventStore({ database: connect(), events: orderEvents });
  for (let round = 0; round < 1_000; round += 1) {
    const expected = round === 0 ? 'noStream' : round - 1;
    const results = await Promise.allSettled([
      left.append('order-1', [placed(1)], { expected }),
      right.append('order-1', [placed(2)], { expected }),
    ]);
    const lost = results.filter((result) => result.status === 'rejected');
    assert.equal(lost.length, 1, `round ${round}`);
    assert.equal(lost[0]?.reason.reason, 'wrong_expected_revision');
    assert.equal(lost[0]?.reason.details.actual, round);
  }
  assert.equal((await left.readStream('order-1')).length, 1_000);
});

test('an append in a transaction is there if, and only if, the transaction commits', async (t) => {
  const { database } = await createEventDatabase(t);
  const store = createEventStore({ database, events: orderEvents });
  await database.sql`create table note (text text)`;
  const stop = new Error('stop');
  const attempt = database.tx(async (tx) => {
    await tx.sql`insert into note values ('one')`;
    await store.append('order-1', [placed()], { expected: 'noStream', tx });
    assert.equal((await store.readStream('order-1', { tx })).length, 1);
    throw stop;
  });
  await assert.rejects(attempt, stop);
  assert.deepEqual(await store.readStream('order-1'), []);
  await database.tx(async (tx) => {
    await tx.sql`insert into note values ('two')`;
    await store.append('order-1', [placed()], { expected: 'noStream', tx });
    await store.append('order-1', [cancelled], { expected: 0, tx });
  });
  assert.equal((await store.readStream('order-1')).length, 2);
  assert.deepEqual(await database.sql`select text from note`, [{ text: 'two' }]);
});

test('a conflict inside a transaction leaves the transaction usable', async (t) => {
  const { database } = await createEventDatabase(t);
  const store = createEventStore({ database, events: orderEvents });
  await store.append('order-1', [placed()]);
  await database.tx(async (tx) => {
    await assert.rejects(
      store.append('order-1', [cancelled], { expected: 'noStream', tx }),
      refusal('noStream', 0),
    );
    await store.append('order-1', [cancelled], { expected: 0, tx });
  });
  assert.equal((await store.readStream('order-1')).length, 2);
});

test('a stricter isolation gives the same refusal, without the revision that it cannot see', async (t) => {
  const { database } = await createEventDatabase(t);
  const store = createEventStore({ database, events: orderEvents });
  const attempt = database.tx(
    async (tx) => {
      await tx.sql`select 1`;
      await store.append('order-1', [placed()]);
      await store.append('order-1', [placed()], { expected: 'noStream', tx });
    },
    { isolation: 'repeatable read' },
  );
  await assert.rejects(attempt, refusal('noStream', undefined));
});

test('a transaction that holds a stream holds up nobody else', async (t) => {
  const { database } = await createEventDatabase(t);
  const store = createEventStore({ database, events: orderEvents });
  let waiting: Promise<unknown> | undefined;
  await database.tx(async (tx) => {
    await store.append('order-1', [placed()], { tx });
    waiting = store.append('order-1', [cancelled], { expected: 0 });
    // All in the process go through one batcher, and some of these share a statement with the one that has to wait.
    for (let index = 2; index < 60; index += 1) await store.append(`order-${index}`, [placed()]);
  });
  assert.deepEqual((await waiting) !== undefined && (await store.readStream('order-1')).length, 2);
});

test('one bad append in a batch fails alone', async (t) => {
  const { database } = await createEventDatabase(t);
  await database.sql`alter table banyan.event add constraint no_thirteen check (data::text not like '%:13}')`;
  const store = createEventStore({ database, events: orderEvents });
  const results = await Promise.allSettled(
    Array.from({ length: 30 }, (_, index) => store.append(`order-${index}`, [placed(index + 1)])),
  );
  const failed = results.flatMap((result, index) => (result.status === 'rejected' ? [index] : []));
  assert.deepEqual(failed, [12]);
  assert.equal((await database.sql`select 1 from banyan.event`).length, 29);
});

test('events can be neither changed nor deleted', async (t) => {
  const { database } = await createEventDatabase(t);
  const store = createEventStore({ database, events: orderEvents });
  await store.append('order-1', [{ ...placed(), tags: ['a'] }]);
  for (const statement of [
    database.sql`update banyan.event set type = 'Other'`,
    database.sql`delete from banyan.event`,
    database.sql`truncate banyan.event`,
    database.sql`delete from banyan.event_tag`,
  ]) {
    await assert.rejects(statement, { code: 'failed_precondition', reason: 'constraint_violation' });
  }
  assert.equal((await store.readStream('order-1')).length, 1);
});

test('input that cannot be stored is refused before anything is written', async (t) => {
  const { database } = await createEventDatabase(t);
  const store = createEventStore({ database, events: orderEvents });
  const invalid = { code: 'invalid_argument', reason: 'append_invalid' };
  const untyped = store.append.bind(store) as unknown as (...parameters: unknown[]) => Promise<unknown>;
  for (const stream of ['', 'x'.repeat(201), 'a\0b', '\ud800', undefined, 7]) {
    await assert.rejects(untyped(stream, [placed()]), invalid);
  }
  await assert.rejects(untyped('order-1', []), invalid);
  await assert.rejects(untyped('order-1', undefined), invalid);
  await assert.rejects(untyped('order-1', Array(10_001).fill(placed())), invalid);
  for (const expected of [-1, 1.5, Number.NaN, 2 ** 60, 'latest']) {
    await assert.rejects(untyped('order-1', [placed()], { expected }), invalid);
  }
  await assert.rejects(untyped('order-1', [{ ...placed(), tags: [''] }]), invalid);
  await assert.rejects(untyped('order-1', [{ ...placed(), tags: Array(51).fill('t') }]), invalid);
  await assert.rejects(untyped('order-1', [placed()], { metadata: [1] }), invalid);
  const huge = { type: 'OrderPlaced', data: { item: 'x'.repeat(1_100_000), quantity: 1 } };
  await assert.rejects(untyped('order-1', [huge]), invalid);
  await assert.rejects(untyped('order-1', [{ type: 'OrderPlaced', data: { item: 1 } }]), {
    reason: 'invalid_input',
  });
  await assert.rejects(untyped('order-1', [{ type: 'constructor', data: {} }]), {
    reason: 'event_type_unknown',
  });
  assert.deepEqual(await store.readStream('order-1'), []);
});

test('text that SQL and JSON treat specially comes back as it was', async (t) => {
  const { database } = await createEventDatabase(t);
  const store = createEventStore({ database, events: orderEvents });
  const item = `'"\\ \0 \u2028 {1,2} NULL ${'é'.repeat(100)} 😀`;
  const stream = `o'rder-"{,}\\ 😀`;
  await store.append(stream, [{ type: 'OrderPlaced', data: { item, quantity: 1 }, tags: ['{a,"b"}'] }]);
  const [event] = await store.readStream(stream);
  assert.deepEqual(event?.type === 'OrderPlaced' && event.data.item, item);
  assert.deepEqual(event?.tags, ['{a,"b"}']);
});
