import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createEvent, type OutboxCursor } from '@banyan/events';
import { createPostgresOutbox } from '@banyan/postgres';
import { createServiceDatabase } from './events-databases.ts';
import { hold } from './held-transaction.ts';

const sample = (key: string, number: number) =>
  createEvent({ service: 'orders', name: 'placed', type: 'Placed', key, data: { number }, occurredAtMs: 0 });

test('more late events than fit into a page are read in order, once, with what commits meanwhile', async (t) => {
  const { database } = await createServiceDatabase(t);
  const outbox = createPostgresOutbox(database);
  // Beyond ten numbers, so that an order by their texts would be another one.
  const many = Array.from({ length: 25 }, (_, number) => sample('late', number));
  const endFirst = await hold(database, (sql) => outbox.append(sql, many));
  const endSecond = await hold(database, (sql) =>
    outbox.append(sql, [sample('later', 0), sample('later', 1)]),
  );
  await database.tx(({ sql }) => outbox.append(sql, [sample('early', 0)]));
  const lease = await outbox.acquire('orders-1', 60_000);
  assert.ok(lease);
  let cursor: OutboxCursor = await outbox.cursor(lease);
  const read: string[] = [];
  const step = async () => {
    const page = await outbox.read(cursor, 4);
    assert.ok(page.events.length <= 4);
    cursor = page.cursor;
    read.push(
      ...page.events.map(({ text }) => {
        const { subject, data } = JSON.parse(text) as { subject: string; data: { number: number } };
        return `${subject} ${data.number}`;
      }),
    );
    return page.more;
  };
  while (await step());
  assert.deepEqual(read, ['early 0']);
  await endFirst();
  await step();
  // Its events have numbers behind those of the first, and become visible while those are still being read.
  await endSecond();
  while (await step());
  const late = many.map((_, number) => `late ${number}`);
  assert.deepEqual(
    read.filter((event) => event.startsWith('late ')),
    late,
  );
  assert.deepEqual(
    read.filter((event) => event.startsWith('later ')),
    ['later 0', 'later 1'],
  );
  assert.equal(read.length, 28);
  await outbox.confirm(lease, cursor);
  assert.equal((await outbox.backlog()).count, 0);
});

test('the cursor stays small, however many transactions roll back while one stays open', async (t) => {
  const { database } = await createServiceDatabase(t);
  const { database: bystander } = await createServiceDatabase(t);
  const outbox = createPostgresOutbox(database);
  const end = await hold(bystander, (sql) => sql`create table idle_writer (number int)`);
  const lease = await outbox.acquire('orders-1', 60_000);
  assert.ok(lease);
  let cursor = await outbox.cursor(lease);
  let seen = 0;
  for (let number = 0; number < 200; number += 1) {
    await assert.rejects(
      database.tx(async ({ sql }) => {
        await outbox.append(sql, [sample('lost', number)]);
        throw new Error('rolled back');
      }),
      /rolled back/,
    );
    if (number % 10 !== 0) continue;
    await database.tx(({ sql }) => outbox.append(sql, [sample('kept', number)]));
    const page = await outbox.read(cursor, 100);
    cursor = page.cursor;
    seen += page.events.length;
  }
  assert.equal(seen, 20);
  assert.ok(cursor.length < 500, cursor);
  await end();
});
