import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { ServiceError, Sql } from '@banyan/core';
import { createDatabase, type PostgresDatabase } from '@banyan/postgres';
import { createTestDatabase } from '@banyan/testing';

const concurrent = { concurrent: true };

/** A database with one connection, and another handle to look at it from outside. */
async function open(t: TestContext): Promise<PostgresDatabase & { readonly watcher: PostgresDatabase }> {
  const { url, database: watcher } = await createTestDatabase(t);
  const database = createDatabase({ url, maxConnections: 1 });
  t.after(() => database.close());
  await database.sql`create table t (id int primary key, note text)`;
  return Object.assign(database, { watcher });
}

const insert = (sql: Sql, id: number, note = 'x') => sql`insert into t values (${id}, ${note})`;
const ids = async ({ sql }: { readonly sql: Sql }) =>
  (await sql<{ id: number }>`select id from t order by id`).map(({ id }) => id);

/** So that statements of this text are prepared on the only connection, and can be grouped. */
const warmUp = (database: PostgresDatabase) => database.tx(({ sql }) => insert(sql, 1_000), concurrent);

test('statements of concurrent callers run in the order asked for, each with its own rows', async (t) => {
  const database = await open(t);
  await warmUp(database);
  const numbers = Array.from({ length: 600 }, (_, id) => id);
  const rows = await database.tx(async ({ sql }) => {
    const added = await Promise.all(
      numbers.map(async (id) => {
        await insert(sql, id);
        const [row] = await sql<{ id: number; count: number }>`
          select ${id}::int as id, (select count(*) from t) as count`;
        return row;
      }),
    );
    // Some with rows and some without, in one group.
    const [none, some] = await Promise.all([
      sql`update t set note = 'y' where id = ${-1}`,
      sql<{ note: string }>`select note from t where id = ${3}`,
    ]);
    assert.deepEqual([none, some], [[], [{ note: 'x' }]]);
    return added;
  }, concurrent);
  assert.deepEqual(
    rows.map((row) => row?.id),
    numbers,
  );
  assert.equal((await ids(database)).length, 601);
});

test('rows without columns are counted for the statement that gave them, alone and in a group', async (t) => {
  const database = await open(t);
  const exists = (sql: Sql, id: number) => sql`select from t where id = ${id}`;
  await warmUp(database);
  for (const round of ['sent one by one', 'sent as a group']) {
    await database.tx(async ({ sql }) => {
      await sql`select 1`;
      const answers = await Promise.all([
        sql`update t set note = ${'y'} where id = ${1_000} returning id`,
        exists(sql, 1_000),
        exists(sql, 1),
        sql`select note from t where id = ${1_000}`,
        exists(sql, 1_000),
      ]);
      assert.deepEqual(answers, [[{ id: 1_000 }], [{}], [], [{ note: 'y' }], [{}]], round);
      assert.deepEqual(await exists(sql, 1_000), [{}], round);
    }, concurrent);
    await database.tx(async ({ sql }) => {
      assert.deepEqual(await exists(sql, 1_000), [{}], round);
      assert.deepEqual(await exists(sql, 1_000), [{}], round);
    });
  }
});

test('whoever fails first hears why, the others that it was not them, and nothing stays', async (t) => {
  const database = await open(t);
  for (const round of ['sent one by one', 'sent as a group']) {
    const outcomes: unknown[] = [];
    const work = database.tx(async ({ sql }) => {
      await sql`select 1`;
      const results = await Promise.allSettled([1, 2, 2, 3, 4].map((id) => insert(sql, id)));
      outcomes.push(...results.map((result) => (result.status === 'rejected' ? result.reason : 'done')));
      throw outcomes.find((outcome) => outcome !== 'done');
    }, concurrent);
    await assert.rejects(work, { reason: 'unique_violation' }, round);
    const reasons = outcomes.map((outcome) =>
      outcome === 'done' ? outcome : (outcome as ServiceError).reason,
    );
    assert.deepEqual(
      reasons,
      ['done', 'done', 'unique_violation', 'transaction_failed', 'transaction_failed'],
      round,
    );
    assert.ok(outcomes[4] instanceof Error && outcomes[4].cause !== undefined);
    assert.deepEqual(await ids(database), []);
  }
  await warmUp(database);
  assert.deepEqual(await ids(database), [1_000]);
});

