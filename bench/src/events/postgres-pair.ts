import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@banyan/core';
import { createEmbeddedServer } from '@banyan/postgres';
import pg from 'pg';

/** One PostgreSQL with every flush on, with a database where orders are placed and one where their effects happen. */
export interface PostgresPair {
  readonly adminUrl: string;
  urlOf(database: string): string;
  stop(): Promise<void>;
}

export async function startPostgresPair(): Promise<PostgresPair> {
  const folder = await mkdtemp(join(tmpdir(), 'banyan-bench-pg-'));
  const server = createEmbeddedServer({ dataDir: join(folder, 'data'), logger: silentLogger });
  const { adminUrl } = await server.start();
  const urlOf = (database: string) => {
    const url = new URL(adminUrl);
    url.pathname = `/${database}`;
    return url.href;
  };
  const admin = new pg.Client({ connectionString: adminUrl });
  await admin.connect();
  const { rows } = await admin.query<{ name: string; setting: string }>(
    "select name, setting from pg_settings where name in ('fsync', 'synchronous_commit', 'full_page_writes')",
  );
  const isOff = rows.filter(({ setting }) => setting !== 'on');
  if (isOff.length > 0) throw new Error(`not durable: ${JSON.stringify(isOff)}`);
  for (const name of ['source', 'target']) await admin.query(`create database ${name}`);
  await admin.end();
  for (const [name, table] of [
    ['source', 'orders'],
    ['target', 'ledger'],
  ] as const) {
    const client = new pg.Client({ connectionString: urlOf(name) });
    await client.connect();
    await client.query(
      `create table ${table} (id bigint generated always as identity primary key, data jsonb not null)`,
    );
    await client.end();
  }
  return {
    adminUrl,
    urlOf,
    async stop() {
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** `work` in one interactive transaction. */
export async function inTransaction(
  pool: pg.Pool,
  work: (client: pg.PoolClient) => Promise<void>,
): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query('begin');
    await work(client);
    await client.query('commit');
  } finally {
    client.release();
  }
}
