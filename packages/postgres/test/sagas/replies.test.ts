import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger } from '@banyan/core';
import { createManualClock, until } from '@banyan/core/testing';
import { openPostgresEngines } from '@banyan/postgres';
import { createTestDatabase } from '@banyan/testing';

test('a service without sagas of its own forgets replies to sagas after 90 days', async (t) => {
  const [platform, stock] = [await createTestDatabase(t), await createTestDatabase(t)];
  const clock = createManualClock();
  const engines = await openPostgresEngines({
    platformUrl: platform.url,
    serviceUrls: { stock: stock.url },
    clock,
    logger: silentLogger,
  });
  t.after(() => engines.close());
  const { database, replies, close } = await engines.openStore({ name: 'stock', migrations: undefined });
  t.after(close);
  const { sql } = database;
  for (const days of [89, 91]) {
    await replies.store(sql, `${days} days`, { days });
    await sql`update banyan.reply set stored_at = now() - ${days}::int4 * interval '1 day' where key = ${`${days} days`}`;
  }
  await replies.voidKey(sql, 'given up');
  const isForgotten = async (key: string) => (await replies.find(sql, key)) === undefined;
  // Soon after it was opened: it may be restarted every few minutes.
  clock.advance(60_000);
  await until(() => isForgotten('91 days'));
  assert.deepEqual(await replies.find(sql, '89 days'), { kind: 'reply', value: { days: 89 } });
  assert.deepEqual(await replies.find(sql, 'given up'), { kind: 'void' });
  await sql`update banyan.reply set stored_at = now() - interval '91 days' where key = '89 days'`;
  await until(() => {
    clock.advance(3_600_000);
    return isForgotten('89 days');
  });
});
