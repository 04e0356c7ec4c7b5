import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { createManualClock } from '@banyan/core/testing';
import { type InstanceNameOptions, takeInstanceName } from '@banyan/postgres';
import { createTestDatabase, eventually, until } from '@banyan/testing';

async function open(t: TestContext) {
  const { url: platformUrl, database } = await createTestDatabase(t);
  const take = async (parts: readonly string[], options: Partial<InstanceNameOptions> = {}) => {
    const taken = await takeInstanceName({ platformUrl, system: 'shop', parts, wanted: 'host', ...options });
    t.after(() => taken.release());
    return taken;
  };
  return { database, take };
}

test('a name that a living process has goes to nobody else, and is free as soon as it is given back', async (t) => {
  const { take } = await open(t);
  const first = await take(['orders']);
  const second = await take(['orders']);
  assert.deepEqual([first.name, second.name], ['host', 'host-2']);
  await first.release();
  assert.equal((await take(['orders'])).name, 'host');
  assert.equal((await take(['orders'])).name, 'host-3');
});

test('a restart gets the name that is given back a moment later', async (t) => {
  const { database, take } = await open(t);
  const before = await take(['orders']);
  const clock = createManualClock();
  const restarted = take(['orders'], { clock });
  await until(async () => {
    const asked = await database.sql`
      select from pg_stat_activity where datname = current_database() and query = 'select pg_advisory_unlock_all()'`;
    return asked.length > 0;
  }, 'it was refused once');
  await before.release();
  clock.advance(100);
  assert.equal((await restarted).name, 'host');
});

test('processes of other parts or systems may have the same name', async (t) => {
  const { take } = await open(t);
  await take(['orders']);
  assert.equal((await take(['shipping'])).name, 'host');
  assert.equal((await take(['orders'], { system: 'books' })).name, 'host');
});

test('a name is taken for all parts or for none', async (t) => {
  const { take } = await open(t);
  await take(['shipping']);
  assert.equal((await take(['orders', 'shipping'])).name, 'host-2');
  assert.equal((await take(['orders'])).name, 'host');
});

test('after a lost connection the name is taken again', async (t) => {
  const { database, take } = await open(t);
  const { name } = await take(['orders']);
  const sessions = () => database.sql<{ pid: number }>`
    select pid from pg_stat_activity where application_name = 'banyan instance' and datname = current_database()`;
  const [before] = await sessions();
  await database.sql`select pg_terminate_backend(${before?.pid ?? 0}::int4)`;
  await eventually(
    () => database.sql<{ pid: number }>`select pid from pg_locks where locktype = 'advisory' and granted
      and database = (select oid from pg_database where datname = current_database())`,
    (holders) => holders.length === 1 && holders[0]?.pid !== before?.pid,
  );
  assert.equal(name, 'host');
  assert.equal((await take(['orders'])).name, 'host-2');
});

test('without a database there is no name', async (t) => {
  const { take } = await open(t);
  await assert.rejects(
    takeInstanceName({
      platformUrl: 'postgres://nobody@127.0.0.1:1/none',
      system: 'shop',
      parts: ['orders'],
      wanted: 'host',
    }),
    { code: 'unavailable', reason: 'database_unavailable' },
  );
  assert.equal((await take(['orders'])).name, 'host');
});
