import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { isServiceError, silentLogger } from '@banyan/core';
import { createDatabase, createEmbeddedServer } from '@banyan/postgres';

/** A PostgreSQL server of the test's own, every commit flushed. */
export interface DatabaseUnderFault {
  readonly adminUrl: string;
  /** Ends about `share` (0 to 1) of the sessions of each database whose name ends in `suffix`, except those called `except`; returns how many. */
  endSessions(suffix: string, options: { readonly share: number; readonly except: string }): Promise<number>;
  /** `kill -9` of the whole server; resolves when it takes connections again. */
  kill(): Promise<void>;
  close(): Promise<void>;
}

export async function startDatabaseUnderFault(): Promise<DatabaseUnderFault> {
  const folder = await mkdtemp(join(tmpdir(), 'banyan-chaos-'));
  const dataDir = join(folder, 'postgres');
  const server = createEmbeddedServer({ dataDir, logger: silentLogger });
  const { adminUrl } = await server.start();
  const admin = createDatabase({ url: adminUrl, maxConnections: 1 });
  const { sql } = admin;
  return {
    adminUrl,
    async endSessions(suffix, { share, except }) {
      const ended = await untilAvailable(
        () => sql`
          select pg_terminate_backend(pid) from pg_stat_activity
          where datname like ${`%${suffix}`} and application_name <> ${except} and random() < ${share}`,
      );
      return ended.length;
    },
    async kill() {
      const [pid] = (await readFile(join(dataDir, 'postmaster.pid'), 'utf8')).split('\n', 1);
      process.kill(Number(pid), 'SIGKILL');
      while (isAlive(Number(pid))) await pause(5);
      await untilAvailable(() => sql`select 1`);
    },
    async close() {
      await admin.close();
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function untilAvailable<Value>(ask: () => Promise<Value>): Promise<Value> {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!isServiceError(error) || error.code !== 'unavailable') throw error;
      await pause(20);
    }
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
