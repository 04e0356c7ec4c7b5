import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { createRandom, seed } from '@banyan/test-support/random';
import { eventually } from './fixtures/eventually.ts';
import { openWorkers, type WorkerProcess, type Workers } from './fixtures/process/workers.ts';

const kills = Number(process.env['BANYAN_KILLS'] ?? 5);

async function openSagas({ databases }: Workers): Promise<number> {
  const [row] = await databases.orders.sql<{ count: number }>`
    select count(*)::int4 as count from banyan.saga where status in ('running', 'compensating')`;
  return row?.count ?? 0;
}

interface Books {
  readonly sagas: number;
  readonly wrong: readonly string[];
}

/** Every saga has ended one way or the other, each effect is there once, and the money adds up. */
async function checkBooks({ databases }: Workers): Promise<Books> {
  const sagas = await databases.orders.sql<{ orderId: string; cents: number; status: string; state: string }>`
    select s.input ->> 'orderId' as order_id, (s.input ->> 'cents')::int4 as cents, s.status, o.state
    from banyan.saga as s left join orders as o on o.order_id = s.input ->> 'orderId'`;
  const charges = await databases.payments.sql<{ orderId: string; charged: number; rows: number }>`
    select order_id, sum(cents)::int4 as charged, count(*)::int4 as rows from charges group by order_id`;
  const reservations = await databases.stock.sql<{
    orderId: string;
    kept: number;
    rows: number;
    times: number;
  }>`
    select order_id, count(*) filter (where state = 'reserved')::int4 as kept, count(*)::int4 as rows, max(times)::int4 as times
    from reservations group by order_id`;
  const chargeOf = new Map(charges.map((each) => [each.orderId, each]));
  const reservationOf = new Map(reservations.map((each) => [each.orderId, each]));
  const wrong = sagas.flatMap(({ orderId, cents, status, state }) => {
    const { charged = 0, rows: chargeRows = 0 } = chargeOf.get(orderId) ?? {};
    const { kept = 0, rows = 0, times = 0 } = reservationOf.get(orderId) ?? {};
    const found = `${orderId}: ${status} ${state}, charged ${charged} in ${chargeRows}, reserved ${kept} of ${rows}, ${times} times`;
    const isRight =
      status === 'completed'
        ? state === 'approved' && charged === cents && chargeRows === 1 && kept === 1 && rows === 1
        : status === 'compensated' &&
          state === 'rejected' &&
          charged === 0 &&
          chargeRows % 2 === 0 &&
          kept === 0 &&
          rows <= 1 &&
          times <= 2;
    return isRight ? [] : [found];
  });
  const known = new Set(sagas.map(({ orderId }) => orderId));
  const strangers = [...chargeOf.keys(), ...reservationOf.keys()].filter((orderId) => !known.has(orderId));
  return { sagas: sagas.length, wrong: [...wrong, ...strangers] };
}

test('workers that are killed at any moment lose no saga and repeat no effect', async (t) => {
  t.diagnostic(`seed ${seed}, ${kills} kills; repeat with BANYAN_SEED=${seed}`);
  const random = createRandom(seed);
  const workers = await openWorkers(t);
  let launched = 0;
  const launch = () => {
    launched += 1;
    const plan = { instance: String(launched), seed: seed + launched, customers: 4, isStuck: false };
    return workers.launch(plan);
  };
  const places: WorkerProcess[] = [launch()];
  await places[0]?.ready;
  places.push(launch(), launch());
  for (let kill = 0; kill < kills; kill += 1) {
    await Promise.all(places.map(({ ready }) => ready));
    await pause(random() * 400);
    const place = Math.floor(random() * places.length);
    places[place]?.process.kill('SIGKILL');
    places[place] = launch();
  }
  await Promise.all(places.map(({ ready }) => ready));
  for (const { process: each } of places) each.send('quiet');
  await eventually(
    () => openSagas(workers),
    (open) => open === 0,
    60_000,
  );
  const books = await checkBooks(workers);
  t.diagnostic(`${books.sagas} sagas`);
  assert.ok(books.sagas > 0);
  assert.deepEqual(books.wrong, []);
});

test("a dead worker's sagas are taken over within seconds", async (t) => {
  const workers = await openWorkers(t);
  const dead = workers.launch({ instance: '1', seed: 1, customers: 3, isStuck: true });
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
  const killedAtMs = Date.now();
  await eventually(
    () => openSagas(workers),
    (open) => open === 0,
    60_000,
  );
  t.diagnostic(`recovered after ${Date.now() - killedAtMs} ms`);
  assert.deepEqual((await checkBooks(workers)).wrong, []);
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
  await eventually(
    () => openSagas(workers),
    (open) => open === 0,
    60_000,
  );
  assert.deepEqual((await checkBooks(workers)).wrong, []);
});
