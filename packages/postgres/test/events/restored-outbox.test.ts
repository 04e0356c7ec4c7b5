import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { type CloudEvent, createEvent, type EventLog, type StartAt } from '@banyan/events';
import { createPostgresOutbox, createPostgresOutboxLog, type PostgresDatabase } from '@banyan/postgres';
import { createServiceDatabase } from './events-databases.ts';

const topics = ['orders.placed'];

const placed = (number: number) =>
  createEvent({
    service: 'orders',
    name: 'placed',
    type: 'OrderPlaced',
    key: `order-${number}`,
    data: { number },
    occurredAtMs: 0,
  });

/** Each in a transaction of its own. */
async function emit(database: PostgresDatabase, ...numbers: readonly number[]): Promise<void> {
  const outbox = createPostgresOutbox(database);
  for (const number of numbers) await database.tx(({ sql }) => outbox.append(sql, [placed(number)]));
}

const numbers = (first: number, last: number) =>
  Array.from({ length: last - first + 1 }, (_, index) => first + index);

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

function openLog(t: TestContext, url: string): EventLog {
  const log = createPostgresOutboxLog({ id: 'test', urls: { orders: url }, sender: randomUUID() });
  t.after(() => log.close());
  return log;
}

type Places = ReadonlyMap<number, StartAt>;

const startOf = (log: EventLog): Places =>
  new Map(numbers(0, log.partitions - 1).map((partition) => [partition, 'start']));

/** All that lies behind the places, in pages of ten, and the places behind it. */
async function readOn(
  log: EventLog,
  from: Places,
): Promise<{ readonly seen: number[]; readonly from: Places }> {
  const reader = await log.open({ group: 'mail', topics, from });
  const seen: number[] = [];
  const places = new Map(from);
  try {
    for (let idle = 0; idle < 3; ) {
      const { events, positions } = await reader.next(10, 1);
      assert.ok(seen.length < 1_000, 'it reads in a circle');
      idle = events.length === 0 ? idle + 1 : 0;
      seen.push(...events.map((event) => (event as CloudEvent<{ readonly number: number }>).data.number));
      for (const [partition, position] of positions) places.set(partition, { position });
    }
  } finally {
    await reader.close();
  }
  return { seen, from: places };
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
  await assert.rejects(afterwards.open({ group: 'mail', topics, from: ahead.from }), {
    code: 'failed_precondition',
    reason: 'position_lost',
  });
  assert.deepEqual((await readOn(afterwards, behind.from)).seen, [7, 8, ...numbers(101, 105)]);
});
