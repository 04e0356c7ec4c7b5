import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger } from '@banyan/core';
import { type CloudEvent, orderingKeyOf, partitionOf, type StartAt } from '@banyan/events';
import { createPostgresOutbox, openPostgresEngines, type PostgresDatabase } from '@banyan/postgres';
import { createTestDatabase } from '@banyan/testing';
// What a service does when it opens its store.
import { settleOutbox } from '../../src/events/outbox-home.ts';
import { createServiceDatabase } from './events-databases.ts';
import { hold } from './held-transaction.ts';
import {
  emit,
  everywhere,
  lost,
  numbers,
  openLog,
  type Places,
  placed,
  readOn,
  startOf,
  topics,
} from './restored-scene.ts';

/** As a dump leaves it that is restored in another cluster: with ids of transactions that this one has yet to give. */
async function moveToAnotherCluster({ sql }: PostgresDatabase): Promise<void> {
  await sql`update banyan.outbox set xid = (pg_current_xact_id()::text::int8 + 2 * seq)::text::xid8`;
  await sql`update banyan.outbox_state set home = 'another'`;
}

/** As a dump leaves it that is restored in the same cluster: another table with the rows of before. */
async function restore(database: PostgresDatabase, last: number): Promise<void> {
  await database.tx(async ({ sql }) => {
    await sql`create table banyan.restored (like banyan.outbox including all)`;
    await sql`insert into banyan.restored overriding system value select * from banyan.outbox where seq <= ${last}`;
    await sql`drop table banyan.outbox`;
    await sql`alter table banyan.restored rename to outbox`;
    await sql`select setval(pg_get_serial_sequence('banyan.outbox', 'seq'), ${last})`;
  });
}

/** A place of a server whose transactions have higher ids than this one has given. */
async function placeOfLaterServer({ sql }: PostgresDatabase, after: number): Promise<StartAt> {
  const [state] = await sql<{ id: string; home: string; next: string }>`
    select id, home || '/' || since as home, (pg_current_xact_id()::text::int8 + 1000)::text as next from banyan.outbox_state`;
  assert.ok(state);
  const { id, home, next } = state;
  return { position: `orders@${id} ${after} ${next}:${next}: ${next} ${home}` };
}

test('consumers of an outbox restored in another cluster go on where they were, and nothing comes twice', async (t) => {
  const { database, url } = await createServiceDatabase(t);
  const log = openLog(t, url);
  await emit(database, ...numbers(1, 40));
  const state = await database.sql<{ id: string }>`select id from banyan.outbox_state`;
  await moveToAnotherCluster(database);
  // Ids of the cluster before it, which was much older.
  const old = (after: number) => ({
    position: `orders@${state[0]?.id} ${after} 900001:900001: 900000 another/0`,
  });
  let middle: Places = new Map([...startOf(log).keys()].map((partition) => [partition, old(25)]));
  let ends: Places = new Map([...startOf(log).keys()].map((partition) => [partition, old(40)]));
  let starts = startOf(log);
  const seen = { middle: [] as number[], ends: [] as number[], starts: [] as number[] };
  // Each takes an id that one of the old events may have.
  for (const number of numbers(41, 140)) {
    await emit(database, number);
    if (number % 3 !== 0) continue;
    const pages = [await readOn(log, middle), await readOn(log, ends), await readOn(log, starts)] as const;
    [middle, ends, starts] = [pages[0].from, pages[1].from, pages[2].from];
    seen.middle.push(...pages[0].seen);
    seen.ends.push(...pages[1].seen);
    seen.starts.push(...pages[2].seen);
  }
  assert.deepEqual(seen, {
    middle: numbers(26, 138),
    ends: numbers(41, 138),
    starts: numbers(1, 138),
  });
});

