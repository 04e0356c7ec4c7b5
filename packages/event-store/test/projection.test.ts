import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import {
  createEventStore,
  createProjection,
  type EventStore,
  type RunningProjection,
} from '@banyan/event-store';
import type { PostgresDatabase } from '@banyan/postgres';
import { until } from '@banyan/testing';
import { accountEvents, balances } from './balance-projection.ts';
import { createEventDatabase } from './event-database.ts';

type Store = EventStore<typeof accountEvents>;
const fast = { leaseMs: 400, pollMs: 20 };
const rebuildEvents = Number(process.env['BANYAN_TEST_REBUILD_EVENTS'] ?? 5_000);

function start(t: TestContext, projection: RunningProjection): () => Promise<void> {
  const control = new AbortController();
  const running = projection.run(control.signal);
  const stop = () => {
    control.abort();
    return running;
  };
  t.after(stop);
  return stop;
}

const opened = (owner: string) => ({ type: 'AccountOpened', data: { owner } }) as const;
const moved = (amount: number) => ({ type: 'MoneyMoved', data: { amount } }) as const;

/** Accounts with movements; resolves with the position of the last event. */
async function fill(store: Store, accounts: number, moves: number, prefix = 'account'): Promise<number> {
  let last = 0;
  await Promise.all(
    Array.from({ length: accounts }, async (_, account) => {
      await store.append(`${prefix}-${account}`, [opened(`owner ${account}`)], { expected: 'noStream' });
      for (let move = 1; move <= moves; move += 1) {
        const { position } = await store.append(`${prefix}-${account}`, [moved(move * (account + 1))]);
        last = Math.max(last, position);
      }
    }),
  );
  return last;
}

const contentOf = async (database: PostgresDatabase, table: string) => {
  const rows = await database.sql<{ text: string }>`
    select t::text as text from ${database.sql.identifier(table)} as t order by account`;
  return rows.map(({ text }) => text).join('\n');
};

test('a projection shows what the events say, and whoever appended can wait for it', async (t) => {
  const { database } = await createEventDatabase(t);
  const store = createEventStore({ database, events: accountEvents });
  const projection = createProjection(store, balances(), { ...fast, database });
  const first = await store.append('account-1', [opened('ann')]);
  await assert.rejects(projection.waitFor(first.position, { timeoutMs: 30 }), {
    code: 'deadline_exceeded',
    reason: 'projection_behind',
  });
  start(t, projection);
  for (let round = 1; round <= 20; round += 1) {
    const { position } = await store.append('account-1', [moved(5)]);
    await projection.waitFor(position, { timeoutMs: 20_000 });
    assert.deepEqual(await database.sql`select owner, amount from balance`, [
      { owner: 'ann', amount: round * 5 },
    ]);
  }
  assert.equal(await projection.liveVersion(), 1);
  assert.deepEqual(await projection.lag(), { positions: 0, ageMs: 0 });
});

test('dropped and built anew it is the same, and nothing is told to anybody', async (t) => {
  const { database } = await createEventDatabase(t);
  const store = createEventStore({ database, events: accountEvents });
  const last = await fill(store, 20, 5);
  const projection = createProjection(store, balances(), { ...fast, database });
  const stop = start(t, projection);
  await projection.waitFor(last, { timeoutMs: 20_000 });
  await until(async () => (await projection.lag()).positions === 0);
  await stop();
  const before = await contentOf(database, 'balance');
  await database.sql`drop table balance_v1 cascade`;
  await database.sql`delete from banyan.event_projection`;
  await database.sql`delete from banyan.event_subscription`;
  const again = createProjection(store, balances(), { ...fast, database });
  start(t, again);
  await until(async () => (await again.lag()).positions === 0 && (await again.liveVersion()) === 1);
  assert.equal(await contentOf(database, 'balance'), before);
  assert.deepEqual(await database.sql`select 1 from banyan.outbox`, []);
});

