import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createEvent } from '@banyan/events';
import { createDatabase, createPostgresInbox } from '@banyan/postgres';
import { until } from '@banyan/testing';
import { arrivalOf } from './arrivals.ts';
import { createServiceDatabase } from './events-databases.ts';

test('a claim that began before a completion was committed does not hand out the finished event', async (t) => {
  const { database, url } = await createServiceDatabase(t);
  const inbox = createPostgresInbox(database);
  const slow = createDatabase({ url, applicationName: 'slow' });
  t.after(() => slow.close());
  const events = [1, 2].map((number) =>
    createEvent({
      service: 'orders',
      name: 'placed',
      type: 'Placed',
      key: 'a',
      data: { number },
      occurredAtMs: 0,
    }),
  );
  await inbox.ingest(await arrivalOf(inbox, events));
  const [expired] = await inbox.claim({ owner: 'first', limit: 1, leaseMs: 0 });
  assert.ok(expired);

  // A view in the table's place stops the slow session between taking its snapshot and locking rows.
  const { sql } = database;
  await sql`alter table banyan.inbox_key rename to inbox_key_rows`;
  await sql`create function banyan.slowly() returns bool language plpgsql as $$ begin
    if current_setting('application_name') = 'slow' then perform pg_advisory_xact_lock_shared(42); end if;
    return true; end $$`;
  await sql`create view banyan.inbox_key as select * from banyan.inbox_key_rows where banyan.slowly()`;

  const gate = Promise.withResolvers<void>();
  const held = Promise.withResolvers<void>();
  const blocking = database.tx(async (transaction) => {
    await transaction.sql`select pg_advisory_xact_lock(42)`;
    held.resolve();
    await gate.promise;
  });
  await held.promise;
  const claims = await database
    .tx(async (transaction) => {
      await inbox.complete(expired, transaction.sql);
      const claiming = createPostgresInbox(slow).claim({ owner: 'second', limit: 1, leaseMs: 60_000 });
      await until(async () => {
        const waiting =
          await sql`select 1 from pg_locks where locktype = 'advisory' and objid = 42 and not granted`;
        return waiting.length === 1;
      }, 'the claim waits');
      return { claiming };
    })
    .then(({ claiming }) => {
      gate.resolve();
      return claiming;
    });
  await blocking;
  assert.deepEqual(claims, []);
  const next = await inbox.claim({ owner: 'third', limit: 1, leaseMs: 60_000 });
  assert.deepEqual(
    next.map((claim) => claim.event),
    [events[1]],
  );
});
