import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { silentLogger } from '@banyan/core';
import { createDatabase, createEmbeddedServer, type PostgresDatabase } from '@banyan/postgres';
import { Coordinator, type CoordinatorOptions, type Work } from './coordinator.ts';

/** Where the two banks and the coordinator's log are. */
export interface BankUrls {
  readonly north: string;
  readonly south: string;
  readonly log: string;
}

export interface Banks {
  readonly urls: BankUrls;
  readonly north: PostgresDatabase;
  readonly south: PostgresDatabase;
  readonly log: PostgresDatabase;
  stop(): Promise<void>;
}

export const openBanks = (urls: BankUrls) => ({
  north: createDatabase({ url: urls.north }),
  south: createDatabase({ url: urls.south }),
  log: createDatabase({ url: urls.log }),
});

/** A PostgreSQL of its own, because prepared transactions must be allowed when a server starts (`max_prepared_transactions`, 0 unless somebody says so). */
export async function startBanks(): Promise<Banks> {
  const folder = await mkdtemp(path.join(tmpdir(), 'banyan-two-phase-commit-'));
  const server = createEmbeddedServer({ dataDir: path.join(folder, 'postgres'), logger: silentLogger });
  const allow = createDatabase({ url: (await server.start()).adminUrl, maxConnections: 1 });
  await allow.sql`alter system set max_prepared_transactions = 20`;
  await allow.close();
  await server.stop();
  const { adminUrl } = await server.start();
  const admin = createDatabase({ url: adminUrl, maxConnections: 1 });
  const create = async (name: string) => {
    const unique = `${name}_${randomBytes(4).toString('hex')}`;
    await admin.session(async ({ sql }) => {
      await sql`create database ${sql.identifier(unique)}`;
    });
    const url = new URL(adminUrl);
    url.pathname = `/${unique}`;
    return url.href;
  };
  const urls = { north: await create('north'), south: await create('south'), log: await create('log') };
  await admin.close();
  const databases = openBanks(urls);
  for (const { sql } of [databases.north, databases.south]) {
    await sql`create table account (name text primary key, cents bigint not null check (cents >= 0))`;
    await sql`insert into account values ('ann', 10000), ('bob', 10000)`;
  }
  return {
    urls,
    ...databases,
    async stop() {
      await Promise.all(Object.values(databases).map((database) => database.close()));
      await server.stop();
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

export const createBankCoordinator = (
  { north, south, log }: Omit<Banks, 'urls' | 'stop'>,
  options: Pick<CoordinatorOptions, 'onStep'> = {},
) => new Coordinator({ name: 'transfers', log, participants: { north, south }, ...options });

/** From `ann` in the north to `bob` in the south. */
export function transferOf(cents: number): Readonly<Record<'north' | 'south', Work>> {
  return {
    north: async (sql) => {
      await sql`update account set cents = cents - ${cents} where name = 'ann'`;
    },
    south: async (sql) => {
      await sql`update account set cents = cents + ${cents} where name = 'bob'`;
    },
  };
}
