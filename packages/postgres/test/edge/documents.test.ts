import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RuntimeDocuments } from '@banyan/config';
import { describeRuntimeDocuments } from '@banyan/config/testing';
import { silentLogger } from '@banyan/core';
import {
  createDatabase,
  createPostgresDocuments,
  migrate,
  type PostgresDatabase,
  platformMigrations,
} from '@banyan/postgres';
import { createTestDatabase, startTestServer } from '@banyan/testing';

describeRuntimeDocuments('postgres', {
  async create() {
    const cleanups: (() => unknown)[] = [];
    const { url, database } = await createTestDatabase({
      after: (cleanup) => cleanups.push(cleanup as () => unknown),
    });
    await migrate(database, platformMigrations.platform, { scope: 'banyan' });
    await database.close();
    const server = await startTestServer();
    const admin = createDatabase({ url: server.url, maxConnections: 1 });
    const databases: PostgresDatabase[] = [];
    const name = new URL(url).pathname.slice(1);
    return {
      async open(): Promise<RuntimeDocuments> {
        const own = createDatabase({ url, maxConnections: 2 });
        databases.push(own);
        return createPostgresDocuments(own, { logger: silentLogger });
      },
      async setReachable(isReachable) {
        const { sql } = admin;
        await sql`alter database ${sql.identifier(name)} ${isReachable ? sql`allow_connections true` : sql`allow_connections false`}`;
        if (!isReachable)
          await sql`select pg_terminate_backend(pid) from pg_stat_activity where datname = ${name}`;
      },
      async close() {
        await Promise.all([admin, ...databases].map((open) => open.close()));
        for (const cleanup of cleanups) await cleanup();
      },
    };
  },
});

test('a change whose notification is lost is seen by the next poll', async (t) => {
  const { url, database } = await createTestDatabase(t);
  await migrate(database, platformMigrations.platform, { scope: 'banyan' });
  const own = createDatabase({ url, maxConnections: 2 });
  const documents = createPostgresDocuments(own, { logger: silentLogger });
  t.after(async () => {
    await documents.close();
    await own.close();
  });
  const watch = documents.watch('traffic');
  await watch.ready();
  const changed = new Promise<unknown>((resolve) => {
    watch.onChange(({ value }) => resolve(value));
  });
  // Written past the adapter: nobody is notified.
  await database.sql`
    insert into banyan.documents (name, version, value, changed_by, why) values ('traffic', 1, '"quiet"', 'ada', 'test')`;
  assert.equal(await changed, 'quiet');
});
