import assert from 'node:assert/strict';
import { tmpdir } from 'node:os';
import { type TestContext, test } from 'node:test';
import { createAuditLog } from '@banyan/audit';
import { operateBeside, service } from '@banyan/chassis';
import { contract, counter, operation } from '@banyan/contract';
import { silentLogger, systemClock } from '@banyan/core';
import { migrate, platformMigrations } from '@banyan/postgres';
import { createTestDatabase } from '@banyan/testing';
import { z } from 'zod';

const keeper = contract('keeper', {
  version: '1.0.0',
  operations: {
    check: operation('POST /checks', {
      input: z.object({ shelf: z.string() }),
      output: z.object({ checked: z.int() }),
      errors: { unknownShelf: { status: 404 } },
    }),
  },
  metrics: { checks: counter('Checks.'), checked: counter('Books that were checked.') },
});

const keeperService = service(keeper, {
  audited: { check: ({ shelf }) => shelf },
  operations: {
    async check({ shelf }, { tx, fail, metrics: { checks } }) {
      checks.inc();
      if (shelf === 'none') return fail('unknownShelf');
      return tx(async ({ sql, metrics }) => {
        metrics.checked.inc(7);
        const [row] = await sql<{ checked: number }>`select 7 as checked`;
        return { checked: row?.checked ?? 0 };
      });
    },
  },
});

async function keepers(t: TestContext) {
  const { database } = await createTestDatabase(t);
  await migrate(database, platformMigrations.service, { scope: 'banyan' });
  const check = (input: unknown) =>
    operateBeside(
      {
        ...{ service: keeperService, database, config: undefined, dataFolder: tmpdir(), by: 'ann' },
        ...{ clock: systemClock, logger: silentLogger },
      },
      'check',
      input,
    );
  const recorded = async () =>
    (await createAuditLog({ database, clock: systemClock }).list({ limit: 10 })).map(
      ({ action, outcome, subject, caller }) => `${caller.user}: ${action} ${subject} ${outcome}`,
    );
  return { check, recorded };
}

test('an operation that measures may be called beside the system, and is on record under the operator', async (t) => {
  const { check, recorded } = await keepers(t);
  assert.deepEqual(await check({ shelf: 'a' }), { checked: 7 });
  await assert.rejects(check({ shelf: 'none' }), { reason: 'unknownShelf' });
  assert.deepEqual(await recorded(), ['ann: check none refused', 'ann: check a done']);
});

test('an input that is not as declared is refused before anything is done', async (t) => {
  const { check, recorded } = await keepers(t);
  await assert.rejects(check({ shelf: 7 }), { code: 'invalid_argument' });
  assert.deepEqual(await recorded(), []);
});
