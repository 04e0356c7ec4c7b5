import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from '@banyan/testing';
// The command line shows one process at a time; what is at stake here is many at the same moment.
import { openDataFolder } from '../src/data-folder.ts';
import { lockDataFolder } from '../src/data-folder-lock.ts';

const locker = fileURLToPath(new URL('./fixtures/locker.ts', import.meta.url));

/** Processes that try to lock the folder when they are told to, and keep it. */
async function startLockers(t: TestContext, folder: string, count: number) {
  const children = Array.from({ length: count }, () => fork(locker, [folder], { env: { NODE_OPTIONS: '' } }));
  t.after(() => {
    for (const child of children) child.kill('SIGKILL');
  });
  const heard = (child: (typeof children)[number]) =>
    new Promise<string>((resolve) => child.once('message', (message) => resolve(String(message))));
  await Promise.all(children.map(heard));
  return {
    children,
    async lockAll() {
      const answers = children.map(heard);
      for (const child of children) child.send('lock');
      return Promise.all(answers);
    },
  };
}

for (const [name, left] of Object.entries({
  'a new folder': undefined,
  'a folder whose lock a killed process left': '999999999\n',
  'a folder whose lock names a process that has its id from another one': `${process.pid} 1\n`,
  'a folder with an empty lock': '',
})) {
  test(`of many processes that start at once in ${name} one gets it`, async (t) => {
    const path = await temporaryFolder(t, 'lock');
    for (let round = 0; round < 4; round += 1) {
      const data = join(path, String(round));
      await openDataFolder(data);
      if (left !== undefined) writeFileSync(join(data, 'up.lock'), left);
      const { children, lockAll } = await startLockers(t, data, 5);
      const answers = await lockAll();
      const winners = answers.flatMap((answer, index) => (answer === 'locked' ? [index] : []));
      assert.equal(winners.length, 1, answers.join(', '));
      const pid = children[winners[0] ?? 0]?.pid;
      assert.equal(readFileSync(join(data, 'up.lock'), 'utf8').split(' ')[0], String(pid));
      assert.deepEqual(
        readdirSync(data).filter((file) => file.startsWith('up.lock')),
        ['up.lock'],
      );
      for (const child of children) child.kill('SIGKILL');
    }
  });
}

test('a folder that is given back is free, and one that is held says by whom', async (t) => {
  const folder = await openDataFolder(await temporaryFolder(t, 'lock'));
  const unlock = await lockDataFolder(folder);
  await assert.rejects(lockDataFolder(folder), {
    code: 'failed_precondition',
    reason: 'already_running',
    message: new RegExp(`process ${process.pid}, which .*up\\.lock names`),
  });
  await unlock();
  await (await lockDataFolder(folder))();
});