test('what was committed late in the old cluster is read in the new one, however many pages it fills', async (t) => {
  const { database, url } = await createServiceDatabase(t);
  const log = openLog(t, url);
  await emit(database, ...numbers(1, 40));
  const [state] = await database.sql<{ id: string }>`select id from banyan.outbox_state`;
  await database.sql`update banyan.outbox set xid = '900001' where seq <= 35`;
  await database.sql`update banyan.outbox set xid = '900000' where seq > 35`;
  await database.sql`update banyan.outbox_state set home = 'another'`;
  // The reader had passed 40 while the transaction of 1 to 35 was still open.
  const position = `orders@${state?.id} 40 900001:900002:900001 900003 another/0`;
  const from: Places = new Map([...startOf(log).keys()].map((partition) => [partition, { position }]));
  const first = await readOn(log, from);
  assert.deepEqual(first.seen, numbers(1, 35));
  await emit(database, 41);
  assert.deepEqual((await readOn(log, first.from)).seen, [41]);
});

test('a relay goes on where it was after its outbox was restored in another cluster', async (t) => {
  const { database } = await createServiceDatabase(t);
  await emit(database, ...numbers(1, 30));
  const outbox = createPostgresOutbox(database);
  const lease = await outbox.acquire('orders-1', 60_000);
  assert.ok(lease);
  await moveToAnotherCluster(database);
  await database.sql`
    update banyan.outbox_relay set after_seq = 30, seen = '900001:900001:', seen_limit = '900000', home = 'another'`;
  const seen: number[] = [];
  for (const number of numbers(31, 90)) {
    await emit(database, number);
    let cursor = await outbox.cursor(lease);
    for (let more = true; more; ) {
      const page = await outbox.read(cursor, 7);
      seen.push(
        ...page.events.map(({ text }) => (JSON.parse(text) as CloudEvent<{ number: number }>).data.number),
      );
      ({ cursor, more } = page);
      assert.ok(seen.length < 1_000, 'it reads in a circle');
      await outbox.confirm(lease, cursor);
    }
  }
  assert.deepEqual(seen, numbers(31, 90));
  assert.deepEqual(await outbox.backlog(), { count: 0, oldestAgeMs: 0, delayed: 0, dead: 0 });
  // What was published in the old cluster is forgotten like anything else.
  await outbox.prune(0);
  await outbox.prune(0);
  assert.deepEqual(await database.sql`select seq from banyan.outbox`, []);
});

test('consumers that are ahead of an outbox put back to an earlier state stop, rather than to miss what takes those numbers', async (t) => {
  const { database, url } = await createServiceDatabase(t);
  const log = openLog(t, url);
  await emit(database, ...numbers(1, 6));
  const behind = await readOn(log, startOf(log));
  await emit(database, ...numbers(7, 10));
  const ahead = await readOn(log, behind.from);
  assert.deepEqual(ahead.seen, numbers(7, 10));
  await restore(database, 8);
  const afterwards = openLog(t, url);
  // The second reads first: by the time the first asks, the numbers that it had read are given again.
  assert.deepEqual((await readOn(afterwards, behind.from)).seen, [7, 8]);
  await emit(database, ...numbers(101, 105));
  await assert.rejects(afterwards.open({ group: 'mail', topics, from: ahead.from }), lost);
  assert.deepEqual((await readOn(afterwards, behind.from)).seen, [7, 8, ...numbers(101, 105)]);
});

test('a reader that is open while the outbox is put back stops as well', async (t) => {
  const { database, url } = await createServiceDatabase(t);
  const log = openLog(t, url);
  await emit(database, ...numbers(1, 10));
  const { from } = await readOn(log, startOf(log));
  const reader = await log.open({ group: 'mail', topics, from });
  assert.deepEqual((await reader.next(10, 1)).events, []);
  await restore(database, 8);
  // A service that starts, before it emits.
  await settleOutbox(database.sql);
  await emit(database, ...numbers(101, 105));
  await assert.rejects(reader.next(10, 5_000), lost);
  await assert.rejects(reader.next(10, 5_000), lost);
});

