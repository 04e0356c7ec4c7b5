import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';
import { type Clock, isServiceError, type Sql, systemClock } from '@banyan/core';
import { lockSession } from './advisory-lock.ts';
import { createDatabase } from './database.ts';
import { superuser } from './embedded-cluster.ts';
import { postgresError } from './errors.ts';
import type { DatabaseSession } from './session.ts';
import { literal } from './sql-template.ts';

export interface ProvisionOptions {
  /** A role that may create databases and roles. */
  readonly adminUrl: string;
  /** Name of the system; databases that carry another system's mark are refused. */
  readonly system: string;
  readonly services: readonly string[];
  /** The roles' passwords are derived from it, so they need no store; a new secret changes them. */
  readonly secret: string;
  /** Before every database and role, so that several systems can share a server. Default none. */
  readonly prefix?: string;
  /** Of `services`, those whose roles may use replication slots; the others may not. For a server of the system's own. Default: the roles stay as they are. */
  readonly captures?: readonly string[];
  readonly clock?: Clock;
}

export interface ProvisionedSystem {
  /** Registry and event log. For the platform alone, never for a service. */
  readonly platformUrl: string;
  readonly serviceUrls: Readonly<Record<string, string>>;
  /** The services' databases for the platform's role, which a service admits to its outbox. */
  readonly outboxUrls: Readonly<Record<string, string>>;
}

interface Tenant {
  readonly database: string;
  readonly role: string;
  readonly password: string;
  /** Comment of the database once it is complete: whose it is, and which password the role has. */
  readonly mark: string;
}

