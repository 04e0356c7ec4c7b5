import type { TestContext } from 'node:test';
import { createDatabase, migrate, type PostgresDatabase, platformMigrations } from '@banyan/postgres';
import { createTestDatabase } from '@banyan/testing';

export interface EventDatabase {
  readonly database: PostgresDatabase;
  readonly url: string;
  /** Another pool on the same database, as another process would have; closed after the test. */
  connect(maxConnections?: number): PostgresDatabase;
}

/** A fresh database with the tables of the event store. */
export async function createEventDatabase(t: Pick<TestContext, 'after'>): Promise<EventDatabase> {
  const { database, url } = await createTestDatabase(t);
  await migrate(database, platformMigrations.service, { scope: 'banyan' });
  const others: PostgresDatabase[] = [];
  // Runs before the database is dropped.
  const connect = (maxConnections = 10) => {
    const other = createDatabase({ url, maxConnections });
    others.push(other);
    t.after(() => other.close());
    return other;
  };
  return { database, url, connect };
}