test('a consumer that is ahead of a server whose files were put back stops', async (t) => {
  const { database, url } = await createServiceDatabase(t);
  const log = openLog(t, url);
  await emit(database, ...numbers(1, 10));
  const from = everywhere(log, await placeOfLaterServer(database, 10));
  const reader = await log.open({ group: 'mail', topics, from });
  await database.sql`delete from banyan.outbox where seq > 8`;
  await database.sql`select setval(pg_get_serial_sequence('banyan.outbox', 'seq'), 8)`;
  await assert.rejects(reader.next(10, 1), lost);
  await assert.rejects(log.open({ group: 'mail', topics, from }), lost);
});

test('a crash, or a replica that takes over, gives ids of transactions again, and stops nobody', async (t) => {
  const { database, url } = await createServiceDatabase(t);
  const log = openLog(t, url);
  await emit(database, ...numbers(1, 10));
  const first = await readOn(log, everywhere(log, await placeOfLaterServer(database, 10)));
  await emit(database, 11);
  const second = await readOn(log, first.from);
  assert.deepEqual([first.seen, second.seen], [[], [11]]);
});

test('rows that were dropped without a note, when a relay had published them, stop nobody', async (t) => {
  const { database, url } = await createServiceDatabase(t);
  const log = openLog(t, url);
  await emit(database, ...numbers(1, 10));
  const { from } = await readOn(log, startOf(log));
  await database.sql`delete from banyan.outbox`;
  await emit(database, 11);
  assert.deepEqual((await readOn(log, from)).seen, [11]);
});

test('partitions whose places do not know their home go on with those that do, and miss nothing late', async (t) => {
  const { database, url } = await createServiceDatabase(t);
  const log = openLog(t, url);
  const outbox = createPostgresOutbox(database);
  const commit = await hold(database, (sql) => outbox.append(sql, [placed(1)]));
  await emit(database, ...numbers(2, 41));
  const { from } = await readOn(log, startOf(log));
  // As an instance of a version before wrote half of them, before it saw what was committed behind the open transaction.
  const mixed = new Map(
    [...from].map(([partition, at]) => {
      assert.ok(typeof at === 'object' && 'position' in at);
      const [outbox, after, seen = '', limit] = at.position.split(' ');
      const [xmin] = seen.split(':');
      const old = `${outbox} ${after} ${xmin}:${xmin}: ${limit}`;
      return [partition, { position: partition % 2 === 0 ? at.position : old }];
    }),
  );
  const reader = await log.open({ group: 'mail', topics, from: mixed });
  const seen: unknown[] = [];
  const readPage = async () => {
    const { events } = await reader.next(10, 1_500);
    seen.push(...events.map((event) => (event as CloudEvent<{ readonly number: number }>).data.number));
    return events.length > 0;
  };
  assert.ok(await readPage());
  await commit();
  while (await readPage());
  const isOld = (number: number) => partitionOf(orderingKeyOf(placed(number)), log.partitions) % 2 === 1;
  assert.deepEqual(new Set(seen), new Set([1, ...numbers(2, 41).filter(isOld)]));
});

test('a service that starts on a restored outbox notes where it goes on, and what commits late behind that is read', async (t) => {
  const { database, url } = await createServiceDatabase(t);
  const platform = await createTestDatabase(t);
  await emit(database, ...numbers(1, 40));
  await restore(database, 40);
  const engines = await openPostgresEngines({
    platformUrl: platform.url,
    serviceUrls: { orders: url },
    logger: silentLogger,
  });
  const store = await engines.openStore({ name: 'orders', migrations: undefined });
  t.after(async () => {
    await store.close();
    await engines.close();
  });
  const commit = await hold(store.database, (sql) => store.outbox.append(sql, [placed(41)]));
  await emit(store.database, 42);
  const log = openLog(t, url);
  const first = await readOn(log, startOf(log));
  assert.deepEqual(first.seen, [...numbers(1, 40), 42]);
  await commit();
  assert.deepEqual((await readOn(log, first.from)).seen, [41]);
});
