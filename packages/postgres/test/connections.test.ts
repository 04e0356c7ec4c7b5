import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isServiceError, type ServiceError } from '@banyan/core';
import { createDatabase } from '@banyan/postgres';
import { createTestDatabase } from '@banyan/testing';
import { ids, open } from './fixtures/transactions.ts';

test('a transaction inside a transaction on an exhausted pool says so instead of hanging', async (t) => {
  const database = await open(t, { maxConnections: 2, acquireTimeoutMs: 100 });
  const both = Promise.withResolvers<void>();
  let inside = 0;
  const nested = () =>
    database.tx(async ({ sql }) => {
      await sql`select 1`;
      inside += 1;
      if (inside === 2) both.resolve();
      await both.promise;
      await database.sql`select 2`;
    });
  const results = await Promise.allSettled([nested(), nested()]);
  const reasons = results.map(
    (result) => result.status === 'rejected' && (result.reason as ServiceError).reason,
  );
  assert.ok(reasons.includes('connections_exhausted'), String(reasons));
  assert.deepEqual(await ids(database), []);
});

test('a plain begin does not leak an open transaction into the pool', async (t) => {
  const database = await open(t, { maxConnections: 1 });
  await database.sql`begin`;
  await database.sql`insert into t values (1)`;
  assert.deepEqual(await ids(database), [1]);
});

test('a session keeps its locks and settings to itself and gives nothing back', async (t) => {
  const database = await open(t, { maxConnections: 1 });
  await database.session(async (session) => {
    await session.sql`set application_name = 'mine'`;
    await session.tx(({ sql }) => sql`insert into t values (1)`);
    assert.deepEqual(await session.sql`select current_setting('application_name') as name`, [
      { name: 'mine' },
    ]);
    assert.equal(session.isOpen, true);
  });
  assert.deepEqual(await database.sql`select current_setting('application_name') as name`, [
    { name: 'banyan' },
  ]);
});

test('after close everything is refused, and close waits for open transactions', async (t) => {
  const database = await open(t);
  const release = Promise.withResolvers<void>();
  const entered = Promise.withResolvers<void>();
  const running = database.tx(async ({ sql }) => {
    entered.resolve();
    await release.promise;
    await sql`insert into t values (1)`;
    return 'committed';
  });
  await entered.promise;
  const closing = Promise.all([database.close(), database.close()]);
  await assert.rejects(database.sql`select 1`, { code: 'unavailable', reason: 'database_closed' });
  await assert.rejects(
    database.tx(() => Promise.resolve()),
    { reason: 'database_closed' },
  );
  await assert.rejects(
    database.listen('x', () => {}),
    { reason: 'database_closed' },
  );
  release.resolve();
  assert.equal(await running, 'committed');
  await closing;
  assert.equal(database.stats().connections, 0);
});

test('an unreachable server, a wrong password and a missing database are told apart', async (t) => {
  const { url } = await createTestDatabase(t);
  const failing = async (change: (url: URL) => void) => {
    const changed = new URL(url);
    change(changed);
    const database = createDatabase({ url: changed.href, acquireTimeoutMs: 2_000 });
    t.after(() => database.close());
    return database.ping().then(
      () => 'connected',
      (error: ServiceError) => `${error.code} ${error.reason}`,
    );
  };
  assert.equal(
    await failing((u) => u.searchParams.set('host', '/nowhere')),
    'unavailable database_unavailable',
  );
  assert.equal(
    await failing((u) => {
      u.searchParams.delete('host');
      u.port = '1';
    }),
    'unavailable database_unavailable',
  );
  assert.equal(await failing((u) => (u.password = 'wrong')), 'permission_denied database_permission');
  assert.equal(await failing((u) => (u.pathname = '/missing')), 'failed_precondition database_missing');
});

test('a server that fails in itself is told apart from one that is away and from a fault of the program', async (t) => {
  const { database } = await createTestDatabase(t);
  const answers = await database.session(async ({ sql }) => {
    await sql`create function pg_temp.fail(state text) returns void language plpgsql as
      $$ begin raise exception 'as asked' using errcode = state; end $$`;
    const asked: string[] = [];
    for (const state of ['58030', 'XX001', 'XX002', '53100', '42P01']) {
      const told = await sql`select pg_temp.fail(${state})`.then(
        () => 'no failure',
        (error: unknown) => (isServiceError(error) ? `${error.code} ${error.reason}` : 'not told apart'),
      );
      asked.push(told);
    }
    return asked;
  });
  assert.deepEqual(answers, [
    'internal database_failed',
    'internal database_failed',
    'internal database_failed',
    'resource_exhausted database_exhausted',
    'not told apart',
  ]);
});
