import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { createEvent } from '@banyan/events';
import { createPostgresOutbox, createPostgresOutboxLog } from '@banyan/postgres';
import { until } from '@banyan/testing';
import { createServiceDatabase } from './events-databases.ts';

const burst = 3_000;
const pageSize = 100;
// Enough for PostgreSQL to settle for one plan.
const warmUps = 12;

for (const { name, hasOpenTransaction } of [
  { name: 'was made while the outbox was empty', hasOpenTransaction: false },
  { name: 'was made over a transaction that stays open', hasOpenTransaction: true },
]) {
  test(`a reader whose plan ${name} reads each row of a long outbox about once`, async (t) => {
    const { database, url } = await createServiceDatabase(t);
    const outbox = createPostgresOutbox(database);
    const log = createPostgresOutboxLog({ id: 'test', urls: { orders: url }, sender: randomUUID() });
    t.after(() => log.close());
    await database.sql`vacuum analyze banyan.outbox`;
    const from = new Map(
      Array.from({ length: log.partitions }, (_, partition) => [partition, 'end' as const]),
    );
    const reader = await log.open({ group: 'mail', topics: ['orders.placed'], from });
    const append = (count: number) =>
      database.tx(({ sql }) => outbox.append(sql, Array.from({ length: count }, createOrder)));
    const read = async (count: number) => {
      log.wake('orders');
      for (let got = 0; got < count; ) got += (await reader.next(pageSize, 10_000)).events.length;
    };
    for (let round = 0; round < warmUps; round += 1) {
      log.wake('orders');
      assert.deepEqual((await reader.next(pageSize, 20)).events, []);
    }
    const gate = Promise.withResolvers<void>();
    // Of another key: the events of one key wait for each other.
    const late = hasOpenTransaction
      ? database.tx(async ({ sql }) => {
          await outbox.append(sql, [createOrder(undefined, -1)]);
          await gate.promise;
        })
      : undefined;
    for (let round = 0; round < warmUps; round += 1) {
      await append(1);
      await read(1);
    }
    await append(burst);
    await read(burst);
    gate.resolve();
    await late;
    if (hasOpenTransaction) await read(1);
    // The server counts what a connection has read when that ends.
    await reader.close();
    await log.close();
    const rowsRead = await until(async () => {
      const [row] = await database.sql<{ read: number }>`
        select (seq_tup_read + idx_tup_fetch)::int8 as read
        from pg_stat_user_tables where schemaname = 'banyan' and relname = 'outbox'`;
      return row !== undefined && row.read >= burst && row.read;
    }, 'the statistics have come in');
    assert.ok(rowsRead < burst * 3, `${rowsRead} rows read for ${burst} events`);
  });
}

function createOrder(_: unknown, index: number) {
  return createEvent({
    service: 'orders',
    name: 'placed',
    type: 'Placed',
    key: `${index}`,
    data: 1,
    occurredAtMs: 0,
  });
}
