import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryFolder, until } from '@banyan/testing';
import { create, isAlive, isRoot, nobody, open, serverPid, spawnOwner } from './fixtures/embedded.ts';

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
