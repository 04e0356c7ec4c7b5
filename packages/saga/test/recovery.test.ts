import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { eventually } from '@banyan/core/testing';
import { createRandom, seed } from '@banyan/test-support/random';
import { checkBooks, openSagas } from './fixtures/books.ts';
import { strike } from './fixtures/process/strikes.ts';
import { openWorkers } from './fixtures/process/workers.ts';

const kills = Number(process.env['BANYAN_KILLS'] ?? 8);

test('workers and participants that are killed at any await lose no saga and repeat no effect', async (t) => {
  t.diagnostic(`seed ${seed}, ${kills} kills; repeat with BANYAN_SEED=${seed}`);
  const workers = await openWorkers(t, { spares: 3 });
  const struck = await strike(workers, { kills, random: createRandom(seed) });
  await eventually(
    () => openSagas(workers),
    (open) => open === 0,
    180_000,
  );
  const books = await checkBooks(workers);
  t.diagnostic(`${JSON.stringify(struck)}; ${JSON.stringify(books.endings)}, ${books.cents} cents`);
  assert.deepEqual(books.wrong, []);
  assert.ok((books.endings['completed'] ?? 0) > 0 && (books.endings['compensated'] ?? 0) > 0);
});

/** The time, in ms, after which another worker takes the sagas of one that was killed. */
async function takeOver(t: TestContext): Promise<number> {
  const workers = await openWorkers(t);
  const dead = workers.launch({
    // Messages wait for the lease of whoever consumed them, which is longer.
    ...{ instance: '1', seed: 1, customers: 3, saga: 'fulfilOrder' },
    isStuck: true,
  });
  await dead.ready;
  const isCharging = async () => {
    const [row] = await workers.databases.stock.sql<{
      count: number;
    }>`select count(*)::int4 as count from reservations`;
    return row?.count ?? 0;
  };
  await eventually(isCharging, (count) => count >= 3);
  const other = workers.launch({ instance: '2', seed: 2, customers: 0, isStuck: false });
  await other.ready;
  dead.process.kill('SIGKILL');
  const killedAt = new Date().toISOString();
  await eventually(
    () => openSagas(workers),
    (open) => open === 0,
    60_000,
  );
  // When another one took them, by the database's clock: how long their steps take then is up to the machine.
  const [taken] = await workers.databases.orders.sql<{ afterMs: number }>`
    select (extract(epoch from dead_at - ${killedAt}::timestamptz) * 1000)::int4 as after_ms
    from banyan.saga_worker where instance = 'orders-1'`;
  assert.deepEqual((await checkBooks(workers)).wrong, []);
  assert.ok(taken);
  t.diagnostic(`taken over after ${taken.afterMs} ms`);
  return taken.afterMs;
}

test("a dead worker's sagas are taken over within 5 s", async (t) => {
  // One in three, should the machine itself stall.
  let tookMs = await takeOver(t);
  for (let again = 0; again < 2 && tookMs >= 5_000; again += 1) tookMs = await takeOver(t);
  assert.ok(tookMs < 5_000, `it took ${tookMs} ms`);
});

test('a worker that is paused past its lease does nothing when it goes on', async (t) => {
  const workers = await openWorkers(t);
  const paused = workers.launch({ instance: '1', seed: 3, customers: 3, isStuck: false });
  await paused.ready;
  const ended = async () => {
    const [row] = await workers.databases.orders.sql<{ count: number }>`
      select count(*)::int4 as count from banyan.saga where status = 'completed'`;
    return row?.count ?? 0;
  };
  await eventually(ended, (count) => count > 20);
  paused.process.kill('SIGSTOP');
  const other = workers.launch({ instance: '2', seed: 4, customers: 0, isStuck: false });
  await other.ready;
  await eventually(
    () => openSagas(workers),
    (open) => open === 0,
    60_000,
  );
  const [before] = await workers.databases.orders.sql`
    select md5(string_agg(id::text || state::text || status, ' ' order by id)) as sum from banyan.saga`;
  paused.process.send('quiet');
  paused.process.kill('SIGCONT');
  await eventually(
    async () => paused.logged,
    (logged) => logged.some((line) => line.startsWith('the lease on sagas ended')),
  );
  const [after] = await workers.databases.orders.sql`
    select md5(string_agg(id::text || state::text || status, ' ' order by id)) as sum from banyan.saga
    where started_at < (select lease_until from banyan.saga_worker where instance = 'orders-1' order by token limit 1)`;
  assert.deepEqual(after, before);
  // What its customers ordered while it was stopped goes through as well.
  await paused.quiet;
  await eventually(
    () => openSagas(workers),
    (open) => open === 0,
    60_000,
  );
  assert.deepEqual((await checkBooks(workers)).wrong, []);
});
