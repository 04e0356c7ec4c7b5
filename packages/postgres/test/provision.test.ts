import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { silentLogger } from '@banyan/core';
import {
  createDatabase,
  openPostgresEngines,
  type PostgresDatabase,
  provisionSystem,
  resetSystem,
} from '@banyan/postgres';
import { createTestDatabase, startTestServer } from '@banyan/testing';

/** A system of its own on the shared server, removed after the test. */
async function plan(t: TestContext, services: readonly string[] = ['orders', 'photo-import']) {
  const { url: adminUrl } = await startTestServer();
  const system = `test-${randomBytes(6).toString('hex')}`;
  t.after(() => resetSystem({ adminUrl, system }));
  return { adminUrl, system, services, secret: 'a secret', prefix: `p${randomBytes(4).toString('hex')}_` };
}

function open(t: TestContext, url: string): PostgresDatabase {
  const database = createDatabase({ url, maxConnections: 2 });
  t.after(() => database.close());
  return database;
}

const withPath = (url: string, database: string) => {
  const changed = new URL(url);
  changed.pathname = `/${database}`;
  return changed.href;
};

test('each service owns a database of its own, with a role of the same name', async (t) => {
  const options = await plan(t);
  const { platformUrl, serviceUrls } = await provisionSystem(options);
  const identity = async (url: string) => {
    const [row] = await open(t, url).sql`select current_database() as database, current_user as role`;
    return row;
  };
  const { prefix } = options;
  assert.deepEqual(await identity(platformUrl), {
    database: `${prefix}banyan`,
    role: `${prefix}banyan_platform`,
  });
  assert.deepEqual(Object.keys(serviceUrls), ['orders', 'photo-import']);
  assert.deepEqual(await identity(serviceUrls['photo-import'] ?? ''), {
    database: `${prefix}svc_photo_import`,
    role: `${prefix}svc_photo_import`,
  });
  const { sql } = open(t, serviceUrls['orders'] ?? '');
  await sql`create table orders (id int)`;
  await sql`create schema extra`;
});

test("the platform's role sees the outbox of a service, and nothing else of its database", async (t) => {
  const { adminUrl, ...options } = await plan(t);
  const urls = await provisionSystem({ adminUrl, ...options });
  const engines = await openPostgresEngines({ ...urls, logger: silentLogger });
  t.after(() => engines.close());
  const store = await engines.openStore({ name: 'orders', migrations: undefined });
  t.after(() => store.close());
  await store.database.sql`create table orders (id int)`;
  const { sql } = open(t, urls.outboxUrls['orders'] ?? '');
  assert.deepEqual(await sql`select seq from banyan.outbox`, []);
  const refused = { code: 'permission_denied', reason: 'database_permission' };
  await assert.rejects(sql`select id from orders`, refused);
  await assert.rejects(sql`select event_id from banyan.inbox_seen`, refused);
  await assert.rejects(sql`select key from banyan.reply`, refused);
  await assert.rejects(sql`update banyan.outbox set event = ''`, refused);
  await assert.rejects(sql`insert into banyan.outbox (id) values (gen_random_uuid())`, refused);
  await assert.rejects(sql`create table mine (id int)`, refused);
});

test('no role enters another database, reads another table or gains a privilege', async (t) => {
  const { adminUrl, ...options } = await plan(t);
  const { platformUrl, serviceUrls } = await provisionSystem({ adminUrl, ...options });
  const ordersUrl = serviceUrls['orders'] ?? '';
  await open(t, platformUrl).sql`create table secrets (id int)`;
  const refused = { code: 'permission_denied', reason: 'database_permission' };
  const strangers = [platformUrl, serviceUrls['photo-import'] ?? ''].map((url) =>
    new URL(url).pathname.slice(1),
  );
  for (const database of strangers) {
    await assert.rejects(open(t, withPath(ordersUrl, database)).ping(), refused, database);
  }
  const { sql } = open(t, ordersUrl);
  const other = sql.identifier(`${options.prefix}svc_photo_import`);
  await assert.rejects(sql`create database mine`, refused);
  await assert.rejects(sql`create role mine`, refused);
  await assert.rejects(sql`set role ${other}`, refused);
  await assert.rejects(sql`grant ${other} to current_user`, refused);
  await assert.rejects(sql`alter role current_user superuser`, refused);
  await assert.rejects(sql`drop database ${other}`);
  await assert.rejects(sql`copy (select 1) to program 'true'`, refused);
  await assert.rejects(sql`select pg_read_file('/etc/passwd')`, refused);
  const [me] = await sql`
    select rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls from pg_roles where rolname = current_user`;
  assert.deepEqual(new Set(Object.values(me ?? {})), new Set([false]));
});

