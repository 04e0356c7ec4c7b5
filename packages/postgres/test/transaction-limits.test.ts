import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Sql } from '@banyan/core';
import { ServiceError } from '@banyan/core';
import { ids, open, untilRunning } from './fixtures/transactions.ts';

test('an aborted signal ends a statement that is running, and its locks', async (t) => {
  const database = await open(t);
  await database.sql`insert into t values (1)`;
  const controller = new AbortController();
  const ended = database.tx(
    async ({ sql }) => {
      await sql`update t set note = 'lost' where id = 1`;
      await sql`select pg_sleep(60)`;
    },
    { signal: controller.signal },
  );
  const rejected = assert.rejects(ended, { code: 'cancelled', reason: 'transaction_cancelled' });
  await untilRunning(database, 'select pg_sleep');
  controller.abort();
  await rejected;
  // Fails with lock_not_available if the first transaction still held its row.
  await database.sql`select * from t where id = 1 for update nowait`;
  assert.deepEqual(await database.sql`select note from t`, [{ note: null }]);
});

test('an aborted signal ends a transaction that waits for something else', async (t) => {
  const database = await open(t, { maxConnections: 1 });
  const controller = new AbortController();
  const reason = new ServiceError('late', { code: 'deadline_exceeded', reason: 'deadline_exceeded' });
  const entered = Promise.withResolvers<Sql>();
  const ended = database.tx(
    async ({ sql }) => {
      await sql`insert into t values (1)`;
      entered.resolve(sql);
      await new Promise(() => {});
    },
    { signal: controller.signal },
  );
  const rejected = assert.rejects(ended, (error) => error === reason);
  const sql = await entered.promise;
  controller.abort(reason);
  await rejected;
  await assert.rejects(
    async () => sql`insert into t values (2)`,
    (error) => error === reason,
  );
  assert.deepEqual(await ids(database), []);
});

test('an aborted signal ends the wait for a connection, and one that comes later is given back', async (t) => {
  const database = await open(t, { maxConnections: 1 });
  const holding = Promise.withResolvers<void>();
  const entered = Promise.withResolvers<void>();
  const holder = database.tx(async () => {
    entered.resolve();
    await holding.promise;
  });
  await entered.promise;
  const controller = new AbortController();
  const waiting = database.tx(() => Promise.resolve(), { signal: controller.signal });
  const rejected = assert.rejects(waiting, { reason: 'transaction_timeout' });
  controller.abort(new DOMException('too late', 'TimeoutError'));
  await rejected;
  holding.resolve();
  await holder;
  assert.deepEqual(await ids(database), []);
  await assert.rejects(
    database.tx(() => Promise.resolve(), { signal: AbortSignal.abort() }),
    { code: 'cancelled' },
  );
});

test('a slow statement and an idle transaction meet their limits', async (t) => {
  const hurried = await open(t, { statementTimeoutMs: 50 });
  await assert.rejects(hurried.sql`select pg_sleep(60)`, {
    code: 'deadline_exceeded',
    reason: 'statement_timeout',
  });
  const database = await open(t, { idleInTransactionTimeoutMs: 50 });
  await assert.rejects(
    database.tx(async ({ sql }) => {
      const [me] = await sql<{ pid: number }>`select pg_backend_pid() as pid`;
      for (;;) {
        const found = await database.sql`select 1 from pg_stat_activity where pid = ${me?.pid ?? 0}`;
        if (found.length === 0) break;
      }
      await sql`select 1`;
    }),
    { code: 'deadline_exceeded', reason: 'transaction_timeout' },
  );
  assert.deepEqual(await ids(database), []);
});

test('a connection lost in the first statement is a loss, not an idle limit', async (t) => {
  const database = await open(t, { idleInTransactionTimeoutMs: 50 });
  for (const concurrent of [false, true]) {
    await assert.rejects(
      database.tx(({ sql }) => sql`select pg_terminate_backend(pg_backend_pid())`, { concurrent }),
      { code: 'unavailable', reason: 'database_unavailable' },
    );
  }
});