test('a new version is built beside the live one while writes go on, switched to at once, and byte-identical', async (t) => {
  // A millisecond for each event is far more than it takes.
  const timeoutMs = 30_000 + rebuildEvents;
  const { database, connect } = await createEventDatabase(t);
  const store = createEventStore({ database, events: accountEvents });
  const accounts = 50;
  await fill(store, accounts, Math.floor(rebuildEvents / accounts));
  const live = createProjection(store, balances(1), { ...fast, database, pageSize: 2_000 });
  start(t, live);
  await until(async () => (await live.lag()).positions === 0, 'the first version is built', timeoutMs);
  const builtMs = performance.now();
  let isWriting = true;
  let written = 0;
  const writing = (async () => {
    for (let round = 0; isWriting; round += 1) {
      await store.append(`account-${round % accounts}`, [moved(1)]);
      await store.append(`late-${round}`, [opened('late')]);
      written += 2;
    }
  })();
  const reader = connect();
  let shown = 0;
  let looks = 0;
  let isReading = true;
  const reading = (async () => {
    while (isReading) {
      // Not there for a moment, or back in time, would show here.
      const [row] = await reader.sql<{ total: number }>`select sum(moves)::int8 as total from balance`;
      assert.ok((row?.total ?? 0) >= shown, 'a reader went back in time');
      shown = row?.total ?? 0;
      looks += 1;
    }
  })();
  const rebuilt = createProjection(store, balances(2), { ...fast, database: connect(), pageSize: 2_000 });
  start(t, rebuilt);
  await until(async () => (await rebuilt.liveVersion()) === 2, 'the second version is live', timeoutMs);
  const seconds = ((performance.now() - builtMs) / 1_000).toFixed(1);
  isReading = false;
  isWriting = false;
  await Promise.all([writing, reading]);
  t.diagnostic(
    `${rebuildEvents} events rebuilt in ${seconds} s; ${written} more written, ${looks} looks meanwhile`,
  );
  await until(
    async () => (await live.lag()).positions === 0 && (await rebuilt.lag()).positions === 0,
    'both have caught up',
    timeoutMs,
  );
  assert.equal(await contentOf(database, 'balance_v2'), await contentOf(database, 'balance_v1'));
  assert.equal(await contentOf(database, 'balance'), await contentOf(database, 'balance_v2'));
});

test('versions below the live one are removed when they are no longer wanted', async (t) => {
  const { database } = await createEventDatabase(t);
  const store = createEventStore({ database, events: accountEvents });
  await fill(store, 2, 2);
  const stopOld = start(t, createProjection(store, balances(1), { ...fast, database }));
  await until(async () => (await database.sql`select to_regclass('balance') as name`)[0]?.['name'] !== null);
  const current = createProjection(store, balances(2), { ...fast, database });
  start(t, current);
  await until(async () => (await current.liveVersion()) === 2);
  await stopOld();
  await current.removeOlder();
  assert.deepEqual(await database.sql`select to_regclass('balance_v1')::text as name`, [{ name: null }]);
  assert.equal((await database.sql`select 1 from balance`).length, 2);
});

test('partitions catch up side by side and come to the same content', async (t) => {
  const { database } = await createEventDatabase(t);
  const store = createEventStore({ database, events: accountEvents });
  const last = await fill(store, 40, 10);
  const projection = createProjection(store, balances(), { ...fast, database, partitions: 4, pageSize: 50 });
  start(t, projection);
  await projection.waitFor(last, { timeoutMs: 20_000 });
  await until(async () => (await projection.lag()).positions === 0);
  const rows = await database.sql<{
    account: string;
    amount: number;
  }>`select account, amount, moves from balance`;
  assert.equal(rows.length, 40);
  for (const { account, amount } of rows) assert.equal(amount, 55 * (Number(account.split('-')[1]) + 1));
});

test('a projector killed at any moment loses nothing and does nothing twice', async (t) => {
  const { database, url } = await createEventDatabase(t);
  const store = createEventStore({ database, events: accountEvents });
  const accounts = 20;
  const moves = 60;
  const writing = (async () => {
    for (let account = 0; account < accounts; account += 1)
      await store.append(`account-${account}`, [opened('x')]);
    for (let move = 1; move <= moves; move += 1) {
      for (let account = 0; account < accounts; account += 1)
        await store.append(`account-${account}`, [moved(move)]);
    }
  })();
  const program = fileURLToPath(new URL('./projector.ts', import.meta.url));
  let progress = 0;
  for (let kill = 0; kill < 6; kill += 1) {
    const projector = spawn(process.execPath, [program, url], { stdio: ['ignore', 'ignore', 'inherit'] });
    const ended = once(projector, 'exit');
    const placeOf = async () => {
      const [row] = await database.sql<{ place: number }>`
        select coalesce(max(split_part(cursor, ' ', 1)::int8), 0) as place from banyan.event_subscription`;
      return row?.place ?? 0;
    };
    const isDone = async () => (await placeOf()) > progress || progress === accounts * (moves + 1);
    await until(isDone);
    await sleep(Math.random() * 60);
    projector.kill('SIGKILL');
    await ended;
    progress = await placeOf();
  }
  await writing;
  const projection = createProjection(store, balances(), { ...fast, database });
  start(t, projection);
  await until(async () => (await projection.lag()).positions === 0);
  const rows = await database.sql<{ amount: number; moves: number }>`select amount, moves from balance`;
  assert.deepEqual(rows, Array(accounts).fill({ amount: (moves * (moves + 1)) / 2, moves }));
});
