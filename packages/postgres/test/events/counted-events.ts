import assert from 'node:assert/strict';
import { isServiceError, type Sql } from '@banyan/core';
import { createEvent, type Outbox } from '@banyan/events';
import type { PostgresDatabase } from '@banyan/postgres';

/**
 * A workload whose outcome can be judged: each transaction draws the next number of its key under a row lock, so that numbers follow the order
 * of commits, and appends one event with it.
 */
export async function createCountedTables(sql: Sql): Promise<void> {
  await sql`create table counter (key text primary key, number int not null)`;
  await sql`create table effect (
    seq bigint generated always as identity, event_id uuid not null, key text not null, number int not null)`;
}

export async function emitCounted(
  database: PostgresDatabase,
  outbox: Outbox,
  { key, isRolledBack }: { readonly key: string; readonly isRolledBack: boolean },
): Promise<void> {
  const work = database.tx(async ({ sql }) => {
    const [row] = await sql<{ number: number }>`
      insert into counter as c (key, number) values (${key}, 1)
      on conflict (key) do update set number = c.number + 1 returning number`;
    const data = { number: row?.number, isRolledBack };
    const event = createEvent({
      service: 'orders',
      name: 'counted',
      type: 'Counted',
      key,
      data,
      occurredAtMs: Date.now(),
    });
    await outbox.append(sql, [event]);
    if (isRolledBack) throw new Error('rolled back');
  });
  await (isRolledBack ? assert.rejects(work, /rolled back/) : work);
}

/** The same, until it has certainly happened: for a server that goes away in between. Numbers of a key stay without gaps either way. */
export async function emitStubbornly(database: PostgresDatabase, outbox: Outbox, key: string): Promise<void> {
  for (;;) {
    try {
      await emitCounted(database, outbox, { key, isRolledBack: false });
      return;
    } catch (error) {
      if (!isServiceError(error) || error.code !== 'unavailable') throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

export interface Tally {
  /** Newest committed number by key. */
  readonly expected: ReadonlyMap<string, number>;
  readonly total: number;
}

export async function tally(sql: Sql): Promise<Tally> {
  const rows = await sql<{ key: string; number: number }>`select key, number from counter where number > 0`;
  const expected = new Map(rows.map(({ key, number }) => [key, number]));
  return { expected, total: rows.reduce((sum, { number }) => sum + number, 0) };
}

/** Every number of every key once, in order. */
export function assertCounted(
  rows: readonly { readonly key: string; readonly number: number }[],
  { expected }: Tally,
): void {
  const numbers = new Map<string, number[]>();
  for (const { key, number } of rows) numbers.set(key, [...(numbers.get(key) ?? []), number]);
  assert.deepEqual([...numbers.keys()].sort(), [...expected.keys()].sort());
  for (const [key, last] of expected) {
    assert.deepEqual(
      numbers.get(key),
      Array.from({ length: last }, (_, index) => index + 1),
      `key ${key}`,
    );
  }
}

/** The log's content, in its order. */
export function readCountedLog(sql: Sql): Promise<{ key: string; number: number }[]> {
  return sql<{ key: string; number: number }>`
    select event::json ->> 'subject' as key, (event::json -> 'data' ->> 'number')::int4 as number
    from banyan.event_log order by position`;
}

export function readEffects(sql: Sql): Promise<{ key: string; number: number }[]> {
  return sql<{ key: string; number: number }>`select key, number from effect order by seq`;
}
