import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { silentLogger } from '@banyan/core';
import { createEvent, type OutboxCursor } from '@banyan/events';
import {
  createDatabase,
  createEmbeddedServer,
  createPostgresInbox,
  createPostgresOutbox,
  openPostgresEventLog,
  type PostgresDatabase,
  platformMigrations,
} from '@banyan/postgres';
import { until } from '@banyan/testing';
import { arrivalOf } from './arrivals.ts';
import { createCountedConsumer } from './counted-consumer.ts';
import { assertCounted, createCountedTables, emitCounted, readEffects, tally } from './counted-events.ts';
import { createPlatformDatabase, createServiceDatabase, migrated } from './events-databases.ts';
import { hold } from './held-transaction.ts';

// Traps that prototypes of this design fell into. The table in this package's README says where each of the six has its test.

const placed = (key: string, number: number) =>
  createEvent({ service: 'orders', name: 'placed', type: 'Placed', key, data: { number }, occurredAtMs: 0 });

test('trap, verdicts inside one batch: of many callers that want the same thing in one batch, one is told that it has it', async (t) => {
  const { database } = await createServiceDatabase(t);
  await database.sql`create table version (number int primary key, winner int not null)`;
  const claimVersion = (number: number) =>
    database.tx(
      async ({ sql }) => {
        const attempt = async (winner: number) => {
          const won = await sql`
            insert into version values (${number}, ${winner}) on conflict do nothing returning winner`;
          return won.length === 1 ? [winner] : [];
        };
        return (await Promise.all([1, 2, 3, 4, 5, 6, 7, 8].map(attempt))).flat();
      },
      { concurrent: true },
    );
  // The first one is sent one by one, the others as a group.
  for (const number of [1, 2, 3]) {
    const [winner, ...others] = await claimVersion(number);
    assert.deepEqual(others, [], 'one winner');
    const rows = await database.sql<{ winner: number }>`select winner from version where number = ${number}`;
    assert.deepEqual(rows, [{ winner }]);
  }

  // The same among the events of a page: an event that it has three times is new once.
  const inbox = createPostgresInbox(database);
  const [first, second] = [placed('a', 1), placed('a', 2)];
  const page = await arrivalOf(inbox, [first, second, first, first]);
  const admitted = await database.tx(({ sql }) => inbox.admit(sql, page), { concurrent: true });
  assert.deepEqual(admitted, [first, second]);
  const third = placed('b', 1);
  await inbox.ingest(await arrivalOf(inbox, [third, first, third]));
  assert.equal((await inbox.counts()).pending, 1);
});

/** A database whose next transaction has an id just below a power of ten, on a server of its own; and that power. */
async function createDatabaseBeforeNewDigit(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'banyan-traps-'));
  const server = createEmbeddedServer({
    dataDir: join(folder, 'postgres'),
    logger: silentLogger,
    durable: false,
  });
  const { adminUrl } = await server.start();
  const { database } = await migrated(
    { database: createDatabase({ url: adminUrl }) },
    platformMigrations.service,
  );
  t.after(async () => {
    await database.close();
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  });
  const border = 10 ** String(await nextTransactionId(database)).length;
  const single = createDatabase({ url: adminUrl, maxConnections: 1 });
  await single.sql`select set_config('banyan.border', ${String(border - 3)}, false)`;
  await single.sql`do $$ begin
    while pg_snapshot_xmax(pg_current_snapshot())::text::int8 < current_setting('banyan.border')::int8 loop
      perform pg_current_xact_id(); commit;
    end loop; end $$`;
  await single.close();
  return { database, border };
}

async function nextTransactionId({ sql }: PostgresDatabase): Promise<number> {
  const [row] = await sql<{ id: string }>`select pg_snapshot_xmax(pg_current_snapshot())::text as id`;
  return Number(row?.id);
}

test('trap, ordering by transaction id: the order is that of numbers, where ids get another digit as well', async (t) => {
  const { database, border } = await createDatabaseBeforeNewDigit(t);
  const outbox = createPostgresOutbox(database);
  const lease = await outbox.acquire('orders-1', 60_000);
  assert.ok(lease);
  let cursor: OutboxCursor = await outbox.cursor(lease);
  assert.ok((await nextTransactionId(database)) < border);
  // Transactions on both sides of the border, which end in the opposite order.
  const ends = [];
  for (let number = 0; number < 12; number += 1) {
    ends.push(await hold(database, (sql) => outbox.append(sql, [placed(`held ${number}`, 0)])));
    await database.tx(({ sql }) => outbox.append(sql, [placed('quick', number)]));
    if (ends.length > 6) await ends.splice(3, 1)[0]?.();
  }
  assert.ok((await nextTransactionId(database)) > border);
  const read: string[] = [];
  const readOn = async () => {
    for (let more = true; more; ) {
      // So that one page has the numbers 8 to 11.
      const page = await outbox.read(cursor, 4);
      ({ cursor, more } = page);
      read.push(
        ...page.events.map(({ text }) => {
          const { subject, data } = JSON.parse(text) as { subject: string; data: { number: number } };
          return `${subject} ${data.number}`;
        }),
      );
      await outbox.confirm(lease, cursor);
    }
  };
  await readOn();
  for (const end of ends.reverse()) {
    await end();
    await readOn();
  }
  const held = Array.from({ length: 12 }, (_, number) => `held ${number} 0`);
  const quick = Array.from({ length: 12 }, (_, number) => `quick ${number}`);
  assert.deepEqual(read.toSorted(), [...held, ...quick].toSorted());
  assert.deepEqual(
    read.filter((event) => event.startsWith('quick')),
    quick,
  );
  assert.equal((await outbox.backlog()).count, 0);
});

