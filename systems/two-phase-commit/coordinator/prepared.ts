import { literal, type PostgresDatabase } from '@banyan/postgres';

/** Of coordinators and transactions, so that the name of one cannot be taken for the name of another one. */
export const namePattern = /^[a-z0-9][a-z0-9-]{0,80}$/;

/** Does `work` and votes: when it resolves, the transaction is prepared, holds its locks without a session, and outlives every crash. */
export async function prepare(
  database: PostgresDatabase,
  gid: string,
  work: (sql: PostgresDatabase['sql']) => Promise<void>,
): Promise<void> {
  await database.tx(async ({ sql }) => {
    await work(sql);
    await sql`prepare transaction ${literal(gid)}`;
  });
}

export async function end(
  { sql }: PostgresDatabase,
  gid: string,
  outcome: 'commit' | 'rollback',
): Promise<void> {
  // Ended already, by an earlier attempt whose answer was lost.
  if (!(await preparedIn({ sql }, gid)).includes(gid)) return;
  if (outcome === 'commit') await sql`commit prepared ${literal(gid)}`;
  else await sql`rollback prepared ${literal(gid)}`;
}

/** Prepared transactions of this database whose name begins so. */
export async function preparedIn(
  { sql }: Pick<PostgresDatabase, 'sql'>,
  prefix: string,
): Promise<readonly string[]> {
  const rows = await sql<{ gid: string }>`
    select gid from pg_prepared_xacts where database = current_database() and starts_with(gid, ${prefix}) order by gid`;
  return rows.map(({ gid }) => gid);
}
