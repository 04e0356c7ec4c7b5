import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { migrate, type PostgresDatabase, platformMigrations } from '@banyan/postgres';
import { createTestDatabase, type TestDatabase } from '@banyan/testing';

type Scope = Parameters<typeof createTestDatabase>[0];

/** A database with outbox and inbox, dropped after the test. */
export async function createServiceDatabase(t: Scope): Promise<TestDatabase> {
  return migrated(await createTestDatabase(t), platformMigrations.service);
}

/** A database with the event log, dropped after the test. */
export async function createPlatformDatabase(t: Scope): Promise<TestDatabase> {
  return migrated(await createTestDatabase(t), platformMigrations.platform);
}

export async function migrated<Target extends { readonly database: PostgresDatabase }>(
  target: Target,
  folder: URL,
): Promise<Target> {
  await migrate(target.database, folder, { scope: 'banyan' });
  return target;
}

/** The tables of a service as an older version of the platform left them: without the migrations behind this one. */
export async function createOlderServiceDatabase(t: Scope, last: string): Promise<TestDatabase> {
  const folder = await mkdtemp(join(tmpdir(), 'banyan-migrations-'));
  try {
    await cp(fileURLToPath(platformMigrations.service), folder, {
      recursive: true,
      filter: (path) => !path.endsWith('.sql') || basename(path) <= last,
    });
    return await migrated(await createTestDatabase(t), pathToFileURL(`${folder}/`));
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** What a fixture opens, for its `close`. */
export function createScope() {
  const callbacks: (() => unknown)[] = [];
  return {
    after: (callback: () => unknown) => void callbacks.push(callback),
    async close() {
      for (const callback of callbacks) await callback();
    },
  };
}
