import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Sql } from '@banyan/core';
import { createDatabase, type PostgresDatabase } from '@banyan/postgres';
import type { TelemetryStore } from '@banyan/telemetry-store';
import { createTestDatabase, eventually } from '@banyan/testing';
import { givenStore, hexId, spansRequest } from './given.ts';

const rule = { ruleId: 'orders', service: 'orders', maxErrors: 5, windowMinutes: 60 };
const objective = { objectiveId: 'orders', service: 'orders', target: 0.99 };

/** Two consoles on one store, and somebody who can make both of them wait. */
async function givenConsoles(t: TestContext) {
  const { url } = await createTestDatabase(t);
  const admin = createDatabase({ url, applicationName: 'admin' });
  t.after(() => admin.close());
  const options = { url, alertChannels: ['webhook'] };
  const { store } = await givenStore(t, options);
  const { store: other } = await givenStore(t, options);
  return { admin, store, other };
}

async function failRequests(store: TelemetryStore): Promise<void> {
  const startUs = Date.now() * 1_000 - 60e6;
  const attributes = [
    { key: 'exception.type', value: { stringValue: 'TypeError' } },
    { key: 'exception.message', value: { stringValue: 'no such order' } },
  ];
  const spans = Array.from({ length: 20 }, (_, index) => ({
    ...{ traceId: hexId(32, index + 1), spanId: hexId(16, index + 1), kind: 2, isError: true },
    ...{ startUs, durationUs: 10 },
    events: [{ name: 'exception', timeUnixNano: `${startUs}000`, attributes }],
  }));
  store.receive('spans', spansRequest('orders', spans));
  await store.flush();
}

/** Calls `meanwhile` while `count` statements of the stores wait for what `hold` holds. */
async function whileHeld(
  admin: PostgresDatabase,
  { hold, count }: { readonly hold: (sql: Sql) => Promise<unknown>; readonly count: number },
  { work, meanwhile }: { readonly work: () => Promise<unknown>; readonly meanwhile: () => Promise<unknown> },
): Promise<void> {
  let working: Promise<unknown> = Promise.resolve();
  await admin.tx(async ({ sql }) => {
    await hold(sql);
    working = work();
    await eventually(
      async () => {
        const [row] = await admin.sql<{ waiting: number }>`
          select count(*)::int4 as waiting from pg_stat_activity
          where datname = current_database() and application_name = 'banyan-telemetry' and wait_event_type = 'Lock'`;
        return row?.waiting ?? 0;
      },
      (waiting) => waiting >= count,
    );
    await meanwhile();
  });
  await working;
}

async function firing(store: TelemetryStore): Promise<readonly (readonly (string | undefined)[])[]> {
  const alerts = await store.alerts();
  return alerts
    .filter(({ endedAt }) => endedAt === undefined)
    .map(({ objectiveId, errorRuleId, level }) => [objectiveId ?? errorRuleId, level]);
}

test('a rule that is removed while it is looked at does not alert', async (t) => {
  const { admin, store, other } = await givenConsoles(t);
  await store.setErrorRule(rule);
  await failRequests(store);
  const hold = (sql: Sql) => sql`lock table telemetry.error_counts in access exclusive mode`;
  await whileHeld(
    admin,
    { hold, count: 1 },
    { work: () => store.lookForAlerts(), meanwhile: () => other.removeErrorRule('orders') },
  );
  assert.deepEqual(await firing(store), []);
});

test('an objective that is removed while it is looked at does not alert', async (t) => {
  const { admin, store, other } = await givenConsoles(t);
  await store.setObjective(objective);
  await failRequests(store);
  const hold = (sql: Sql) =>
    sql`lock table telemetry.traffic, telemetry.traffic_history in access exclusive mode`;
  await whileHeld(
    admin,
    { hold, count: 1 },
    { work: () => store.lookForAlerts(), meanwhile: () => other.removeObjective('orders') },
  );
  assert.deepEqual(await firing(store), []);
});

/** Whoever begins an alert waits in the middle of it for the lock 7. */
async function slowAlerts({ sql }: PostgresDatabase): Promise<void> {
  await sql`
    create function telemetry.wait() returns trigger language plpgsql as $$
      begin perform pg_advisory_xact_lock_shared(7); return new; end $$`;
  await sql`create trigger wait before insert on telemetry.alerts for each row execute function telemetry.wait()`;
}

const holdAlerts = (sql: Sql) => sql`select pg_advisory_xact_lock(7)`;

test('two consoles that see the same at once begin one alert, of which somebody is told once', async (t) => {
  const { admin, store, other } = await givenConsoles(t);
  await store.setErrorRule(rule);
  await failRequests(store);
  await slowAlerts(admin);
  const work = () => Promise.all([store.lookForAlerts(), other.lookForAlerts()]);
  await whileHeld(admin, { hold: holdAlerts, count: 2 }, { work, meanwhile: async () => {} });
  assert.deepEqual(await firing(store), [['orders', 'page']]);
  const notices = await admin.sql`select from telemetry.alert_notices where alert_id is not null`;
  assert.equal(notices.length, 1);
});

test('a rule that is removed while its alert begins ends it', async (t) => {
  const { admin, store, other } = await givenConsoles(t);
  await store.setErrorRule(rule);
  await failRequests(store);
  await slowAlerts(admin);
  let removing: Promise<unknown> = Promise.resolve();
  await whileHeld(
    admin,
    { hold: holdAlerts, count: 1 },
    {
      work: () => store.lookForAlerts(),
      meanwhile: async () => {
        removing = other.removeErrorRule('orders');
        // It waits for the alert, or has found none to end.
        let isRemoved = false;
        void removing.then(() => {
          isRemoved = true;
        });
        await eventually(
          async () => {
            const waiting = await admin.sql`
              select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'
                and query like '%delete from telemetry.error_rules%'`;
            return isRemoved || waiting.length > 0;
          },
          (isSure) => isSure,
        );
      },
    },
  );
  await removing;
  assert.deepEqual(await firing(store), []);
});
