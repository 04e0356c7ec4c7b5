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
