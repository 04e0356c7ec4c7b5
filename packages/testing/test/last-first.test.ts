import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createTestDatabase, lastFirst, temporaryFolder } from '@banyan/testing';

test('what was made last is undone first, whoever made it', async (t) => {
  const read: string[] = [];
  await t.test('makes a folder, and in it what needs the folder to its end', async (inner) => {
    const folder = await mkdtemp(join(tmpdir(), 'banyan-last-first-'));
    lastFirst(inner).after(() => rm(folder, { recursive: true }));
    await writeFile(join(folder, 'file'), 'there');
    lastFirst(inner).after(async () => read.push(await readFile(join(folder, 'file'), 'utf8')));
  });
  assert.deepEqual(read, ['there']);
});

test('a database outlives what was opened on it', async (t) => {
  const found: unknown[] = [];
  await t.test('opens something', async (inner) => {
    const { database } = await createTestDatabase(inner);
    lastFirst(inner).after(async () => found.push(...(await database.sql`select 1 as one`)));
  });
  assert.deepEqual(found, [{ one: 1 }]);
});

test('what cannot be undone keeps nothing else from it, and is told', async () => {
  const hooks: (() => unknown)[] = [];
  const t = { after: (hook: unknown) => void hooks.push(hook as () => unknown) } as Parameters<
    typeof lastFirst
  >[0];
  const done: string[] = [];
  const failing = (text: string) => async () => {
    throw new Error(text);
  };
  lastFirst(t).after(() => void done.push('first'));
  lastFirst(t).after(failing('stuck'));
  lastFirst(t).after(() => void done.push('last'));
  assert.equal(hooks.length, 1);
  await assert.rejects(async () => hooks[0]?.(), /^Error: stuck$/);
  assert.deepEqual(done, ['last', 'first']);
  lastFirst(t).after(failing('one'));
  lastFirst(t).after(failing('two'));
  await assert.rejects(
    async () => hooks[0]?.(),
    (error: AggregateError) => {
      assert.deepEqual(error.errors.map(String), ['Error: two', 'Error: one']);
      return true;
    },
  );
});

test('a temporary folder outlives what was made after it, also when a helper hands on the list of another', async (t) => {
  let folder = '';
  const read: string[] = [];
  await t.test('makes a folder through the list, and what needs it through the test', async (inner) => {
    folder = await temporaryFolder(lastFirst(inner));
    lastFirst(inner).after(async () => read.push(await readFile(join(folder, 'file'), 'utf8')));
    await writeFile(join(folder, 'file'), 'there');
  });
  assert.deepEqual(read, ['there']);
  await assert.rejects(stat(folder), { code: 'ENOENT' });
});
