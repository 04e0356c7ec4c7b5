import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Sql } from '@banyan/core';
import { ServiceError } from '@banyan/core';
import { createDatabase, type DatabaseOptions, type PostgresDatabase } from '@banyan/postgres';
import { createTestDatabase } from '@banyan/testing';

async function open(t: TestContext, options: Partial<DatabaseOptions> = {}): Promise<PostgresDatabase> {
  const { url } = await createTestDatabase(t);
  const database = createDatabase({ ...options, url });
  t.after(() => database.close());
  await database.sql`create table t (id int primary key, note text)`;
  return database;
}

const ids = async ({ sql }: { readonly sql: Sql }) =>
  (await sql<{ id: number }>`select id from t order by id`).map(({ id }) => id);

/** Resolves when `count` sessions run or wait on a statement that starts with `start`. */
async function untilRunning({ sql }: PostgresDatabase, start: string, count = 1): Promise<void> {
  for (;;) {
    const found = await sql`
      select 1 from pg_stat_activity
      where datname = current_database() and state = 'active' and starts_with(query, ${start}) and pid <> pg_backend_pid()`;
    if (found.length >= count) return;
  }
}

test('a transaction commits when its work resolves and is undone when it rejects', async (t) => {
  const database = await open(t);
  const result = await database.tx(async ({ sql }) => {
    await sql`insert into t values (1)`;
    return 'done';
  });
  assert.equal(result, 'done');
  const boom = new Error('boom');
  await assert.rejects(
    database.tx(async ({ sql }) => {
      await sql`insert into t values (2)`;
      throw boom;
    }),
    (error) => error === boom,
  );
  assert.deepEqual(await ids(database), [1]);
  assert.equal(database.stats().idle, database.stats().connections);
});

test('commit listeners run after the commit, in order, and never after a rollback', async (t) => {
  const database = await open(t);
  const seen: string[] = [];
  await database.tx(async ({ sql, onCommit }) => {
    onCommit(() => seen.push('first'));
    onCommit(() => {
      throw new Error('a broken listener changes nothing');
    });
    onCommit(() => seen.push('second'));
    await sql`insert into t values (1)`;
    assert.deepEqual(seen, []);
  });
  await assert.rejects(
    database.tx(async ({ onCommit }) => {
      onCommit(() => seen.push('never'));
      throw new Error('boom');
    }),
  );
  assert.deepEqual(seen, ['first', 'second']);
});

test('a savepoint undoes its own changes alone and passes its rejection on', async (t) => {
  const database = await open(t);
  await database.tx(async ({ sql, savepoint }) => {
    await sql`insert into t values (1)`;
    await assert.rejects(
      savepoint((inner) => inner`insert into t values (2), (1)`),
      { reason: 'unique_violation' },
    );
    assert.equal(await savepoint(async (inner) => (await inner`insert into t values (3)`).length), 0);
    await sql`insert into t values (4)`;
  });
  assert.deepEqual(await ids(database), [1, 3, 4]);
});

test('the outer sql, and a second savepoint, are refused while a savepoint is open', async (t) => {
  const database = await open(t);
  await database.tx(async ({ sql, savepoint }) => {
    await savepoint(async (inner) => {
      await assert.rejects(async () => sql`insert into t values (1)`, { reason: 'savepoint_open' });
      await assert.rejects(
        savepoint(() => Promise.resolve()),
        { reason: 'savepoint_open' },
      );
      await inner`insert into t values (2)`;
    });
  });
  assert.deepEqual(await ids(database), [2]);
});

test('a swallowed failure cannot end in a commit that never happened', async (t) => {
  const database = await open(t);
  await assert.rejects(
    database.tx(async ({ sql }) => {
      await sql`insert into t values (1)`;
      await sql`insert into t values (1)`.catch(() => undefined);
    }),
    (error: ServiceError) =>
      error.reason === 'transaction_failed' && (error.cause as ServiceError).reason === 'unique_violation',
  );
  assert.deepEqual(await ids(database), []);
});

