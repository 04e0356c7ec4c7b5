import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { createDatabase, migrate, platformMigrations } from '@banyan/postgres';
import { createTestDatabase, temporaryFolder } from '@banyan/testing';

interface Folder {
  readonly url: URL;
  write(name: string, script: string): Promise<void>;
  remove(name: string): Promise<void>;
}

async function createFolder(t: TestContext, files: Readonly<Record<string, string>> = {}): Promise<Folder> {
  const path = await temporaryFolder(t, 'migrations');
  const write = (name: string, script: string) => writeFile(join(path, name), script);
  for (const [name, script] of Object.entries(files)) await write(name, script);
  return { url: pathToFileURL(`${path}/`), write, remove: (name) => rm(join(path, name)) };
}

test('files run once, in order, each with its record, and later ones when they come', async (t) => {
  const { database } = await createTestDatabase(t);
  const folder = await createFolder(t, {
    '0002-fill.sql': "insert into t values (1); insert into t values (2, 'x;y')",
    '0001-create-t.sql': 'create table t (id int, note text);',
    'README.md': 'no migration',
  });
  assert.deepEqual(await migrate(database, folder.url), ['0001-create-t.sql', '0002-fill.sql']);
  assert.deepEqual(await migrate(database, folder.url), []);
  await folder.write('0003-more.sql', 'alter table t add column more int default 3;\n-- the end\n');
  assert.deepEqual(await migrate(database, folder.url), ['0003-more.sql']);
  assert.deepEqual(await database.sql`select * from t order by id`, [
    { id: 1, note: null, more: 3 },
    { id: 2, note: 'x;y', more: 3 },
  ]);
});

test('many processes that start at once migrate once', async (t) => {
  const { url, database } = await createTestDatabase(t);
  const folder = await createFolder(t, {
    '0001-create-t.sql': 'create table t (id int)',
    '0002-fill.sql': 'insert into t values (1)',
    '0003-index.sql': '-- banyan: no-transaction\ncreate index concurrently t_id on t (id)',
  });
  const applied = await Promise.all(
    Array.from({ length: 6 }, async () => {
      const own = createDatabase({ url });
      t.after(() => own.close());
      return migrate(own, folder.url);
    }),
  );
  assert.deepEqual(applied.flat().sort(), ['0001-create-t.sql', '0002-fill.sql', '0003-index.sql']);
  assert.deepEqual(await database.sql`select * from t`, [{ id: 1 }]);
});

test('a failing statement is named with file and line, and nothing of its file stays', async (t) => {
  const { database } = await createTestDatabase(t);
  const folder = await createFolder(t, {
    '0001-good.sql': 'create table t (id int primary key)',
    '0002-bad.sql': 'insert into t values (1);\n\n-- why\ninsert into t\n  values (2), (no_such_column);\n',
  });
  const refused = (message: RegExp) =>
    assert.rejects(migrate(database, folder.url), {
      code: 'failed_precondition',
      reason: 'migration_failed',
      message,
    });
  await refused(/^0002-bad\.sql:5: column "no_such_column" does not exist$/);
  assert.deepEqual(await database.sql`select * from t`, []);
  await folder.write('0002-bad.sql', 'insert into t values (1);\ninsert into t values (1);');
  await refused(/^0002-bad\.sql:2: duplicate key value violates unique constraint "t_pkey"$/);
  await folder.write('0002-bad.sql', 'insert into t values (1);\ncommit;\ninsert into t values (2);');
  await refused(/^0002-bad\.sql:2: a migration runs in a transaction/);
  await folder.write('0002-bad.sql', "insert into t values (1);\nselect 'never closed");
  await refused(/^0002-bad\.sql:2: unterminated quoted string/);
  assert.deepEqual(await database.sql`select * from t`, []);
  await folder.write('0002-bad.sql', 'insert into t values (1);');
  assert.deepEqual(await migrate(database, folder.url), ['0002-bad.sql']);
});

test('an edited file, a lost file and a wrong number stop the start', async (t) => {
  const { database } = await createTestDatabase(t);
  const folder = await createFolder(t, {
    '0001-a.sql': 'create table a ()',
    '0002-b.sql': 'create table b ()',
  });
  await migrate(database, folder.url);
  const refused = (reason: string, message: RegExp) =>
    assert.rejects(migrate(database, folder.url), { code: 'failed_precondition', reason, message });
  await folder.write('0001-a.sql', 'create table a (id int)');
  await refused('migration_changed', /0001-a\.sql was edited/);
  // Line ends differ between checkouts on different systems; that is no edit.
  await folder.write('0001-a.sql', 'create table a ()');
  await folder.remove('0002-b.sql');
  await refused('migration_invalid', /0002-b\.sql was applied .* not there/);
  await folder.write('0002-c.sql', 'create table b ()');
  await refused('migration_invalid', /0002-b\.sql was applied/);
  await folder.write('0002-b.sql', 'create table b ()');
  await refused('migration_invalid', /expected number 0003, found 0002-c\.sql/);
  await folder.remove('0002-c.sql');
  await folder.write('0004-d.sql', '');
  await refused('migration_invalid', /expected number 0003, found 0004-d\.sql/);
  await folder.remove('0004-d.sql');
  await folder.write('3-d.sql', '');
  await refused('migration_invalid', /3-d\.sql must be named/);
  await folder.remove('3-d.sql');
  assert.deepEqual(await migrate(database, folder.url), []);
  await assert.rejects(migrate(database, new URL('missing/', folder.url)), { reason: 'migration_invalid' });
});

test('line ends of another system are no edit', async (t) => {
  const { database } = await createTestDatabase(t);
  const folder = await createFolder(t, { '0001-a.sql': 'create table a ();\n-- end\n' });
  await migrate(database, folder.url);
  await folder.write('0001-a.sql', 'create table a ();\r\n-- end\r\n');
  assert.deepEqual(await migrate(database, folder.url), []);
});

test('functions, quoted semicolons and an empty file are what they are', async (t) => {
  const { database } = await createTestDatabase(t);
  const folder = await createFolder(t, {
    '0001-functions.sql': `
      create function plus(a int) returns int language plpgsql as $body$ begin return a + 1; end; $body$;
      create function atomic(a int) returns int begin atomic select case when a > 0 then 1 else 0 end; select a * 2; end;
      comment on function plus is 'one; two''; three'; /* four; /* five; */ six; */
      select e'\\';' as "a;b";`,
    '0002-empty.sql': '-- nothing yet\n',
  });
  assert.equal((await migrate(database, folder.url)).length, 2);
  assert.deepEqual(await database.sql`select plus(1) as plus, atomic(4) as atomic`, [{ plus: 2, atomic: 8 }]);
});

test('scopes are recorded apart, and the platform tables use the same mechanism', async (t) => {
  const { database } = await createTestDatabase(t);
  const folder = await createFolder(t, { '0001-mine.sql': 'create table mine ()' });
  const banyan = { scope: 'banyan' };
  for (const directory of [platformMigrations.service]) {
    assert.ok((await migrate(database, directory, banyan)).length > 0);
    assert.deepEqual(await migrate(database, directory, banyan), []);
  }
  assert.deepEqual(await migrate(database, folder.url), ['0001-mine.sql']);
  const platform = (await createTestDatabase(t)).database;
  assert.ok((await migrate(platform, platformMigrations.platform, banyan)).length > 0);
  const schemas = await platform.sql<{ schema: string }>`
    select distinct schemaname as schema from pg_tables where tableowner = current_user`;
  assert.deepEqual(schemas, [{ schema: 'banyan' }]);
});
