import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { silentLogger } from '@banyan/core';
import { createEvent, createRelay } from '@banyan/events';
import {
  createDatabase,
  createEmbeddedServer,
  createPostgresInbox,
  createPostgresOutbox,
  openPostgresEventLog,
  type PostgresDatabase,
  platformMigrations,
} from '@banyan/postgres';
import { createRandom, seed } from '@banyan/test-support/random';
import { until } from '@banyan/testing';
import { createCountedConsumer } from './counted-consumer.ts';
import {
  assertCounted,
  createCountedTables,
  emitCounted,
  emitStubbornly,
  readCountedLog,
  readEffects,
  tally,
} from './counted-events.ts';
import { createPlatformDatabase, createServiceDatabase, migrated } from './events-databases.ts';
import { hold } from './held-transaction.ts';

async function createScene(service: PostgresDatabase, platform: PostgresDatabase) {
  await createCountedTables(service.sql);
  const outbox = createPostgresOutbox(service);
  const inbox = createPostgresInbox(service);
  const log = await openPostgresEventLog(platform);
  const relay = createRelay({ outbox, log, owner: 'orders-1', pollIntervalMs: 20, leaseMs: 500 });
  const createWorker = (instance: string) =>
    createCountedConsumer({ database: service, log, inbox, instance });
  return { outbox, inbox, log, relay, createWorker };
}

async function createDatabases(t: TestContext) {
  const { database: service, url } = await createServiceDatabase(t);
  const { database: platform } = await createPlatformDatabase(t);
  return { service, platform, url };
}

/** A transaction that has written something and then waits until the test ends it. */
async function openIdleWriter(database: PostgresDatabase) {
  const gate = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  const ended = database.tx(async ({ sql }) => {
    await sql`create table idle_writer (number int)`;
    begun.resolve();
    await gate.promise;
  });
  await begun.promise;
  return async () => {
    gate.resolve();
    await ended;
  };
}

test("a transaction that stays open, here or in another database, delays nobody else's events", async (t) => {
  const { service, platform } = await createDatabases(t);
  const { database: bystander } = await createServiceDatabase(t);
  const { outbox, relay } = await createScene(service, platform);
  const ends = [
    await openIdleWriter(bystander),
    await openIdleWriter(service),
    await openIdleWriter(platform),
  ];
  for (const key of ['a', 'b', 'a']) await emitCounted(service, outbox, { key, isRolledBack: false });
  relay.start();
  await until(async () => (await outbox.backlog()).count === 0, 'the events are published');
  assertCounted(await readCountedLog(platform.sql), await tally(service.sql));
  await relay.stop();
  for (const end of ends) await end();
});

test('a long transaction that commits after later ones: they do not wait for it, and its event arrives once', async (t) => {
  const { service, platform } = await createDatabases(t);
  const { outbox, log, relay, createWorker } = await createScene(service, platform);
  const worker = createWorker('orders-1');
  t.after(async () => {
    await Promise.all([relay.stop(), worker.stop()]);
    await log.close();
  });
  relay.start();
  await worker.start();
  // Drawn as the others' numbers are, so that the check at the end counts it.
  const endLong = await hold(service, async (sql) => {
    await sql`insert into counter (key, number) values ('long', 1)`;
    const event = { service: 'orders', name: 'counted', type: 'Counted', key: 'long', data: { number: 1 } };
    await outbox.append(sql, [createEvent({ ...event, occurredAtMs: Date.now() })]);
  });
  const keys = ['a', 'b', 'c'];
  for (let round = 0; round < 20; round += 1) {
    for (const key of keys) await emitCounted(service, outbox, { key, isRolledBack: false });
  }
  await until(async () => (await readEffects(service.sql)).length === 60, 'the later ones have their effect');
  await endLong();
  for (const key of keys) await emitCounted(service, outbox, { key, isRolledBack: false });
  const expected = await tally(service.sql);
  assert.equal(expected.expected.get('long'), 1);
  await until(
    async () => (await readEffects(service.sql)).length >= expected.total,
    'its event has its effect',
  );
  assertCounted(await readEffects(service.sql), expected);
  assertCounted(await readCountedLog(platform.sql), expected);
});