test('trap, the server-wide reading horizon: a writer that idles in a transaction of another database holds up nobody', async (t) => {
  const { database } = await createServiceDatabase(t);
  const { database: bystander } = await createServiceDatabase(t);
  const outbox = createPostgresOutbox(database);
  const { database: platform } = await createPlatformDatabase(t);
  const log = await openPostgresEventLog(platform);
  t.after(() => log.close());
  // What stops a reader that waits until no older transaction is open, anywhere on the server.
  const ends = [
    await hold(bystander, (sql) => sql`create table idle_writer (number int)`),
    await hold(platform, (sql) => sql`create table idle_writer (number int)`),
  ];
  const from = new Map(Array.from({ length: log.partitions }, (_, index) => [index, 'start' as const]));
  const reader = await log.open({ group: 'mail', topics: ['orders.placed'], from });
  const lease = await outbox.acquire('orders-1', 60_000);
  assert.ok(lease);
  await database.tx(({ sql }) => outbox.append(sql, [placed('a', 1)]));
  const page = await outbox.read(await outbox.cursor(lease), 10);
  assert.equal(page.events.length, 1);
  await log.publish(page.events);
  const { events } = await reader.next(10, 10_000);
  assert.deepEqual(
    events.map(({ subject }) => subject),
    ['a'],
  );
  await reader.close();
  for (const end of ends) await end();
});

test('trap, errors of coalesced callers: an event whose handler fails takes nothing from the others of its batch', async (t) => {
  const { database } = await createServiceDatabase(t);
  const { database: platform } = await createPlatformDatabase(t);
  await createCountedTables(database.sql);
  // The failure is the database's, and ends the transaction that the whole batch shares.
  await database.sql`alter table effect add constraint poison check (key <> 'b' or number <> 5)`;
  const outbox = createPostgresOutbox(database);
  const inbox = createPostgresInbox(database);
  const log = await openPostgresEventLog(platform);
  for (let round = 0; round < 6; round += 1) {
    for (const key of ['a', 'b', 'c']) await emitCounted(database, outbox, { key, isRolledBack: false });
  }
  const lease = await outbox.acquire('orders-1', 60_000);
  assert.ok(lease);
  await log.publish((await outbox.read(await outbox.cursor(lease), 100)).events);
  const consumer = createCountedConsumer({ database, log, inbox, instance: 'orders-1', maxAttempts: 2 });
  t.after(async () => {
    await consumer.stop();
    await log.close();
  });
  await consumer.start();
  await until(async () => (await inbox.counts()).dead === 1, 'the poison is a dead letter');
  await until(async () => (await readEffects(database.sql)).length === 16, 'the others have their effect');
  const [letter] = await inbox.deadLetters(10);
  assert.match(letter?.reason ?? '', /violates check constraint "poison"/);
  assert.deepEqual([letter?.attempts, letter?.waiting], [2, 1]);
  await database.sql`alter table effect drop constraint poison`;
  await inbox.retryDeadLetters([letter?.id ?? ''], 'ann');
  await until(async () => (await readEffects(database.sql)).length === 18, 'everything has its effect');
  assertCounted(await readEffects(database.sql), await tally(database.sql));
});

test('trap, the checkpoint as a fence: who no longer owns it moves it nowhere, and what it did with it is undone', async (t) => {
  const { database } = await createServiceDatabase(t);
  const outbox = createPostgresOutbox(database);
  await database.tx(({ sql }) => outbox.append(sql, [placed('a', 1), placed('a', 2), placed('a', 3)]));
  const slow = await outbox.acquire('slow', 0);
  assert.ok(slow);
  const behind = await outbox.read(await outbox.cursor(slow), 1);
  const quick = await outbox.acquire('quick', 60_000);
  assert.ok(quick);
  const ahead = await outbox.read(await outbox.cursor(quick), 3);
  await outbox.confirm(quick, ahead.cursor);
  await assert.rejects(outbox.confirm(slow, behind.cursor), { code: 'aborted', reason: 'lease_lost' });
  assert.equal((await outbox.backlog()).count, 0, 'the place was not moved back');

  const inbox = createPostgresInbox(database);
  await database.sql`create table effect (owner text not null)`;
  const share = (instance: string, leaseMs: number) =>
    inbox.share({ log: 'log', partitions: 1, instance, leaseMs });
  const { leases } = await share('slow', 0);
  assert.equal(leases.length, 1);
  const event = placed('a', 1);
  const arrive = (held: typeof leases, owner: string) =>
    database.tx(async ({ sql }) => {
      await sql`insert into effect values (${owner})`;
      const page = { leases: held, topics: ['orders.placed'], events: [event], malformed: [] };
      await inbox.admit(sql, { ...page, positions: new Map([[0, '1']]) });
    });
  await until(async () => (await share('quick', 60_000)).leases.length === 1, 'another one takes over');
  await assert.rejects(arrive(leases, 'slow'), { code: 'aborted', reason: 'lease_lost' });
  await arrive((await share('quick', 60_000)).leases, 'quick');
  assert.deepEqual(await database.sql`select owner from effect`, [{ owner: 'quick' }]);
});