test('a last statement that nobody awaits is committed, or makes the commit fail with its own error', async (t) => {
  const database = await open(t);
  const leave = (id: number) =>
    database.tx(async ({ sql }) => {
      await sql`select 1`;
      insert(sql, id).catch(() => {});
    }, concurrent);
  for (const id of [1, 2]) await leave(id);
  assert.deepEqual(await ids(database), [1, 2]);
  await assert.rejects(leave(2), { code: 'already_exists', reason: 'unique_violation' });
  assert.deepEqual(await ids(database), [1, 2]);
});

test('a swallowed failure, and a query that was never awaited, end in no commit', async (t) => {
  const database = await open(t);
  await warmUp(database);
  await assert.rejects(
    database.tx(async ({ sql }) => {
      await insert(sql, 1);
      await insert(sql, 1).catch(() => {});
    }, concurrent),
    (error: ServiceError) =>
      error.reason === 'transaction_failed' && (error.cause as ServiceError).reason === 'unique_violation',
  );
  await assert.rejects(
    database.tx(async ({ sql }) => {
      await insert(sql, 2);
      void insert(sql, 3);
    }, concurrent),
    { reason: 'query_not_awaited' },
  );
  assert.deepEqual(await ids(database), [1_000]);
});

test('an aborted signal ends statements that wait behind a slow one', async (t) => {
  const database = await open(t);
  await warmUp(database);
  const controller = new AbortController();
  const work = database.tx(
    async ({ sql }) => {
      const slow = sql`select pg_sleep(60)`;
      await Promise.all([slow, ...[1, 2, 3].map((id) => insert(sql, id))]);
    },
    { concurrent: true, signal: controller.signal },
  );
  const rejected = assert.rejects(work, { code: 'cancelled', reason: 'transaction_cancelled' });
  for (;;) {
    const running = await database.watcher
      .sql`select 1 from pg_stat_activity where query like 'begin;%pg_sleep%' and state = 'active'`;
    if (running.length > 0) break;
  }
  controller.abort();
  await rejected;
  assert.deepEqual(await ids(database), [1_000]);
});

test('a savepoint in it waits for what was sent, and undoes its own changes alone', async (t) => {
  const database = await open(t);
  await warmUp(database);
  await database.tx(async ({ sql, savepoint }) => {
    const earlier = insert(sql, 1).then(() => 'done');
    await assert.rejects(
      savepoint((inner) => insert(inner, 1)),
      { reason: 'unique_violation' },
    );
    assert.equal(await earlier, 'done');
    await insert(sql, 2);
  }, concurrent);
  assert.deepEqual(await ids(database), [1, 2, 1_000]);
});

test('a transaction without statements tells its listeners as well', async (t) => {
  const database = await open(t);
  let committed = 0;
  for (const options of [{}, concurrent]) {
    await database.tx(async ({ onCommit }) => onCommit(() => (committed += 1)), options);
  }
  assert.equal(committed, 2);
});

test('a connection that is lost in it rejects every statement, and the next transaction gets another one', async (t) => {
  const database = await open(t);
  await warmUp(database);
  const work = database.tx(async ({ sql }) => {
    await insert(sql, 1);
    await Promise.all([sql`select pg_terminate_backend(pg_backend_pid())`, insert(sql, 2), insert(sql, 3)]);
  }, concurrent);
  await assert.rejects(work, { code: 'unavailable', reason: 'database_unavailable' });
  await database.tx(({ sql }) => Promise.all([insert(sql, 4), insert(sql, 5)]), concurrent);
  assert.deepEqual(await ids(database), [4, 5, 1_000]);
});
