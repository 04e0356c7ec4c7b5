import assert from 'node:assert/strict';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryFolder } from '@banyan/testing';
import { startPhotoPrint } from '../support/running-system.ts';

test('the processes of a split system find compiled what the first one has compiled, and do not write it again', async (t) => {
  const folder = await temporaryFolder(t, 'compiled');
  const system = await startPhotoPrint(t, {
    flags: ['--split'],
    environment: { NODE_COMPILE_CACHE: folder },
  });
  const before = filesIn(folder);
  assert.ok(before.size > 0, 'nothing was shared');
  await system.stop();
  const after = filesIn(folder);
  assert.deepEqual(new Map([...before.keys()].map((name) => [name, after.get(name)])), before);
  const own = [...after.keys()].filter((name) => !before.has(name));
  assert.ok(
    own.length < before.size / 4,
    `${own.length} files came at the end, ${before.size} at the beginning`,
  );
});

/** Inodes by path: a file that is written again gets another one. */
function filesIn(folder: string): Map<string, number> {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return new Map(paths.map((path) => [path, statSync(path).ino]));
}
