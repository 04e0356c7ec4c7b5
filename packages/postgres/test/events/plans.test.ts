import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createEvent } from '@banyan/events';
import {
  createDatabase,
  createPostgresInbox,
  createPostgresOutbox,
  openPostgresEventLog,
} from '@banyan/postgres';
import { until } from '@banyan/testing';
import { arrivalOf } from './arrivals.ts';
import { createPlatformDatabase, createServiceDatabase } from './events-databases.ts';

const burst = 3_000;
const warmUps = 12;
// A claim of 50 may rightly scan a table of 3,000 short rows; one scan for every event would read 9 million.

test('plans made while the tables were empty do not make a burst of events slow', async (t) => {
  const { database: service, url } = await createServiceDatabase(t);
  const { database: platform } = await createPlatformDatabase(t);
  // One connection, so that whatever it has prepared while warming up is used in the burst.
  const single = createDatabase({ url, maxConnections: 1 });
  t.after(() => single.close());
  const outbox = createPostgresOutbox(single);
  const inbox = createPostgresInbox(single);
  const log = await openPostgresEventLog(platform);
  t.after(() => log.close());
  const lease = await outbox.acquire('orders-1', 600_000);
  assert.ok(lease);
  let cursor = await outbox.cursor(lease);
  const from = new Map(
    Array.from({ length: log.partitions }, (_, partition) => [partition, 'start' as const]),
  );
  const reader = await log.open({ group: 'mail', topics: ['orders.placed'], from });
  let number = 0;
  const deliver = async (total: number) => {
    const events = Array.from({ length: total }, () => {
      number += 1;
      return createEvent({
        service: 'orders',
        name: 'placed',
        type: 'Placed',
        key: `${number}`,
        data: 1,
        occurredAtMs: 0,
      });
    });
    await single.tx(({ sql }) => outbox.append(sql, events));
    for (let more = true; more; ) {
      const page = await outbox.read(cursor, 200);
      await log.publish(page.events);
      await outbox.confirm(lease, page.cursor);
      ({ cursor, more } = page);
    }
    for (let read = 0; read < total; ) {
      const page = await reader.next(500, 10_000);
      read += page.events.length;
      // Half of them each way.
      const half = page.events.length / 2;
      const arrival = await arrivalOf(inbox, page.events.slice(0, half));
      await single.tx(({ sql }) => inbox.admit(sql, arrival), { concurrent: true });
      await inbox.ingest({ ...arrival, events: page.events.slice(half) });
    }
    const { pending } = await inbox.counts();
    for (let done = 0; done < pending; ) {
      for (const claim of await inbox.claim({ owner: 'w', limit: 50, leaseMs: 60_000 })) {
        await inbox.complete(claim);
        done += 1;
      }
    }
  };
  for (let round = 0; round < warmUps; round += 1) {
    await service.sql`truncate banyan.inbox, banyan.inbox_key, banyan.inbox_seen, banyan.outbox`;
    await service.sql`vacuum analyze`;
    await deliver(1);
  }
  const rowsReadBefore = await readRowsScanned(service, warmUps);
  await deliver(burst);
  const rowsRead = (await readRowsScanned(service, warmUps + burst / 2)) - rowsReadBefore;
  assert.ok(rowsRead < burst * 150, `${rowsRead} rows read by sequential scans for ${burst} events`);

  /** Sequential scans' rows, once the statistics have come in. */
  async function readRowsScanned({ sql }: typeof service, handled: number): Promise<number> {
    return until(async () => {
      await single.sql`select pg_stat_force_next_flush()`;
      const [row] = await sql<{ scanned: number; claims: number }>`
        select sum(seq_tup_read)::int8 as scanned, sum(n_tup_upd) filter (where relname = 'inbox_key')::int8 as claims
        from pg_stat_user_tables where schemaname = 'banyan'`;
      return row !== undefined && row.claims >= handled * 2 && row.scanned;
    }, 'the statistics have come in');
  }
});