const serviceNamePattern = /^[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*$/;

/**
 * Creates what is missing of a system's databases: `banyan`, owned by `banyan_platform`, and `svc_<name>` with a login
 * role of the same name for each service. Each role may connect to its own database alone; the platform's to all of
 * them, where it sees what a service admits it to. Repeatable, also by several
 * processes at once; one statement when all is there.
 *
 * @throws ServiceError `permission_denied` `database_permission`, `failed_precondition` `database_taken`
 */
export async function provisionSystem(options: ProvisionOptions): Promise<ProvisionedSystem> {
  const { tenants, urls } = planOf(options);
  await withAdmin(options.adminUrl, async (session) => {
    if ((await findIncomplete(session.sql, tenants)).length > 0) {
      await lockSession(session, 'banyan.provision', options.clock ?? systemClock);
      const [platform] = tenants;
      for (const tenant of await findIncomplete(session.sql, tenants))
        await complete(session.sql, { tenant, reader: platform?.role ?? '' }, options);
      await closeSharedDatabases(session.sql);
    }
    await allowCaptures(session.sql, options);
  });
  return urls;
}

/**
 * The addresses of a system that {@link provisionSystem} has made, without changing anything; undefined if a part of it is missing or was made with another
 * secret. @throws ServiceError `failed_precondition` `database_taken`
 */
export async function findSystem(options: ProvisionOptions): Promise<ProvisionedSystem | undefined> {
  const { tenants, urls } = planOf(options);
  let isComplete = false;
  await withAdmin(options.adminUrl, async ({ sql }) => {
    isComplete = (await findIncomplete(sql, tenants)).length === 0;
  });
  return isComplete ? urls : undefined;
}

export interface ResetOptions {
  readonly adminUrl: string;
  readonly system: string;
  readonly clock?: Clock;
}

/** Drops every database that {@link provisionSystem} made for the system, with its role, ending open connections. */
export async function resetSystem({ adminUrl, system, clock = systemClock }: ResetOptions): Promise<void> {
  await withAdmin(adminUrl, async (session) => {
    await lockSession(session, 'banyan.provision', clock);
    const { sql } = session;
    const found = await sql<{ database: string; role: string }>`
      select d.datname as database, r.rolname as role
      from pg_database d join pg_roles r on r.oid = d.datdba
      where starts_with(shobj_description(d.oid, 'pg_database'), ${markOf(system, '')})`;
    // All databases first: a role goes only when it has no rights left in any of them.
    for (const { database } of found)
      await sql`drop database if exists ${sql.identifier(database)} with (force)`;
    for (const { role } of found) await sql`drop role if exists ${sql.identifier(role)}`;
  });
}

function planOf(options: ProvisionOptions): {
  readonly tenants: readonly Tenant[];
  readonly urls: ProvisionedSystem;
} {
  const platform = toTenant(options, 'banyan', 'banyan_platform');
  const services = options.services.map((name) => [name, toServiceTenant(options, name)] as const);
  const tenants = [platform, ...services.map(([, tenant]) => tenant)];
  if (new Set(tenants.map(({ database }) => database)).size < tenants.length) {
    throw new TypeError('Two services would share one database: their names differ in - and _ only.');
  }
  const serviceUrls = Object.fromEntries(
    services.map(([name, tenant]) => [name, toUrl(options.adminUrl, tenant)]),
  );
  const outboxUrls = Object.fromEntries(
    services.map(([name, { database }]) => [name, toUrl(options.adminUrl, { ...platform, database })]),
  );
  return { tenants, urls: { platformUrl: toUrl(options.adminUrl, platform), serviceUrls, outboxUrls } };
}

function toServiceTenant(options: ProvisionOptions, name: string): Tenant {
  if (typeof name !== 'string' || !serviceNamePattern.test(name)) {
    throw new TypeError(`A service name is words of a–z and 0–9 joined by -, not ${JSON.stringify(name)}.`);
  }
  const identifier = `svc_${name.replaceAll('-', '_')}`;
  return toTenant(options, identifier, identifier);
}

function toTenant({ system, secret, prefix = '' }: ProvisionOptions, database: string, role: string): Tenant {
  const derive = (purpose: string) =>
    createHmac('sha256', secret).update(`${purpose}\n${prefix}${role}`).digest('base64url');
  return {
    database: prefix + database,
    role: prefix + role,
    password: derive('banyan postgres password'),
    // The number rises when there is more to do than before.
    mark: markOf(system, derive('banyan postgres mark 2').slice(0, 16)),
  };
}

function markOf(system: string, key: string): string {
  return `banyan system ${JSON.stringify(system)} key ${key}`;
}

async function withAdmin(adminUrl: string, work: (session: DatabaseSession) => Promise<void>): Promise<void> {
  // To make or drop a database is a matter of files and checkpoints: a busy server may take minutes.
  const statementTimeoutMs = 300_000;
  const applicationName = 'banyan-provision';
  const admin = createDatabase({ url: adminUrl, maxConnections: 1, applicationName, statementTimeoutMs });
  try {
    await admin.session(work);
  } finally {
    await admin.close();
  }
}

async function findIncomplete(sql: Sql, tenants: readonly Tenant[]): Promise<Tenant[]> {
  const rows = await sql<{ name: string; mark: string | null }>`
    select datname as name, shobj_description(oid, 'pg_database') as mark from pg_database
    where datname = any(${sql.array(
      tenants.map(({ database }) => database),
      'text',
    )})`;
  const marks = new Map(rows.map(({ name, mark }) => [name, mark]));
  return tenants.filter(({ database, mark }) => {
    const found = marks.get(database) ?? undefined;
    const isOurs = found === undefined || found.startsWith(mark.slice(0, mark.lastIndexOf(' ')));
    if (!isOurs) {
      throw postgresError('database_taken', {
        message: `The database ${database} belongs to another system (${found}): use another server, or a prefix.`,
      });
    }
    return found !== mark;
  });
}

/** The mark comes last: whatever is interrupted before is done again. */
async function complete(
  sql: Sql,
  { tenant, reader }: { readonly tenant: Tenant; readonly reader: string },
  options: ProvisionOptions,
): Promise<void> {
  const role = sql.identifier(tenant.role);
  const database = sql.identifier(tenant.database);
  try {
    const [known] = await sql<{ role: boolean; database: boolean; superuser: boolean; forgetful: boolean }>`
      select exists (select from pg_roles where rolname = ${tenant.role}) as role,
             exists (select from pg_database where datname = ${tenant.database}) as database,
             current_setting('fsync') = 'off' and current_setting('server_version_num')::int4 >= 150000 as forgetful,
             (select rolsuper from pg_roles where rolname = current_user) as superuser`;
    const verb = known?.role ? sql`alter` : sql`create`;
    await sql`${verb} role ${role} login password ${literal(toScramVerifier(tenant.password))}`;
    // Only a member may make the role the owner of something.
    if (!known?.superuser) await sql`grant ${role} to current_user`;
    // The copy of files ends with a checkpoint, which waits for the disk unless nothing does, as on servers for tests: there it takes half the time.
    const strategy = known?.forgetful ? sql`strategy file_copy` : sql``;
    if (!known?.database) await sql`create database ${database} owner ${role} ${strategy}`;
    await sql`revoke all on database ${database} from public`;
    // The platform comes first, so its role is there.
    if (tenant.role !== reader) await sql`grant connect on database ${database} to ${sql.identifier(reader)}`;
    await sql`comment on database ${database} is ${literal(tenant.mark)}`;
  } catch (error) {
    throw toProvisionError(error, options.adminUrl);
  }
}

async function allowCaptures(sql: Sql, options: ProvisionOptions): Promise<void> {
  const { services, captures } = options;
  if (captures === undefined) return;
  const roles = services.map((name) => ({
    name: toServiceTenant(options, name).role,
    may: captures.includes(name),
  }));
  const known = await sql<{ name: string; may: boolean }>`
    select rolname as name, rolreplication as may from pg_roles
    where rolname = any(${sql.array(
      roles.map(({ name }) => name),
      'text',
    )})`;
  for (const { name, may } of known) {
    const wanted = roles.some((role) => role.name === name && role.may);
    if (wanted !== may)
      await sql`alter role ${sql.identifier(name)} ${wanted ? sql`replication` : sql`noreplication`}`;
  }
}

/** On the embedded server, which is ours alone, the roles may not even enter the databases that come with it. */
async function closeSharedDatabases(sql: Sql): Promise<void> {
  const [admin] = await sql<{ name: string; isSuperuser: boolean }>`
    select rolname as name, rolsuper as is_superuser from pg_roles where rolname = current_user`;
  if (admin?.name !== superuser || !admin.isSuperuser) return;
  await sql`revoke all on database postgres, template1 from public`;
}

function toProvisionError(error: unknown, adminUrl: string): unknown {
  if (!isServiceError(error) || error.reason !== 'database_permission') return error;
  const role = decodeURIComponent(new URL(adminUrl).username);
  return postgresError('database_permission', {
    message: `The role ${role} of DATABASE_URL may not create databases and roles: alter role ${role} createdb createrole.`,
    cause: error,
  });
}

/** What PostgreSQL keeps instead of a password (RFC 5803), so that no server log ever shows the password itself. */
function toScramVerifier(password: string): string {
  const iterations = 4_096;
  const salt = randomBytes(16);
  const salted = pbkdf2Sync(password, salt, iterations, 32, 'sha256');
  const keyOf = (name: string) => createHmac('sha256', salted).update(name).digest();
  const storedKey = createHash('sha256').update(keyOf('Client Key')).digest('base64');
  return `SCRAM-SHA-256$${iterations}:${salt.toString('base64')}$${storedKey}:${keyOf('Server Key').toString('base64')}`;
}

function toUrl(adminUrl: string, { database, role, password }: Tenant): string {
  const url = new URL(adminUrl);
  url.username = role;
  url.password = password;
  url.pathname = `/${database}`;
  return url.href;
}
