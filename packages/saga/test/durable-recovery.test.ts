import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { eventually } from '@banyan/core/testing';
import { createRandom, seed } from '@banyan/test-support/random';
import { checkAlbums, openFunctions } from './fixtures/albums-books.ts';
import { openPhotoWorkers, type PhotoWorker, type PhotoWorkers } from './fixtures/process/photo-workers.ts';

const kills = Number(process.env['BANYAN_KILLS'] ?? 10);

const allEnd = (workers: PhotoWorkers) =>
  eventually(
    () => openFunctions(workers),
    (open) => open === 0,
    120_000,
  );

async function kindsOfEndings({ databases }: PhotoWorkers): Promise<number> {
  const [row] = await databases.albums.sql<{ count: number }>`
    select count(distinct (name, status))::int4 as count from banyan.saga
    where parent_id is null and status not in ('running', 'compensating')`;
  return row?.count ?? 0;
}

test('workers that are killed at any await lose no durable function and repeat no effect', async (t) => {
  t.diagnostic(`seed ${seed}, ${kills} kills; repeat with BANYAN_SEED=${seed}`);
  const workers = await openPhotoWorkers(t);
  const random = createRandom(seed);
  let [launched, killed, atAwaits] = [0, 0, 0];
  const last: PhotoWorker[] = [];
  const occupy = async (place: number) => {
    while (killed < kills) {
      launched += 1;
      const [isAtAwait, when] = [random() < 0.5, random()];
      const dies = isAtAwait ? { diesAt: 1 + Math.floor(when ** 2 * 4_000) } : {};
      const worker = workers.launch({
        instance: String(launched),
        seed: seed + launched,
        customers: 3,
        ...dies,
      });
      last[place] = worker;
      // A slow machine must not use the kills up before anything has begun.
      await Promise.race([worker.ready.catch(() => {}), pause(60_000, undefined, { ref: false })]);
      if (isAtAwait) await Promise.race([worker.ended, pause(6_000)]);
      else await pause(when * 2_000);
      if (killed >= kills) return;
      if (worker.process.signalCode === 'SIGKILL') atAwaits += 1;
      else worker.process.kill('SIGKILL');
      await worker.ended;
      killed += 1;
    }
  };
  await Promise.all([0, 1, 2].map(occupy));
  // The others may still die at an await of theirs.
  const survivor = workers.launch({ instance: 'last', seed, customers: 1 });
  await eventually(
    () => kindsOfEndings(workers),
    (kinds) => kinds >= 3,
    120_000,
  );
  for (const { process: each } of [...last, survivor]) each.send('quiet', () => {});
  await allEnd(workers);
  const { endings, wrong } = await checkAlbums(workers);
  t.diagnostic(`${killed} kills, ${atAwaits} at awaits; ${JSON.stringify(endings)}`);
  assert.deepEqual(wrong, []);
  assert.ok(Object.keys(endings).length >= 3);
});

test('a worker that is paused past its lease adds nothing to a journal when it goes on', async (t) => {
  const workers = await openPhotoWorkers(t);
  const paused = workers.launch({ instance: '1', seed: 3, customers: 3 });
  await paused.ready;
  const ended = async () => {
    const [row] = await workers.databases.albums.sql<{ count: number }>`
      select count(*)::int4 as count from banyan.saga where status = 'completed'`;
    return row?.count ?? 0;
  };
  await eventually(ended, (count) => count > 20);
  paused.process.kill('SIGSTOP');
  const other = workers.launch({ instance: '2', seed: 4, customers: 0 });
  await other.ready;
  await allEnd(workers);
  const journals = async () => {
    const [row] = await workers.databases.albums.sql<{ sum: string }>`
      select md5(string_agg(j.saga_id || ' ' || j.seq || j.entry::text, ' ' order by j.saga_id, j.seq)) as sum
      from banyan.saga_journal as j join banyan.saga as s on s.id = j.saga_id
      where s.started_at < (select lease_until from banyan.saga_worker where instance = 'albums-1' order by token limit 1)`;
    return row?.sum;
  };
  const before = await journals();
  paused.process.send('quiet');
  paused.process.kill('SIGCONT');
  await eventually(
    async () => paused.logged,
    (logged) => logged.some((line) => line.startsWith('the lease on sagas ended')),
  );
  assert.equal(await journals(), before);
  // What its customers began while it was stopped goes through as well.
  await allEnd(workers);
  assert.deepEqual((await checkAlbums(workers)).wrong, []);
});

/** The time, in ms, after which another worker takes the functions of one that was killed. */
async function takeOver(t: TestContext): Promise<number> {
  const workers = await openPhotoWorkers(t);
  const dead = workers.launch({
    instance: '1',
    seed: 1,
    customers: 3,
    functions: ['printAll'],
    isStuck: true,
  });
  await dead.ready;
  await eventually(
    () => openFunctions(workers),
    (open) => open >= 3,
  );
  const other = workers.launch({ instance: '2', seed: 2, customers: 0 });
  await other.ready;
  dead.process.kill('SIGKILL');
  const killedAt = new Date().toISOString();
  const leftBehind = async () => {
    const [row] = await workers.databases.albums.sql<{ count: number }>`
      select count(*)::int4 as count from banyan.saga
      where owner = (select token from banyan.saga_worker where instance = 'albums-1')`;
    return row?.count ?? 0;
  };
  assert.ok((await leftBehind()) >= 3);
  await eventually(leftBehind, (count) => count === 0);
  await allEnd(workers);
  assert.deepEqual((await checkAlbums(workers)).wrong, []);
  // By the database's clock: how long the steps take then is up to the machine.
  const [taken] = await workers.databases.albums.sql<{ afterMs: number }>`
    select (extract(epoch from dead_at - ${killedAt}::timestamptz) * 1000)::int4 as after_ms
    from banyan.saga_worker where instance = 'albums-1'`;
  assert.ok(taken);
  t.diagnostic(`taken over after ${taken.afterMs} ms`);
  return taken.afterMs;
}

test("a dead worker's durable functions are taken over within 5 s", async (t) => {
  // One in three, should the machine itself stall.
  let tookMs = await takeOver(t);
  for (let again = 0; again < 2 && tookMs >= 5_000; again += 1) tookMs = await takeOver(t);
  assert.ok(tookMs < 5_000, `it took ${tookMs} ms`);
});
