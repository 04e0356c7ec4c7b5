import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { type Sql, silentLogger } from '@banyan/core';
import {
  type CaptureHost,
  createDatabase,
  createEmbeddedServer,
  defineCapture,
  type EmbeddedServer,
  migrate,
  type PostgresDatabase,
  platformMigrations,
  type RowChange,
} from '@banyan/postgres';
import { createTestDatabase } from '@banyan/testing';

type Tx = { readonly sql: Sql };

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
  t.after(() => Promise.allSettled(ending.map((end) => end())));
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

function createInstance(database: PostgresDatabase, url: string, onChange?: (change: RowChange) => void) {
  const stop = new AbortController();
  const capture = defineCapture<Tx>({
    name: 'orders',
    tables: ['orders'],
    url,
    intervalMs: 10,
    async onChange(change, { sql }) {
      const { kind, before: old, after: now } = change;
      const text = `${kind} ${old?.['orderId'] ?? '-'}:${old?.['item'] ?? '-'} ${now?.['orderId'] ?? '-'}:${now?.['item'] ?? '-'}`;
      await sql`insert into told (text) values (${text})`;
      onChange?.(change);
    },
  });
  const host: CaptureHost<Tx> = {
    sql: database.sql,
    tx: (work) => database.tx(work),
    config: undefined,
    log: silentLogger,
    signal: stop.signal,
  };
  let running: Promise<void> | undefined;
  return {
    capture,
    host,
    /** Until `end`; rejects as the capture does. */
    start() {
      running = capture.run(host);
      running.catch(() => {});
      return running;
    },
    async end() {
      stop.abort();
      await running;
    },
  };
}

async function until(isDone: () => Promise<boolean>, what: string): Promise<void> {
  for (const endMs = Date.now() + 20_000; !(await isDone()); ) {
    assert.ok(Date.now() < endMs, `waited 20 s until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Starts the capture and waits until it sees what is committed from now on. */
async function startCapturing(instance: ReturnType<typeof createInstance>): Promise<void> {
  void instance.start();
  await until(
    async () => (await instance.host.sql`select from banyan.capture`).length > 0,
    'the capture has begun',
  );
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
  assert.equal((await first.capture.status(undefined))?.isLost, false);
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

test('a slot that is gone is a loss that is told, not a gap that is not', async (t) => {
  const { database, first, instance } = await createBench(t);
  await startCapturing(first);
  await first.end();
  const status = await first.capture.status(undefined);
  assert.ok(status !== undefined && !status.isUnbounded && status.heldBytes >= 0);
  const admin = createDatabase({ url: adminUrl });
  t.after(() => admin.close());
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