test('provisioning again changes nothing and adds what is new', async (t) => {
  const options = await plan(t, ['orders']);
  const first = await provisionSystem(options);
  await open(t, first.serviceUrls['orders'] ?? '').sql`create table kept (id int)`;
  const second = await provisionSystem({ ...options, services: ['orders', 'payments'] });
  assert.equal(second.serviceUrls['orders'], first.serviceUrls['orders']);
  assert.deepEqual(await open(t, second.serviceUrls['orders'] ?? '').sql`select * from kept`, []);
  await open(t, second.serviceUrls['payments'] ?? '').ping();
});

test('several processes provision the same system at once', async (t) => {
  const options = await plan(t, ['a', 'b', 'c']);
  const results = await Promise.all(Array.from({ length: 5 }, () => provisionSystem(options)));
  for (const result of results) assert.deepEqual(result, results[0]);
  for (const url of Object.values(results[0]?.serviceUrls ?? {})) await open(t, url).ping();
});

test('a new secret makes new passwords, and the old ones end', async (t) => {
  const options = await plan(t, ['orders']);
  const before = await provisionSystem(options);
  const after = await provisionSystem({ ...options, secret: 'another secret' });
  await open(t, after.serviceUrls['orders'] ?? '').ping();
  await assert.rejects(open(t, before.serviceUrls['orders'] ?? '').ping(), { reason: 'database_permission' });
});

test('reset drops the databases and roles of its system alone', async (t) => {
  const [mine, other] = [await plan(t, ['orders']), await plan(t, ['orders'])];
  const provisioned = await provisionSystem(mine);
  const kept = await provisionSystem(other);
  const held = open(t, provisioned.platformUrl);
  await held.ping();
  await resetSystem(mine);
  await resetSystem(mine);
  await assert.rejects(open(t, provisioned.platformUrl).ping());
  await open(t, kept.platformUrl).ping();
  const admin = open(t, mine.adminUrl);
  const left = await admin.sql`
    select rolname from pg_roles where starts_with(rolname, ${mine.prefix})
    union all select datname from pg_database where starts_with(datname, ${mine.prefix})`;
  assert.deepEqual(left, []);
  await provisionSystem(mine);
});

test('a database of another system is refused, not taken', async (t) => {
  const options = await plan(t, ['orders']);
  await provisionSystem(options);
  await assert.rejects(provisionSystem({ ...options, system: 'somebody else' }), {
    code: 'failed_precondition',
    reason: 'database_taken',
  });
});

test('an outside server needs no superuser, only a role that may create databases and roles', async (t) => {
  const options = await plan(t, ['orders']);
  const { url } = await createTestDatabase(t);
  await assert.rejects(provisionSystem({ ...options, adminUrl: url }), {
    code: 'permission_denied',
    reason: 'database_permission',
    message:
      /^The role test_\w+ of DATABASE_URL may not create databases and roles: alter role test_\w+ createdb createrole\.$/,
  });
  const admin = open(t, options.adminUrl);
  const role = new URL(url).username;
  await admin.sql`alter role ${admin.sql.identifier(role)} createdb createrole`;
  const { serviceUrls } = await provisionSystem({ ...options, adminUrl: url });
  await open(t, serviceUrls['orders'] ?? '').sql`create table orders (id int)`;
  await resetSystem({ adminUrl: url, system: options.system });
});

test('names that are no service names, and names that would share a database, are refused', async (t) => {
  const options = await plan(t);
  for (const name of ['', 'Orders', 'a"; drop database x; --', '-a', 'a b', 'x'.repeat(64)]) {
    await assert.rejects(provisionSystem({ ...options, services: [name] }), TypeError, name);
  }
  await assert.rejects(provisionSystem({ ...options, services: ['a-b', 'a_b'] }), TypeError);
});
