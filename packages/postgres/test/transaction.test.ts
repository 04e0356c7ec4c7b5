import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ServiceError, Sql } from '@banyan/core';
import { ids, open } from './fixtures/transactions.ts';

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
