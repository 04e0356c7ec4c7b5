import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { createEvent, createRelay } from '@banyan/events';
import { createPostgresInbox, createPostgresOutbox, openPostgresEventLog } from '@banyan/postgres';
import { createRandom, seed } from '@banyan/test-support/random';
import { until } from '@banyan/testing';
import { arrivalOf } from './arrivals.ts';
import {
  assertCounted,
  createCountedTables,
  emitCounted,
  readCountedLog,
  readEffects,
  tally,
} from './counted-events.ts';
import { createPlatformDatabase, createServiceDatabase } from './events-databases.ts';

/** Enough to meet most moments; `BANYAN_KILLS=200` for more. */
const kills = Number(process.env['BANYAN_KILLS'] ?? 20);

async function createScene(t: TestContext) {
  const service = await createServiceDatabase(t);
  const platform = await createPlatformDatabase(t);
  await createCountedTables(service.database.sql);
  const outbox = createPostgresOutbox(service.database);
  const inbox = createPostgresInbox(service.database);
  const log = await openPostgresEventLog(platform.database);
  t.after(() => log.close());
  const run = (program: string, ...parameters: string[]) => {
    const file = new URL(`../fixtures/${program}.ts`, import.meta.url);
    const child = fork(file, [service.url, platform.url, ...parameters], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    t.after(() => child.kill('SIGKILL'));
    return child;
  };
  return { service, platform, outbox, inbox, log, run };
}

async function killed(child: ChildProcess): Promise<void> {
  const exited = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : undefined;
  child.kill('SIGKILL');
  await exited;
}

async function says(child: ChildProcess): Promise<unknown> {
  const [message] = await once(child, 'message', { signal: AbortSignal.timeout(30_000) });
  return message;
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

test(`two processes of a service are killed ${kills} times at random moments: every effect once, in order`, async (t) => {
  t.diagnostic(`BANYAN_SEED=${seed}`);
  const random = createRandom(seed);
  const { service, platform, outbox, inbox, run } = await createScene(t);
  const { sql } = service.database;
  let isProducing = true;
  const produce = async () => {
    while (isProducing) {
      const key = `key-${Math.floor(random() * 12)}`;
      await emitCounted(service.database, outbox, { key, isRolledBack: random() < 0.2 });
      await pause(random() * 30);
    }
  };
  let deaths = 0;
  const live = async (instance: string) => {
    while (deaths < kills) {
      const child = run('events-worker', instance);
      // Some die while they start, most while they work.
      if (random() < 0.8) await Promise.race([once(child, 'message'), pause(10_000)]);
      await pause(random() * 150);
      await killed(child);
      deaths += 1;
    }
  };
  const producers = [produce(), produce(), produce()];
  await Promise.all([live('orders-1'), live('orders-2')]);
  isProducing = false;
  await Promise.all(producers);
  const survivor = run('events-worker', 'orders-1');
  // The claims of the other instance's last life end by themselves, after a while: it lives once more instead.
  const other = run('events-worker', 'orders-2');
  const expected = await tally(sql);
  await until(async () => {
    const [row] = await sql<{ count: number }>`select count(*) from effect`;
    return (row?.count ?? 0) >= expected.total;
  }, 'all effects have happened');
  await Promise.all([killed(survivor), killed(other)]);
  assert.ok(expected.total > kills, `${expected.total} events`);
  assertCounted(await readCountedLog(platform.database.sql), expected);
  assertCounted(await readEffects(sql), expected);
  const { pending, dead, waiting } = await inbox.counts();
  assert.deepEqual([pending, dead, waiting], [0, 0, 0]);
  t.diagnostic(`${expected.total} events, ${deaths} deaths`);
});

const counted = (key: string, number: number) =>
  createEvent({
    service: 'orders',
    name: 'counted',
    type: 'Counted',
    key,
    data: { number },
    occurredAtMs: Date.now(),
  });

test('a process that is paused beyond its lease cannot commit what another has done meanwhile', async (t) => {
  const { service, inbox, run } = await createScene(t);
  await inbox.ingest(await arrivalOf(inbox, [counted('a', 1)]));
  const paused = run('paused-handler');
  assert.equal(await says(paused), 'open');
  paused.kill('SIGSTOP');
  const claim = await until(
    async () => (await inbox.claim({ owner: 'other', limit: 1, leaseMs: 60_000 })).at(0),
    'the lease ends',
  );
  await service.database.tx(async ({ sql }) => {
    await sql`insert into effect (event_id, key, number) values (${claim.event.id}, 'a', 1)`;
    await inbox.complete(claim, sql);
  });
  paused.kill('SIGCONT');
  const outcome = says(paused);
  paused.send('go');
  assert.equal(await outcome, 'lease_lost');
  assert.equal((await readEffects(service.database.sql)).length, 1);
});

test('a relay that is paused beyond its lease neither stops delivery nor moves the cursor back', async (t) => {
  const { service, platform, outbox, log, run } = await createScene(t);
  const emit = (key: string) => emitCounted(service.database, outbox, { key, isRolledBack: false });
  for (const key of ['a', 'b', 'a']) await emit(key);
  const paused = run('paused-relay');
  assert.equal(await says(paused), 'published');
  paused.kill('SIGSTOP');
  await emit('a');
  const relay = createRelay({ outbox, log, owner: 'orders-1', pollIntervalMs: 20 });
  relay.start();
  await until(async () => (await outbox.backlog()).count === 0, 'another relay takes over');
  await relay.stop();
  paused.kill('SIGCONT');
  const outcome = says(paused);
  paused.send('go');
  assert.equal(await outcome, 'lease_lost');
  assertCounted(await readCountedLog(platform.database.sql), await tally(service.database.sql));
});
