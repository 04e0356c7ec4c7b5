import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createDatabase, type PostgresDatabase } from '@banyan/postgres';
import { createTestDatabase, startTestServer, until } from '@banyan/testing';

const endSessions = async (database: PostgresDatabase) => {
  const server = await startTestServer();
  const admin = createDatabase({ url: server.url, maxConnections: 1 });
  const [{ name } = { name: '' }] = await database.sql<{ name: string }>`select current_database() as name`;
  await admin.sql`select pg_terminate_backend(pid) from pg_stat_activity where datname = ${name}`;
  await admin.close();
};

test('a listener hears each notification of its channel, in order, and after close none', async (t) => {
  const { database } = await createTestDatabase(t);
  const heard: (string | undefined)[] = [];
  const channel = 'it\'s "odd"; unlisten *';
  const listener = await database.listen(channel, (payload) => {
    heard.push(payload);
    if (payload === 'two') throw new Error('a broken listener hears the next one too');
  });
  for (const payload of ['one', 'two', '']) await database.sql`select pg_notify(${channel}, ${payload})`;
  await database.sql`select pg_notify('other', 'x')`;
  await until(() => heard.length === 3);
  await listener.close();
  await listener.close();
  await database.sql`select pg_notify(${channel}, 'late')`;
  assert.deepEqual(heard, ['one', 'two', '']);
});

test('after a lost connection the listener is told once that it may have missed something', async (t) => {
  const { database } = await createTestDatabase(t);
  const heard: (string | undefined)[] = [];
  await database.listen('news', (payload) => heard.push(payload));
  await endSessions(database);
  await until(() => heard.length === 1);
  assert.deepEqual(heard, [undefined]);
  await database.sql`select pg_notify('news', 'again')`;
  await until(() => heard.length === 2);
  assert.deepEqual(heard, [undefined, 'again']);
});

test('a pool goes on after its connections were ended', async (t) => {
  const { database } = await createTestDatabase(t);
  await Promise.all(Array.from({ length: 5 }, () => database.sql`select pg_sleep(0.01)`));
  await endSessions(database);
  await until(() => database.stats().connections === 0);
  assert.deepEqual(await database.sql`select 1 as one`, [{ one: 1 }]);
});

test('listening where no database answers is refused', async (t) => {
  const { url } = await createTestDatabase(t);
  const nowhere = new URL(url);
  nowhere.searchParams.set('host', '/nowhere');
  const database = createDatabase({ url: nowhere.href });
  t.after(() => database.close());
  await assert.rejects(
    database.listen('x', () => {}),
    { code: 'unavailable', reason: 'database_unavailable' },
  );
});