test('transactions of one key that overlap, commit late or roll back: the log has each once, in the order of commits', async (t) => {
  t.diagnostic(`BANYAN_SEED=${seed}`);
  const random = createRandom(seed);
  const { service, platform } = await createDatabases(t);
  const { outbox, log, relay } = await createScene(service, platform);
  const second = createRelay({
    outbox,
    log,
    owner: 'orders-2',
    leaseMs: 500,
    pollIntervalMs: 5,
    batchSize: 7,
  });
  relay.start();
  second.start();
  await service.sql`create table committed (seq bigint generated always as identity, key text, number int)`;
  // Numbers drawn before any lock: only the outbox's own locks can order these transactions.
  let drawn = 0;
  const emitOverlapping = async (key: string) => {
    drawn += 1;
    const number = drawn;
    const work = service.tx(async ({ sql }) => {
      await sql`select pg_sleep(${random() * 0.01})`;
      const data = { number };
      const event = createEvent({
        service: 'orders',
        name: 'counted',
        type: 'Counted',
        key,
        data,
        occurredAtMs: Date.now(),
      });
      await outbox.append(sql, [event]);
      await sql`select pg_sleep(${random() * 0.005})`;
      // The lock of the key is held by now, so this table's order within a key is the order of commits.
      await sql`insert into committed (key, number) values (${key}, ${number})`;
      if (random() < 0.2) throw new Error('rolled back');
    });
    await work.catch((error) => assert.match(String(error), /rolled back/));
  };
  await Promise.all(
    Array.from({ length: 8 }, async () => {
      for (let round = 0; round < 40; round += 1) await emitOverlapping(`key-${Math.floor(random() * 3)}`);
    }),
  );
  await until(async () => (await outbox.backlog()).count === 0, 'everything is published');
  await Promise.all([relay.stop(), second.stop()]);
  await log.close();
  const logged = await readCountedLog(platform.sql);
  const committed = await service.sql<{
    key: string;
    number: number;
  }>`select key, number from committed order by seq`;
  assert.ok(committed.length > 100 && committed.length < 320, `${committed.length} committed of 320`);
  const byKey = (rows: readonly { key: string }[]) => rows.toSorted((a, b) => a.key.localeCompare(b.key));
  assert.deepEqual(byKey(logged), byKey(committed));
});

test('a connection that breaks at a random statement of relay or consumer repeats and loses nothing', async (t) => {
  t.diagnostic(`BANYAN_SEED=${seed}`);
  const random = createRandom(seed);
  const { service, platform } = await createDatabases(t);
  const { database: killer } = await createServiceDatabase(t);
  const { outbox, relay, createWorker, inbox } = await createScene(service, platform);
  const workers = [createWorker('orders-1'), createWorker('orders-2')];
  relay.start();
  for (const worker of workers) await worker.start();
  let isProducing = true;
  const producing = (async () => {
    for (let number = 0; isProducing; number += 1) await emitStubbornly(service, outbox, `key-${number % 5}`);
  })();
  // The owner of a database may end the sessions of its own role alone, so each is ended from beside itself.
  for (let strike = 0; strike < 60; strike += 1) {
    const target = random() < 0.6 ? service : platform;
    await target.sql`
      select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and pid <> pg_backend_pid() and random() < 0.3`.catch(() => []);
    await killer.sql`select pg_sleep(${random() * 0.03})`;
  }
  isProducing = false;
  await producing;
  const expected = await tally(service.sql);
  await until(async () => {
    const [row] = await service.sql<{ count: number }>`select count(*) from effect`;
    return (row?.count ?? 0) >= expected.total;
  }, 'all effects have happened');
  await Promise.all([relay.stop(), ...workers.map((worker) => worker.stop())]);
  assertCounted(await readCountedLog(platform.sql), expected);
  assertCounted(await readEffects(service.sql), expected);
  assert.equal((await inbox.counts()).dead, 0);
  t.diagnostic(`${expected.total} events`);
});

test('the database server crashes and comes back in the middle: every effect once, in order', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'banyan-events-'));
  const dataDir = join(folder, 'postgres');
  const server = createEmbeddedServer({ dataDir, logger: silentLogger });
  const { adminUrl } = await server.start();
  const admin = createDatabase({ url: adminUrl });
  await admin.sql`create database service`;
  await admin.sql`create database platform`;
  await admin.close();
  const open = (name: string) => {
    const url = new URL(adminUrl);
    url.pathname = `/${name}`;
    return createDatabase({ url: url.href });
  };
  const { database: service } = await migrated({ database: open('service') }, platformMigrations.service);
  const { database: platform } = await migrated({ database: open('platform') }, platformMigrations.platform);
  const { outbox, log, relay, createWorker } = await createScene(service, platform);
  const worker = createWorker('orders-1');
  t.after(async () => {
    await Promise.all([relay.stop(), worker.stop(), log.close()]);
    await Promise.all([service.close(), platform.close()]);
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  });
  relay.start();
  await worker.start();
  for (let round = 0; round < 2; round += 1) {
    const emitting = (async () => {
      for (let number = 0; number < 150; number += 1)
        await emitStubbornly(service, outbox, `key-${number % 7}`);
    })();
    await until(async () => {
      const [row] = await service.sql<{ count: number }>`select count(*) from effect`.catch(() => []);
      return (row?.count ?? 0) >= round * 150 + 30;
    }, 'the work has begun');
    process.kill(
      Number((await readFile(join(dataDir, 'postmaster.pid'), 'utf8')).split('\n', 1)[0]),
      'SIGKILL',
    );
    await emitting;
  }
  const expected = await until(() => tally(service.sql).catch(() => undefined), 'the server is back');
  await until(async () => {
    const [row] = await service.sql<{ count: number }>`select count(*) from effect`.catch(() => []);
    return (row?.count ?? 0) >= expected.total;
  }, 'all effects have happened');
  assertCounted(await readCountedLog(platform.sql), expected);
  assertCounted(await readEffects(service.sql), expected);
});
