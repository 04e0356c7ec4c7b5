import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { silentLogger } from '@banyan/core';
import { createEmbeddedServer, platformMigrations } from '@banyan/postgres';
import { createTestDatabase, lastFirst, temporaryFolder } from '@banyan/testing';
// What a service does when it opens its store.
import { settleOutbox } from '../../src/events/outbox-home.ts';
import { createServiceDatabase, migrated } from './events-databases.ts';
import { emit, lost, numbers, openLog, readOn, startOf, topics } from './restored-scene.ts';

const run = promisify(execFile);

/** `15`, of the program that is installed; 0 if there is none. */
function dumpVersion(): number {
  try {
    return Number(/ (\d+)/.exec(execFileSync('pg_dump', ['--version'], { encoding: 'utf8' }))?.[1]);
  } catch {
    return 0;
  }
}

/** pg_dump refuses a server that is newer than itself, as the embedded one often is. */
async function isTooOld(t: TestContext): Promise<boolean> {
  const { database } = await createTestDatabase(t);
  const [server] = await database.sql<{ version: number }>`
    select current_setting('server_version_num')::int4 / 10000 as version`;
  if (dumpVersion() >= (server?.version ?? 0)) return false;
  t.skip('by choice: set BANYAN_TEST_DATABASE_URL to a server that the installed pg_dump may dump');
  return true;
}

test('a dump taken back stops who has read further, also who is reading, and the others go on', async (t) => {
  if (await isTooOld(t)) return;
  const { database, url } = await createServiceDatabase(t);
  const dump = join(await temporaryFolder(t), 'orders.dump');
  const log = openLog(t, url);
  await emit(database, ...numbers(1, 6));
  const behind = await readOn(log, startOf(log));
  await emit(database, 7, 8);
  await run('pg_dump', ['--format=custom', `--file=${dump}`, url]);
  await emit(database, 9, 10);
  const ahead = await readOn(log, behind.from);
  const reader = await log.open({ group: 'mail', topics, from: ahead.from });
  assert.deepEqual((await reader.next(10, 1)).events, []);
  await run('pg_restore', ['--clean', '--if-exists', '--single-transaction', `--dbname=${url}`, dump]);
  await settleOutbox(database.sql);
  await emit(database, ...numbers(101, 105));
  await assert.rejects(reader.next(10, 5_000), lost);
  await assert.rejects(log.open({ group: 'mail', topics, from: ahead.from }), lost);
  assert.deepEqual((await readOn(log, behind.from)).seen, [7, 8, ...numbers(101, 105)]);
});

test('a dump restored into another database goes on where the old one was', async (t) => {
  if (await isTooOld(t)) return;
  const { database, url } = await createServiceDatabase(t);
  const moved = await createTestDatabase(t);
  const dump = join(await temporaryFolder(t), 'orders.dump');
  const before = openLog(t, url);
  await emit(database, ...numbers(1, 10));
  const { from } = await readOn(before, startOf(before));
  await emit(database, 11);
  await run('pg_dump', ['--format=custom', `--file=${dump}`, url]);
  await run('pg_restore', ['--no-owner', `--dbname=${moved.url}`, dump]);
  await settleOutbox(moved.database.sql);
  await emit(moved.database, 12);
  const after = openLog(t, moved.url);
  assert.deepEqual((await readOn(after, from)).seen, [11, 12]);
});

test('a server whose files are put back stops who has read further, and the others go on', async (t) => {
  const folder = await temporaryFolder(t);
  const dataDir = join(folder, 'postgres');
  const server = createEmbeddedServer({ dataDir, logger: silentLogger, durable: false });
  lastFirst(t).after(() => server.stop());
  const { adminUrl } = await server.start();
  const { database, url } = await migrated(
    await createTestDatabase(t, { url: adminUrl }),
    platformMigrations.service,
  );
  const log = openLog(t, url);
  await emit(database, ...numbers(1, 6));
  const behind = await readOn(log, startOf(log));
  await emit(database, 7, 8);
  await server.stop();
  // As the root user the files belong to somebody else.
  await run('cp', ['-a', dataDir, join(folder, 'copy')]);
  await server.start();
  const afterwards = openLog(t, url);
  await emit(database, 9, 10);
  const ahead = await readOn(afterwards, behind.from);
  assert.deepEqual(ahead.seen, numbers(7, 10));
  await server.stop();
  await rm(dataDir, { recursive: true });
  await rename(join(folder, 'copy'), dataDir);
  await server.start();
  await assert.rejects(openLog(t, url).open({ group: 'mail', topics, from: ahead.from }), lost);
  await emit(database, 101);
  assert.deepEqual((await readOn(openLog(t, url), behind.from)).seen, [7, 8, 101]);
});
