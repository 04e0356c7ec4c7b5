import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger, systemClock } from '@banyan/core';
import { eventually } from '@banyan/core/testing';
import { createDatabase } from '@banyan/postgres';
import { lastFirst, startTestServer } from '@banyan/testing';
// Only the process of the console opens it, and a system around it would hide what it waits for.
import { createLateTelemetry } from '../src/console/late-telemetry.ts';

test('a store that hangs while it is opened does not hold up a stop, and is closed when it is done', async (t) => {
  const { url: adminUrl } = await startTestServer({ alone: true });
  const begin = (runId: string) =>
    createLateTelemetry({
      ...{ adminUrl, runId, system: 'late', secret: 'a secret of this test', about: {} },
      startedAt: '2026-01-01T00:00:00Z',
      ...{
        maxBytes: undefined,
        maxAgeMs: undefined,
        alertWebhook: undefined,
        alertMail: undefined,
        errorOwners: {},
      },
      ...{ consoleUrl: 'http://127.0.0.1', clock: systemClock, logger: silentLogger },
    });
  const first = begin('1');
  await first.opened;
  await first.stop();

  const url = new URL(adminUrl);
  url.pathname = '/svc_banyan_telemetry';
  const database = createDatabase({ url: url.href });
  lastFirst(t).after(() => database.close());
  const held = Promise.withResolvers<void>();
  const locked = Promise.withResolvers<void>();
  const holding = database.tx(async ({ sql }) => {
    await sql`lock table telemetry.runs in access exclusive mode`;
    locked.resolve();
    await held.promise;
  });
  await locked.promise;
  const count = async (where: 'waits' | 'is there') => {
    const rows = await database.sql`
      select 1 from pg_stat_activity
      where application_name = 'banyan-telemetry' and (${where} = 'is there' or wait_event_type = 'Lock')`;
    return rows.length;
  };
  const late = begin('2');
  await eventually(
    () => count('waits'),
    (waiting) => waiting > 0,
  );
  await late.stop();
  assert.equal(await count('waits'), 1);

  held.resolve();
  await holding;
  await late.opened;
  await eventually(
    () => count('is there'),
    (connections) => connections === 0,
  );
});
