import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { silentLogger } from '@banyan/core';
import {
  createDatabase,
  createEmbeddedServer,
  type DatabaseSession,
  type PostgresDatabase,
} from '@banyan/postgres';

import { lastFirst } from './last-first.ts';

export interface TestServerOptions {
  /** A server whose role may create databases and roles; default `BANYAN_TEST_DATABASE_URL`, else an embedded one. */
  readonly url?: string;
  /** One of this test process alone, for what takes databases whose names it cannot choose, such as `banyan up`. Default false. */
  readonly alone?: boolean;
}

export interface TestServer {
  /** Of a role that may create databases and roles. */
  readonly url: string;
  /** Needed only by programs that go on afterwards; otherwise the server stops by itself. Idempotent. */
  stop(): Promise<void>;
}

export interface TestDatabase {
  /** Of the role that owns the database. */
  readonly url: string;
  readonly database: PostgresDatabase;
}

const folderPrefix = 'banyan-test-server-';
let shared: Promise<TestServer> | undefined;

/**
 * The PostgreSQL server of this test process: the first call starts it, and it stops by itself when the tests are done.
 * All tests of the process share it, each with databases of its own.
 */
export function startTestServer(options: TestServerOptions = {}): Promise<TestServer> {
  // biome-ignore lint/style/noProcessEnv: tests are programs; the test runner hands them its server this way
  const given = process.env['BANYAN_TEST_DATABASE_URL'];
  const url = options.url ?? (options.alone === true ? undefined : given);
  if (url) return Promise.resolve({ url, stop: () => Promise.resolve() });
  shared ??= startEmbedded();
  return shared;
}

/** A fresh, empty database with a role that owns it; dropped after the test `t`, whatever still uses it. */
export async function createTestDatabase(
  t: Pick<TestContext, 'after'>,
  options: TestServerOptions = {},
): Promise<TestDatabase> {
  const { url: adminUrl } = await startTestServer(options);
  const name = `test_${randomBytes(6).toString('hex')}`;
  const password = randomBytes(12).toString('hex');
  await asAdmin(adminUrl, async ({ sql }) => {
    const id = sql.identifier(name);
    // `create role` takes no parameters, so the password travels as a setting into a block that quotes it.
    await sql`select set_config('banyan.name', ${name}, false), set_config('banyan.password', ${password}, false)`;
    await sql`do $$ begin execute format('create role %I login password %L',
      current_setting('banyan.name'), current_setting('banyan.password')); end $$`;
    await sql`do $$ begin
      if not (select rolsuper from pg_roles where rolname = current_user) then
        execute format('grant %I to current_user', current_setting('banyan.name'));
      end if; end $$`;
    await sql`create database ${id} owner ${id}`;
  });
  const url = new URL(adminUrl);
  url.username = name;
  url.password = password;
  url.pathname = `/${name}`;
  const database = createDatabase({ url: url.href });
  lastFirst(t).after(async () => {
    await database.close();
    await asAdmin(adminUrl, async ({ sql }) => {
      await sql`drop database if exists ${sql.identifier(name)} with (force)`;
      await sql`drop role if exists ${sql.identifier(name)}`;
    });
  });
  return { url: url.href, database };
}

async function asAdmin(adminUrl: string, work: (session: DatabaseSession) => Promise<void>): Promise<void> {
  // Databases are made and dropped by many files at once.
  const admin = createDatabase({ url: adminUrl, maxConnections: 1, statementTimeoutMs: 300_000 });
  try {
    await admin.session(work);
  } finally {
    await admin.close();
  }
}

async function startEmbedded(): Promise<TestServer> {
  await removeDeadFolders();
  const folder = await mkdtemp(join(tmpdir(), `${folderPrefix}${process.pid}-`));
  const server = createEmbeddedServer({
    dataDir: join(folder, 'postgres'),
    logger: silentLogger,
    durable: false,
  });
  const { adminUrl } = await server.start();
  const stop = async () => {
    process.off('beforeExit', onBeforeExit);
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  };
  // The server does not keep the process alive; once nothing else does, the tests are over.
  const onBeforeExit = () => void stop();
  process.once('beforeExit', onBeforeExit);
  return { url: adminUrl, stop };
}

/** Left by test processes that were killed; their servers stopped by themselves. */
async function removeDeadFolders(): Promise<void> {
  for (const entry of await readdir(tmpdir())) {
    const pid = Number.parseInt(entry.slice(folderPrefix.length), 10);
    if (!entry.startsWith(folderPrefix) || Number.isNaN(pid) || isAlive(pid)) continue;
    await rm(join(tmpdir(), entry), { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
