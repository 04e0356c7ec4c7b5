import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { type Clock, type Sql, systemClock } from '@banyan/core';
import { DatabaseError } from 'pg';
import { lockSession } from './advisory-lock.ts';
import type { PostgresDatabase } from './database.ts';
import { postgresError } from './errors.ts';
import type { DatabaseSession } from './session.ts';
import { type ScriptStatement, splitStatements } from './sql-statements.ts';
import { verbatim } from './sql-template.ts';

export interface MigrateOptions {
  /** Files of different scopes are numbered and recorded apart. Default `service`; `banyan` is the platform's own. */
  readonly scope?: string;
  readonly clock?: Clock;
}

interface Migration {
  readonly number: number;
  readonly name: string;
  readonly script: string;
  readonly checksum: string;
}

interface Applied {
  readonly number: number;
  readonly name: string;
  readonly checksum: string;
}

/** The folders of Banyan's own tables, all in the schema `banyan`. */
export const platformMigrations = {
  /** Outbox, inbox and cursor: for the database of every service. */
  service: new URL('../migrations/service/', import.meta.url),
  /** Registry and event log: for the platform's database. */
  platform: new URL('../migrations/platform/', import.meta.url),
} as const;

const fileName = /^(\d{4})-[a-z0-9]+(?:-[a-z0-9]+)*\.sql$/;
const noTransaction = /^-- banyan: no-transaction\s*$/;

/**
 * Runs the files `0001-name.sql`, `0002-name.sql` … of `directory` that this database has not seen yet, in order, each
 * in a transaction of its own together with its record. Safe when many processes start at once. A file whose first line
 * is `-- banyan: no-transaction` runs statement by statement outside one (`create index concurrently`); when it fails
 * it runs again from its start, so its statements must be repeatable.
 *
 * @returns the names of the files that this call has applied
 * @throws ServiceError `failed_precondition` `migration_invalid`, `migration_changed`, `migration_failed`
 */
export async function migrate(
  database: PostgresDatabase,
  directory: URL,
  options: MigrateOptions = {},
): Promise<readonly string[]> {
  const { scope = 'service', clock = systemClock } = options;
  const migrations = await readMigrations(directory);
  if ((await findPending(database.sql, scope, migrations)).length === 0) return [];
  return database.session(async (session) => {
    await lockSession(session, 'banyan.migrate', clock);
    await session.sql`set statement_timeout = 0`;
    await session.sql`set idle_in_transaction_session_timeout = 0`;
    await createRecords(session.sql);
    const pending = await findPending(session.sql, scope, migrations);
    for (const migration of pending) await apply(session, scope, migration);
    return pending.map(({ name }) => name);
  });
}

/**
 * Compares the database with the files of `directory` and changes nothing.
 * @throws ServiceError `failed_precondition` `migration_pending` if the database is older, `migration_invalid` if it is newer, `migration_changed`
 */
export async function checkMigrated(
  database: PostgresDatabase,
  directory: URL,
  { scope = 'service' }: Pick<MigrateOptions, 'scope'> = {},
): Promise<void> {
  const [first] = await findPending(database.sql, scope, await readMigrations(directory));
  if (first === undefined) return;
  throw postgresError('migration_pending', {
    message: `The tables of this database are older than this program: ${first.name} was not applied yet. Start the system in this version, or use the program of the version that runs.`,
  });
}

async function readMigrations(directory: URL): Promise<readonly Migration[]> {
  let names: string[];
  try {
    names = (await readdir(directory)).filter((name) => name.endsWith('.sql')).sort();
  } catch (cause) {
    throw invalid(`The migrations folder ${toPath(directory)} cannot be read.`, cause);
  }
  const base = directory.href.endsWith('/') ? directory : new URL(`${directory.href}/`);
  return Promise.all(
    names.map(async (name, index) => {
      const number = Number(fileName.exec(name)?.[1]);
      if (Number.isNaN(number)) {
        throw invalid(`${toPath(directory)}: ${name} must be named like 0001-create-orders.sql.`);
      }
      if (number !== index + 1) {
        const expected = String(index + 1).padStart(4, '0');
        throw invalid(
          `${toPath(directory)}: expected number ${expected}, found ${name}: numbers have no gaps and no doubles.`,
        );
      }
      const script = (await readFile(new URL(name, base), 'utf8')).replaceAll('\r\n', '\n');
      return { number, name, script, checksum: createHash('sha256').update(script).digest('hex') };
    }),
  );
}

