import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Registry } from '@banyan/discovery';
import { describeRegistry } from '@banyan/discovery/testing';
import {
  createDatabase,
  createPostgresRegistry,
  migrate,
  type PostgresDatabase,
  platformMigrations,
} from '@banyan/postgres';
import { createTestDatabase, startTestServer } from '@banyan/testing';

const leaseMs = 1_000;

describeRegistry('postgres', {
  async create() {
    const cleanups: (() => unknown)[] = [];
    const { url, database } = await createTestDatabase({
      after: (cleanup) => cleanups.push(cleanup as () => unknown),
    });
    await migrate(database, platformMigrations.platform, { scope: 'banyan' });
    await database.close();
    const server = await startTestServer();
    const admin = createDatabase({ url: server.url, maxConnections: 1 });
    const databases = new Map<Registry, PostgresDatabase>();
    const name = new URL(url).pathname.slice(1);
    return {
      async open() {
        const own = createDatabase({ url, maxConnections: 2 });
        const registry = createPostgresRegistry(own, { leaseMs });
        databases.set(registry, own);
        return registry;
      },
      async crash(registry) {
        await databases.get(registry)?.close();
      },
      async setReachable(reachable) {
        const { sql } = admin;
        await sql`alter database ${sql.identifier(name)} ${reachable ? sql`allow_connections true` : sql`allow_connections false`}`;
        if (!reachable)
          await sql`select pg_terminate_backend(pid) from pg_stat_activity where datname = ${name}`;
      },
      async close() {
        await Promise.all([admin, ...databases.values()].map((open) => open.close()));
        for (const cleanup of cleanups) await cleanup();
      },
    };
  },
  features: { leases: true, sharedByProcesses: true, outages: true },
});

test('a registration that another one replaced does not come back', async (t) => {
  const { database } = await createTestDatabase(t);
  await migrate(database, platformMigrations.platform, { scope: 'banyan' });
  const open = () => {
    const registry = createPostgresRegistry(database, { leaseMs: 200 });
    t.after(() => registry.close());
    return registry;
  };
  const [first, second] = [open(), open()];
  const instance = {
    id: 'one',
    service: 'orders',
    url: 'http://127.0.0.1:1',
    version: '1.0.0',
    startedAt: '2026-01-01T00:00:00.000Z',
  };
  const former = await first.register(instance);
  const present = await second.register({ ...instance, url: 'http://127.0.0.1:2' });
  const renewals = () => database.sql<{ expiresAt: string }>`select expires_at from banyan.instances`;
  const [before] = await renewals();
  for (;;) {
    const [now] = await renewals();
    if (now?.expiresAt !== before?.expiresAt) break;
  }
  await former.deregister();
  const urls = async () => (await second.list()).map((status) => status.instance.url);
  assert.deepEqual(await urls(), ['http://127.0.0.1:2']);
  await present.deregister();
  assert.deepEqual(await urls(), []);
});
