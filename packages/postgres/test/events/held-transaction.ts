import type { PostgresDatabase } from '@banyan/postgres';

/** A transaction that waits for its end after `work`; returns what ends it. */
export async function hold(
  database: PostgresDatabase,
  work: (sql: PostgresDatabase['sql']) => Promise<unknown>,
) {
  const gate = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  const ended = database.tx(async ({ sql }) => {
    await work(sql);
    begun.resolve();
    await gate.promise;
  });
  await Promise.race([begun.promise, ended]);
  return () => {
    gate.resolve();
    return ended;
  };
}
