import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import type { PostgresDatabase } from '@banyan/postgres';

/** Of the system in test/chaos/event-system: what was sent, and what had its effect. */
export interface ItemDatabases {
  readonly sourceDatabase: PostgresDatabase;
  readonly sinkDatabase: PostgresDatabase;
}

export async function countItems({ sourceDatabase, sinkDatabase }: ItemDatabases) {
  // Effects first: what is counted in between must not look like an effect without an item.
  const [effects] = await sinkDatabase.sql<{ count: number }>`select count(*)::int8 as count from effect`;
  const [sent] = await sourceDatabase.sql<{ count: number }>`select count(*)::int8 as count from sent`;
  return { sent: sent?.count ?? 0, effects: effects?.count ?? 0 };
}

/** Equal for a second, so that an effect that comes twice is seen as well. */
export async function untilSettled(databases: ItemDatabases, timeoutMs: number): Promise<void> {
  const endMs = Date.now() + timeoutMs;
  for (let equalSinceMs: number | undefined; ; ) {
    const { sent, effects } = await countItems(databases);
    equalSinceMs = sent === effects ? (equalSinceMs ?? Date.now()) : undefined;
    if (equalSinceMs !== undefined && Date.now() - equalSinceMs > 1_000) return;
    assert.ok(Date.now() < endMs, `${sent} items were sent, ${effects} had their effect`);
    await pause(100);
  }
}

/** @throws AssertionError for a lost, doubled or overtaken item; returns how many there were */
export async function checkEffects({ sourceDatabase, sinkDatabase }: ItemDatabases): Promise<number> {
  const sent = await sourceDatabase.sql<{ key: string; numbers: number[] }>`
    select key, array_agg(number order by number) as numbers from sent group by key order by key`;
  const effects = await sinkDatabase.sql<{ key: string; numbers: number[] }>`
    select key, array_agg(number order by seq) as numbers from effect group by key order by key`;
  // In the order in which they happened: equal means none lost, none doubled, none overtaken.
  assert.deepEqual(effects, sent);
  return sent.reduce((sum, { numbers }) => sum + numbers.length, 0);
}
