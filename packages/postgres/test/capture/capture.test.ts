import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { type Sql, silentLogger } from '@banyan/core';
import {
  createDatabase,
  createEmbeddedServer,
  type EmbeddedServer,
  migrate,
  platformMigrations,
  provisionSystem,
  type RowChange,
  resetSystem,
} from '@banyan/postgres';
import { createMetrics } from '@banyan/telemetry';
import { createTestDatabase, lastFirst, until } from '@banyan/testing';
import { createInstance, startCapturing } from './capture-instance.ts';

let folder = '';
let server: EmbeddedServer;
let adminUrl = '';

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'banyan-capture-'));
  server = createEmbeddedServer({
    dataDir: join(folder, 'postgres'),
    logger: silentLogger,
    durable: false,
    logicalDecoding: true,
  });
  ({ adminUrl } = await server.start());
});

after(async () => {
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

interface Told {
  readonly number: number;
  readonly text: string;
}

/** A service's database with a table, and a capture of it that stores what it is told as events would be. */
async function createBench(t: TestContext) {
  const { database, url: ownUrl } = await createTestDatabase(t, { url: adminUrl });
  await migrate(database, platformMigrations.service, { scope: 'banyan' });
  await database.sql`create table orders (order_id int primary key, item text not null, placed_at timestamptz, note text)`;
  await database.sql`create table told (number bigint generated always as identity primary key, text text not null)`;
  const url = new URL(adminUrl);
  url.pathname = new URL(ownUrl).pathname;
  const ending: (() => Promise<void>)[] = [];
  const instance = (onChange?: (change: RowChange) => void) => {
    const made = createInstance(database, url.href, onChange);
    ending.push(made.end);
    return made;
  };
  lastFirst(t).after(() => Promise.allSettled(ending.map((end) => end())));
  const first = instance();
  return {
    database,
    instance,
    first,
    async told(count: number): Promise<string[]> {
      for (const endMs = Date.now() + 20_000; ; ) {
        const rows = await database.sql<Told>`select text from told order by number`;
        if (rows.length >= count) return rows.map(({ text }) => text);
        assert.ok(Date.now() < endMs, `told ${rows.length} of ${count} changes within 20 s`);
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    },
  };
}

test('changes by plain SQL are told of in the order of their commits, with old and new values', async (t) => {
  const { database, first, told } = await createBench(t);
  await startCapturing(first);
  const { sql } = database;
  await sql`insert into orders (order_id, item) values (1, 'mug'), (2, 'poster')`;
  await sql`update orders set item = 'cup' where order_id = 1`;
  await sql`update orders set order_id = 3 where order_id = 2`;
  await sql`delete from orders where order_id = 1`;
  assert.deepEqual(await told(5), [
    'insert -:- 1:mug',
    'insert -:- 2:poster',
    'update 1:mug 1:cup',
    'update 2:poster 3:poster',
    'delete 1:cup -:-',
  ]);
  await first.end();
});

test('the order is that of the commits, and what is rolled back is not told of', async (t) => {
  const { database, first, told } = await createBench(t);
  await startCapturing(first);
  const insert = (sql: Sql, id: number) => sql`insert into orders (order_id, item) values (${id}, 'mug')`;
  await database.tx(async ({ sql, savepoint }) => {
    await insert(sql, 1);
    await savepoint(async (inner) => {
      await insert(inner, 2);
      throw new Error('undone');
    }).catch(() => {});
    // Begun later, committed earlier.
    await insert(database.sql, 3);
    await database
      .tx(async (other) => {
        await insert(other.sql, 4);
        throw new Error('rolled back');
      })
      .catch(() => {});
    await insert(sql, 5);
  });
  await insert(database.sql, 6);
  assert.deepEqual(await told(4), [
    'insert -:- 3:mug',
    'insert -:- 1:mug',
    'insert -:- 5:mug',
    'insert -:- 6:mug',
  ]);
  await first.end();
});

test('values arrive as `sql` gives them, large ones that did not change too', async (t) => {
  const { database, instance, told, first } = await createBench(t);
  const changes: RowChange[] = [];
  const watching = instance((change) => changes.push(change));
  await startCapturing(watching);
  const note = 'é🙂'.repeat(20_000);
  await database.sql`
    insert into orders values (7, ${'ü "quoted" \\ \n'}, '2026-01-02 03:04:05.678+02', ${note})`;
  await database.sql`update orders set item = 'other' where order_id = 7`;
  await told(2);
  const [stored] = await database.sql`select order_id, placed_at, note from orders`;
  const [inserted, updated] = changes;
  assert.equal(inserted?.after?.['item'], 'ü "quoted" \\ \n');
  for (const change of [inserted, updated]) {
    const { orderId, placedAt, note: long } = change?.after ?? {};
    assert.deepEqual({ orderId, placedAt, note: long }, stored);
  }
  assert.match(updated?.committedAt ?? '', /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  await watching.end();
  assert.equal((await first.capture.status(first.host))?.isLost, false);
});

test('a capture that was killed at any moment goes on where it was: nothing missed, nothing twice', async (t) => {
  const { database, instance, told } = await createBench(t);
  const total = 200;
  let written = 0;
  let kill = 0;
  const victim = () => {
    const mine = ++kill;
    // Dies in the middle of telling, ever later; the transaction with the position is rolled back.
    let left = mine * 3;
    return instance(() => {
      left -= 1;
      if (left < 0) throw new Error('killed');
    });
  };
  const first = instance();
  await startCapturing(first);
  await first.end();
  for (; kill < 8; ) {
    for (const endAt = written + total / 10; written < endAt; written += 1) {
      await database.sql`insert into orders (order_id, item) values (${written}, 'mug')`;
    }
    const dying = victim();
    await Promise.race([dying.start().catch(() => {}), told(written)]);
    await dying.end().catch(() => {});
  }
  for (; written < total; written += 1) {
    await database.sql`insert into orders (order_id, item) values (${written}, 'mug')`;
  }
  const last = instance();
  void last.start();
  const texts = await told(total);
  assert.deepEqual(
    texts,
    Array.from({ length: total }, (_, id) => `insert -:- ${id}:mug`),
  );
  await last.end();
});

test('a crash between telling and moving the slot repeats nothing', async (t) => {
  const { database, first, instance, told } = await createBench(t);
  await startCapturing(first);
  await first.end();
  await database.sql`insert into orders (order_id, item) values (1, 'mug')`;
  // The service's transaction is committed, and then its process is gone.
  const crashing = instance();
  const crash = crashing.capture.run({
    ...crashing.host,
    async tx(work) {
      await database.tx(work);
      throw new Error('killed after the commit');
    },
  });
  await assert.rejects(crash, /killed after the commit/);
  assert.equal((await told(1)).length, 1);
  const next = instance();
  void next.start();
  await database.sql`insert into orders (order_id, item) values (2, 'cup')`;
  assert.deepEqual(await told(2), ['insert -:- 1:mug', 'insert -:- 2:cup']);
  await next.end();
});

test('two instances tell of each change once', async (t) => {
  const { database, first, instance, told } = await createBench(t);
  await startCapturing(first);
  const second = instance();
  void second.start();
  for (let id = 0; id < 100; id += 1)
    await database.sql`insert into orders (order_id, item) values (${id}, 'mug')`;
  const texts = await told(100);
  assert.deepEqual(
    texts,
    Array.from({ length: 100 }, (_, id) => `insert -:- ${id}:mug`),
  );
  await first.end();
  await second.end();
});

test('messages that other tools write outside of transactions hold neither the capture nor the log', async (t) => {
  const { database, first, told } = await createBench(t);
  await startCapturing(first);
  const { sql } = database;
  // Begun before and committed after what the slot is moved past.
  await database.tx(async (open) => {
    await open.sql`insert into orders (order_id, item) values (1, 'mug')`;
    // More than one decoding takes.
    const [last] = await sql<{ lsn: string }>`
      select max(pg_logical_emit_message(false, 'heartbeat', n::text))::text as lsn from generate_series(1, 1001) n`;
    await sql`create table committed_so_that_the_log_is_flushed ()`;
    const isPassed = () => sql`
      select from pg_replication_slots where database = current_database() and confirmed_flush_lsn >= ${last?.lsn ?? ''}::pg_lsn`;
    await until(async () => (await isPassed()).length === 1, 'the slot is past the messages');
  });
  await sql`insert into orders (order_id, item) values (2, 'cup')`;
  assert.deepEqual(await told(2), ['insert -:- 1:mug', 'insert -:- 2:cup']);
  await first.end();
});

test('a transaction that names its trace and changes nothing that is captured costs the capture none', async (t) => {
  const { database, first, instance, told } = await createBench(t);
  await startCapturing(first);
  await first.end();
  let lsn = '';
  for (const id of [1, 2, 3]) {
    await database.tx(async ({ sql }) => {
      [{ lsn } = { lsn }] = await sql<{ lsn: string }>`
        select pg_logical_emit_message(true, 'traceparent', ${`00-${String(id).repeat(32)}-b7ad6b7169203331-01`})::text as lsn`;
      if (id === 2) await sql`insert into orders (order_id, item) values (2, 'mug')`;
    });
  }
  const next = instance();
  const causes: unknown[] = [];
  const run = next.capture.run({
    ...next.host,
    async tx(work, options) {
      causes.push(...(options?.causes ?? []));
      return database.tx(work);
    },
  });
  const isPassed = () => database.sql`
    select from pg_replication_slots where database = current_database() and confirmed_flush_lsn >= ${lsn}::pg_lsn`;
  await until(async () => (await isPassed()).length === 1, 'the slot is past all of them');
  await next.end();
  await run;
  assert.deepEqual(await told(1), ['insert -:- 2:mug']);
  assert.deepEqual(causes, [`00-${'2'.repeat(32)}-b7ad6b7169203331-01`]);
});

test('a slot that is gone is a loss that is told, not a gap that is not', async (t) => {
  const { database, first, instance } = await createBench(t);
  await startCapturing(first);
  await first.end();
  const status = await first.capture.status(first.host);
  assert.ok(status !== undefined && !status.isUnbounded && status.heldBytes >= 0);
  const admin = createDatabase({ url: adminUrl });
  lastFirst(t).after(() => admin.close());
  await admin.sql`select pg_drop_replication_slot(${status.slot})`;
  await assert.rejects(instance().start(), { code: 'data_loss', reason: 'capture_lost' });
  // Given up on purpose, it starts anew.
  await first.capture.remove(first.host);
  const anew = instance();
  await startCapturing(anew);
  await database.sql`insert into orders (order_id, item) values (1, 'mug')`;
  await anew.end();
});

test('a role that may not use slots is told so', async (t) => {
  const { url, database } = await createTestDatabase(t, { url: adminUrl });
  await migrate(database, platformMigrations.service, { scope: 'banyan' });
  await database.sql`create table orders (order_id int primary key)`;
  const { capture, host } = createInstance(database, url);
  await assert.rejects(capture.run(host), { code: 'permission_denied', reason: 'database_permission' });
});

test('the figures tell how far behind a capture is, and that it has caught up', async (t) => {
  const { database, instance, told } = await createBench(t);
  const metrics = createMetrics();
  const seen = { processMetrics: metrics, caller: { service: 'shop' } };
  const figure = (name: string) =>
    Number(
      new RegExp(`^banyan_capture_${name}\\{service="shop",capture="orders"\\} (\\S+)$`, 'm').exec(
        metrics.render(),
      )?.[1],
    );
  const first = instance();
  await startCapturing(first);
  await first.end();
  await database.sql`insert into orders (order_id, item) values (1, 'mug'), (2, 'cup')`;
  const failing = instance(() => {
    throw new Error('not now');
  });
  await assert.rejects(failing.capture.run({ ...failing.host, ...seen }), /not now/);
  assert.ok(figure('behind_seconds') > 0, metrics.render());
  assert.ok(figure('lag_bytes') > 0 && figure('held_bytes') >= figure('lag_bytes'), metrics.render());
  assert.equal(figure('changes_total'), 0);
  const changes: RowChange[] = [];
  const working = instance((change) => changes.push(change));
  const run = working.capture.run({ ...working.host, ...seen });
  await told(2);
  await until(async () => figure('behind_seconds') === 0, 'nothing waits');
  assert.equal(figure('changes_total'), 2);
  assert.equal(figure('confirmed_timestamp_seconds'), Date.parse(changes[0]?.committedAt ?? '') / 1_000);
  await working.end();
  await run;
  assert.deepEqual([figure('held_bytes'), figure('lag_bytes')], [0, 0]);
});

test("a capture without an address of its own works as the service's role where that may use slots", async (t) => {
  const system = { adminUrl, system: 'captured', services: ['shop', 'mail'], secret: 'x'.repeat(32) };
  lastFirst(t).after(() => resetSystem(system));
  const { serviceUrls } = await provisionSystem({ ...system, captures: ['shop'] });
  const database = createDatabase({ url: serviceUrls['shop'] ?? '' });
  lastFirst(t).after(() => database.close());
  await migrate(database, platformMigrations.service, { scope: 'banyan' });
  await database.sql`create table orders (order_id int primary key, item text)`;
  await database.sql`create table told (text text)`;
  const texts: string[] = [];
  const instance = createInstance(database, undefined, ({ after: now }) => texts.push(String(now?.['item'])));
  await startCapturing(instance);
  await database.sql`insert into orders (order_id, item) values (1, 'mug')`;
  await until(async () => texts.length === 1, 'the change is told of');
  await instance.end();
  assert.deepEqual(texts, ['mug']);

  const mayUseSlots = () => database.sql`
    select rolname::text as name from pg_roles where rolreplication and starts_with(rolname, 'svc_') order by 1`;
  assert.deepEqual([...(await mayUseSlots())], [{ name: 'svc_shop' }]);
  // Of an address that others provision nothing is taken away.
  await provisionSystem(system);
  assert.deepEqual([...(await mayUseSlots())], [{ name: 'svc_shop' }]);
  await instance.capture.remove(instance.host);
  await provisionSystem({ ...system, captures: [] });
  assert.deepEqual([...(await mayUseSlots())], []);
  await assert.rejects(createInstance(database, undefined).start(), {
    code: 'permission_denied',
    reason: 'database_permission',
    message: /Give the capture the 'url'/,
  });
});

test('the embedded server starts with the slots of an earlier run, and says what a capture lacks without them', async (t) => {
  const own = await mkdtemp(join(tmpdir(), 'banyan-capture-own-'));
  const running: EmbeddedServer[] = [];
  lastFirst(t).after(() => rm(own, { recursive: true, force: true }));
  lastFirst(t).after(() => running.at(-1)?.stop());
  const start = async (logicalDecoding: boolean) => {
    await running.at(-1)?.stop();
    const next = createEmbeddedServer({
      dataDir: join(own, 'postgres'),
      logger: silentLogger,
      logicalDecoding,
    });
    running.push(next);
    return createDatabase({ url: (await next.start()).adminUrl });
  };
  const before = await start(true);
  await before.sql`select pg_create_logical_replication_slot('kept', 'pgoutput')`;
  await before.close();
  const withSlots = await start(false);
  assert.deepEqual(
    [...(await withSlots.sql`select slot_name::text as slot from pg_replication_slots`)],
    [{ slot: 'kept' }],
  );
  await withSlots.sql`select pg_drop_replication_slot('kept')`;
  await withSlots.close();
  const without = await start(false);
  await migrate(without, platformMigrations.service, { scope: 'banyan' });
  const instance = createInstance(without, undefined);
  await assert.rejects(instance.start(), { code: 'failed_precondition', reason: 'capture_unavailable' });
  await without.close();
});