test('a query that was built but never awaited rolls the transaction back', async (t) => {
  const database = await open(t);
  await assert.rejects(
    database.tx(async ({ sql }) => {
      await sql`insert into t values (1)`;
      void sql`insert into t values (${2})`;
    }),
    (error: ServiceError) =>
      error.reason === 'query_not_awaited' && /insert into t/.test(String(error.cause)),
  );
  await assert.rejects(
    database.tx(({ savepoint }) =>
      savepoint(async (inner) => {
        void inner`insert into t values (3)`;
      }),
    ),
    { reason: 'query_not_awaited' },
  );
  assert.deepEqual(await ids(database), []);
});

test('a query that became part of another counts as used, and one that still runs is waited for', async (t) => {
  const database = await open(t);
  await database.tx(async ({ sql }) => {
    const part = sql`values (1)`;
    // Started, not awaited: no statement may be lost for that.
    sql`insert into t ${part}`.catch(() => undefined);
  });
  assert.deepEqual(await ids(database), [1]);
});

test('the sql of a transaction is refused after its end', async (t) => {
  const database = await open(t);
  const [leaked, late] = await database.tx(async ({ sql }) => {
    const query = sql`insert into t values (1)`;
    await query;
    // In an array: a promise that resolves with a query would run it.
    return [sql, query] as const;
  });
  await assert.rejects(async () => leaked`insert into t values (2)`, {
    code: 'internal',
    reason: 'transaction_ended',
  });
  assert.deepEqual(await late, []);
  assert.deepEqual(await ids(database), [1]);
});

test('statements asked for at the same time run one after the other', async (t) => {
  const database = await open(t);
  await database.tx(async ({ sql }) => {
    await Promise.all(Array.from({ length: 20 }, (_, id) => sql`insert into t values (${id})`));
  });
  assert.equal((await ids(database)).length, 20);
});

test('isolation and read-only are what was asked for', async (t) => {
  const database = await open(t);
  const show = ({ sql }: { readonly sql: Sql }) =>
    sql`select current_setting('transaction_isolation') as isolation, current_setting('transaction_read_only') as read_only`;
  assert.deepEqual(await database.tx(show, { isolation: 'serializable', readOnly: true }), [
    { isolation: 'serializable', readOnly: 'on' },
  ]);
  assert.deepEqual(await database.tx(show), [{ isolation: 'read committed', readOnly: 'off' }]);
  await assert.rejects(database.tx(show, { isolation: 'serializable; drop table t' as never }), TypeError);
});

test('a serialization conflict and a deadlock are named as such', async (t) => {
  const database = await open(t);
  await database.sql`insert into t values (1, 'a'), (2, 'a')`;
  const conflict = database.tx(
    async ({ sql }) => {
      await sql`select * from t`;
      await database.sql`update t set note = 'b' where id = 1`;
      await sql`update t set note = 'c' where id = 1`;
    },
    { isolation: 'repeatable read' },
  );
  await assert.rejects(conflict, { code: 'aborted', reason: 'serialization_conflict' });
  const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()] as const;
  const cross = (mine: 0 | 1) =>
    database.tx(async ({ sql }) => {
      await sql`update t set note = 'd' where id = ${mine + 1}`;
      gates[mine].resolve();
      await gates[mine === 0 ? 1 : 0].promise;
      await sql`update t set note = 'd' where id = ${mine === 0 ? 2 : 1}`;
    });
  const results = await Promise.allSettled([cross(0), cross(1)]);
  const lost = results.filter((result) => result.status === 'rejected');
  assert.deepEqual(
    lost.map(({ reason }) => (reason as ServiceError).reason),
    ['serialization_conflict'],
  );
});

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
  const database = await open(t, { statementTimeoutMs: 50, idleInTransactionTimeoutMs: 50 });
  await assert.rejects(database.sql`select pg_sleep(60)`, {
    code: 'deadline_exceeded',
    reason: 'statement_timeout',
  });
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

test('fifty transactions at once on ten connections all commit', async (t) => {
  const database = await open(t);
  await database.sql`insert into t values (1, '0')`;
  await Promise.all(
    Array.from({ length: 50 }, () =>
      database.tx(async ({ sql }) => {
        const [row] = await sql<{ note: string }>`select note from t where id = 1 for update`;
        await sql`update t set note = ${String(Number(row?.note) + 1)} where id = 1`;
      }),
    ),
  );
  assert.deepEqual(await database.sql`select note from t`, [{ note: '50' }]);
  assert.equal(database.stats().connections, 10);
  assert.equal(database.stats().waiting, 0);
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
