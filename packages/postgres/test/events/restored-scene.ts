import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { TestContext } from 'node:test';
import { type CloudEvent, createEvent, type EventLog, type StartAt } from '@banyan/events';
import { createPostgresOutbox, createPostgresOutboxLog, type PostgresDatabase } from '@banyan/postgres';

export const topics = ['orders.placed'];

export const placed = (number: number) =>
  createEvent({
    service: 'orders',
    name: 'placed',
    type: 'OrderPlaced',
    key: `order-${number}`,
    data: { number },
    occurredAtMs: 0,
  });

/** Each in a transaction of its own. */
export async function emit(database: PostgresDatabase, ...numbers: readonly number[]): Promise<void> {
  const outbox = createPostgresOutbox(database);
  for (const number of numbers) await database.tx(({ sql }) => outbox.append(sql, [placed(number)]));
}

export const numbers = (first: number, last: number) =>
  Array.from({ length: last - first + 1 }, (_, index) => first + index);

export function openLog(t: TestContext, url: string): EventLog {
  const log = createPostgresOutboxLog({ id: 'test', urls: { orders: url }, sender: randomUUID() });
  t.after(() => log.close());
  return log;
}

export type Places = ReadonlyMap<number, StartAt>;

export const everywhere = (log: EventLog, at: StartAt): Places =>
  new Map(numbers(0, log.partitions - 1).map((partition) => [partition, at]));

export const startOf = (log: EventLog): Places => everywhere(log, 'start');

export const lost = {
  code: 'failed_precondition',
  reason: 'position_lost',
  details: { loss: 'put_back' },
};

/** All that lies behind the places, in pages of ten, and the places behind it. */
export async function readOn(
  log: EventLog,
  from: Places,
): Promise<{ readonly seen: number[]; readonly from: Places }> {
  const reader = await log.open({ group: 'mail', topics, from });
  const seen: number[] = [];
  const places = new Map(from);
  try {
    for (let idle = 0; idle < 3; ) {
      const { events, positions } = await reader.next(10, 1);
      assert.ok(seen.length < 1_000, 'it reads in a circle');
      idle = events.length === 0 ? idle + 1 : 0;
      seen.push(...events.map((event) => (event as CloudEvent<{ readonly number: number }>).data.number));
      for (const [partition, position] of positions) places.set(partition, { position });
    }
  } finally {
    await reader.close();
  }
  return { seen, from: places };
}
