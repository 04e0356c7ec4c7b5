import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger } from '@banyan/core';
import { createManualClock } from '@banyan/core/testing';
import { createPostgresRateLimits, migrate, platformMigrations } from '@banyan/postgres';
import { chargeOf, type RateLimitStore } from '@banyan/resilience';
import { describeRateLimitStore } from '@banyan/resilience/testing';
import { createTestDatabase } from '@banyan/testing';

describeRateLimitStore('postgres', {
  async create() {
    const cleanups: (() => unknown)[] = [];
    const { url, database } = await createTestDatabase({
      after: (cleanup) => cleanups.push(cleanup as () => unknown),
    });
    await migrate(database, platformMigrations.platform, { scope: 'banyan' });
    return {
      open: (): Promise<RateLimitStore> =>
        Promise.resolve(createPostgresRateLimits({ url, logger: silentLogger })),
      async close() {
        for (const cleanup of cleanups) await cleanup();
      },
    };
  },
});

test('rows of keys that owe nothing are swept away', async (t) => {
  const { url, database } = await createTestDatabase(t);
  await migrate(database, platformMigrations.platform, { scope: 'banyan' });
  const clock = createManualClock();
  const store = createPostgresRateLimits({ url, clock, logger: silentLogger });
  t.after(() => store.close());
  await store.take('done', chargeOf({ quota: 1_000_000, windowMs: 1_000 }, 1));
  await store.take('owing', chargeOf({ quota: 1, windowMs: 3_600_000 }, 1));
  clock.advance(60_000);
  const keys = async () => {
    const rows = await database.sql<{ key: string }>`select key from banyan.rate_limit order by key`;
    return rows.map((row) => row.key);
  };
  const deadlineMs = performance.now() + 10_000;
  while ((await keys()).length > 1 && performance.now() < deadlineMs);
  assert.deepEqual(await keys(), ['owing']);
});