/** The migrations that are not recorded; throws if the records and the files contradict each other. */
async function findPending(
  sql: Sql,
  scope: string,
  migrations: readonly Migration[],
): Promise<readonly Migration[]> {
  const applied = await readRecords(sql, scope);
  for (const record of applied) {
    const file = migrations[record.number - 1];
    if (file === undefined || file.name !== record.name) {
      throw invalid(
        `The migration ${record.name} was applied to this database, but its file is not there: restore it, or deploy the newer code.`,
      );
    }
    if (file.checksum !== record.checksum) {
      throw postgresError('migration_changed', {
        message: `The migration ${file.name} was edited after it had been applied: restore it and write the change as a new file.`,
      });
    }
  }
  return migrations.slice(applied.length);
}

async function readRecords(sql: Sql, scope: string): Promise<Applied[]> {
  const [table] = await sql<{
    exists: boolean;
  }>`select to_regclass('banyan.applied_migrations') is not null as exists`;
  if (!table?.exists) return [];
  return sql<Applied>`
    select number, name, checksum from banyan.applied_migrations where scope = ${scope} order by number`;
}

async function createRecords(sql: Sql): Promise<void> {
  await sql`create schema if not exists banyan`;
  await sql`
    create table if not exists banyan.applied_migrations (
      scope text not null,
      number int not null,
      name text not null,
      checksum text not null,
      applied_at timestamptz not null default now(),
      primary key (scope, number)
    )`;
}

async function apply(session: DatabaseSession, scope: string, migration: Migration): Promise<void> {
  const { number, name, checksum, script } = migration;
  const record = (sql: Sql) => sql`
    insert into banyan.applied_migrations ${sql.rows([{ scope, number, name, checksum }])}`;
  const statements = splitStatements(script);
  if (noTransaction.test(script.split('\n', 1)[0] ?? '')) {
    for (const statement of statements) await run(session.sql, migration, statement);
    await record(session.sql);
    return;
  }
  await session.tx(async ({ sql }) => {
    for (const statement of statements) await run(sql, migration, statement);
    await record(sql);
  });
}

const transactionWords = /^(begin|start|commit|end|rollback|abort)\b/i;

async function run(sql: Sql, { name }: Migration, { text, line }: ScriptStatement): Promise<void> {
  if (transactionWords.test(text)) {
    throw failed(
      `${name}:${line}: a migration runs in a transaction of its own already: leave out "${text.slice(0, 20)}".`,
    );
  }
  try {
    await sql`${verbatim(text)}`;
  } catch (error) {
    const cause = rootOf(error);
    const position = cause instanceof DatabaseError ? Number(cause.position) : Number.NaN;
    const failedLine = Number.isNaN(position)
      ? line
      : line + text.slice(0, position - 1).split('\n').length - 1;
    const [reason] = String(cause instanceof Error ? cause.message : cause).split('\n', 1);
    throw failed(`${name}:${failedLine}: ${reason}`, error);
  }
}

/** What PostgreSQL said, without what the platform made of it. */
function rootOf(error: unknown): unknown {
  return error instanceof Error && error.cause instanceof DatabaseError ? error.cause : error;
}

function failed(message: string, cause?: unknown): Error {
  return postgresError('migration_failed', { message, cause });
}

function invalid(message: string, cause?: unknown): Error {
  return postgresError('migration_invalid', { message, cause });
}

function toPath(directory: URL): string {
  return directory.protocol === 'file:' ? fileURLToPath(directory) : directory.href;
}
