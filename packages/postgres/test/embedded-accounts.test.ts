import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmod, mkdir, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryFolder } from '@banyan/testing';
import { create, isRoot, nobody, open, serverPid, spawnOwner } from './fixtures/embedded.ts';

const needsRoot = isRoot ? false : 'needs root';

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
