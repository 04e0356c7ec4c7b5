import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  createFlowMonitor,
  type FlowDefinition,
  type FlowView,
  flow,
  flowView,
  listFlows,
  type Sighting,
} from '@banyan/flow';
import { createPostgresFlowStore, migrate, platformMigrations } from '@banyan/postgres';
import { createRandom, seed } from '@banyan/test-support/random';
import { createTestDatabase } from '@banyan/testing';
import fc from 'fast-check';
import { createOrder, kitchen, orders } from './fixtures/orders.ts';

type Scope = Parameters<typeof createTestDatabase>[0];

async function openMonitor(t: Scope, definitions: readonly FlowDefinition[] = [createOrder]) {
  const { database } = await createTestDatabase(t);
  await migrate(database, platformMigrations.service, { scope: 'banyan' });
  const store = createPostgresFlowStore(database);
  return { database, store, monitor: createFlowMonitor(definitions, store) };
}

type Opened = Awaited<ReturnType<typeof openMonitor>>;

/** As one page of events does: all in one transaction. */
function record({ database, monitor }: Opened, sightings: readonly Sighting[]) {
  return database.tx(({ sql }) => monitor.record(sql, sightings), { concurrent: true });
}

async function viewOf({ store }: Opened, key: string): Promise<FlowView | undefined> {
  const stored = await store.read({ flow: 'createOrder', key });
  return stored && flowView(createOrder, stored);
}

const startMs = Date.UTC(2026, 0, 1);
const sightings = (key: string, topics: readonly string[], fromMs = startMs): readonly Sighting[] =>
  topics.map((topic, index) => ({ flow: 'createOrder', key, topic, atMs: fromMs + index * 1_000 }));

const topicsOf = (kind: 'good' | 'bad') =>
  kind === 'good'
    ? [
        'orders.created',
        'kitchen.ticketCreated',
        'accounting.cardAuthorized',
        'kitchen.ticketConfirmed',
        'orders.approved',
      ]
    : [
        'orders.created',
        'kitchen.ticketCreated',
        'accounting.cardRefused',
        'orders.rejected',
        'kitchen.ticketCancelled',
      ];

test('any order and repetition of the events of a flow, in any pages and side by side, gives the same picture', async (t) => {
  t.diagnostic(`seed ${seed}; repeat with BANYAN_SEED=${seed}`);
  const opened = await openMonitor(t);
  let run = 0;
  const plan = fc.record({
    kind: fc.constantFrom('good' as const, 'bad' as const),
    seen: fc.array(fc.nat(4), { maxLength: 10 }),
    pageSizes: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 15, maxLength: 15 }),
    isSideBySide: fc.boolean(),
    shuffle: fc.nat(),
  });
  await fc.assert(
    fc.asyncProperty(plan, async ({ kind, seen, pageSizes, isSideBySide, shuffle }) => {
      run += 1;
      const key = `order-${run}`;
      const once = sightings(key, topicsOf(kind));
      const inOrder = sightings(`${key}-in-order`, topicsOf(kind));
      for (const each of inOrder) await record(opened, [each]);
      const random = createRandom(shuffle);
      const arrivals = [...once, ...seen.flatMap((index) => once[index] ?? [])]
        .map((sighting) => ({ sighting, rank: random() }))
        .sort((one, other) => one.rank - other.rank)
        .map(({ sighting }) => sighting);
      const pages: Sighting[][] = [];
      for (let rest = arrivals; rest.length > 0; ) {
        const size = pageSizes[pages.length] ?? 1;
        pages.push(rest.slice(0, size));
        rest = rest.slice(size);
      }
      if (isSideBySide) await Promise.all(pages.map((page) => record(opened, page)));
      else for (const page of pages) await record(opened, page);
      const found = await viewOf(opened, key);
      const expected = await viewOf(opened, `${key}-in-order`);
      assert.deepEqual({ ...found, key: '' }, { ...expected, key: '' });
      assert.equal(found?.status, kind === 'good' ? 'completed' : 'failed');
      assert.equal(found?.endedAt, '2026-01-01T00:00:04.000Z');
    }),
    { seed, numRuns: 40 },
  );
});

test('a flow ends once, however often its end is told', async (t) => {
  const opened = await openMonitor(t);
  const all = sightings('o1', topicsOf('good'));
  assert.deepEqual(await record(opened, all.slice(0, 4)), []);
  assert.deepEqual(await record(opened, all.slice(4)), [
    { flow: 'createOrder', key: 'o1', status: 'completed', durationMs: 4_000 },
  ]);
  assert.deepEqual(await record(opened, all.slice(4)), []);
  const [row] = await opened.database.sql<{ version: number }>`select version from banyan.flow`;
  // Two pages told something new; the third wrote nothing.
  assert.equal(row?.version, 2);
});

test('flows that start side by side with equal keys become one', async (t) => {
  const opened = await openMonitor(t);
  const keys = Array.from({ length: 20 }, (_, index) => `o${index}`);
  const topics = topicsOf('good');
  await Promise.all(
    topics.map((topic, index) =>
      record(
        opened,
        // Each page in another order: they must not wait for each other for ever.
        (index % 2 === 0 ? keys : keys.toReversed()).map((key) => ({
          ...{ flow: 'createOrder', key, topic, atMs: startMs + index * 1_000 },
        })),
      ),
    ),
  );
  const { flows } = await listFlows(opened.store, createOrder, { status: 'completed' });
  assert.deepEqual(flows.map(({ key }) => key).sort(), keys.toSorted());
});

test('a page whose transaction fails leaves nothing behind', async (t) => {
  const opened = await openMonitor(t);
  const { database, monitor } = opened;
  const failing = database.tx(async ({ sql }) => {
    await monitor.record(sql, sightings('o1', topicsOf('good')));
    throw new Error('the process ends');
  });
  await assert.rejects(failing, /the process ends/);
  assert.equal(await viewOf(opened, 'o1'), undefined);
});

test('an event that belongs to no flow of the kind is passed over', async (t) => {
  const { monitor } = await openMonitor(t);
  const at = '2026-01-01T00:00:00.000Z';
  assert.deepEqual(monitor.sightingsOf('orders.created', { orderId: 'o1' }, at), [
    { flow: 'createOrder', key: 'o1', topic: 'orders.created', atMs: startMs },
  ]);
  assert.deepEqual(monitor.sightingsOf('orders.created', {}, at), []);
  assert.deepEqual(monitor.sightingsOf('orders.unheard', { orderId: 'o1' }, at), []);
  assert.deepEqual(
    monitor.sightingsOf('accounting.cardAuthorized', { about: { orderId: 'o2' } }, at).map(({ key }) => key),
    ['o2'],
  );
});

test('pages of a list hold every flow once, newest first, while new ones arrive', async (t) => {
  const opened = await openMonitor(t);
  // Three flows start in each second: the key decides between them.
  const keys = Array.from({ length: 30 }, (_, index) => `o${String(index).padStart(2, '0')}`);
  await record(
    opened,
    keys.flatMap((key, index) => sightings(key, ['orders.created'], startMs + Math.floor(index / 3) * 1_000)),
  );
  const listed: string[] = [];
  let after: string | undefined;
  do {
    const page = await listFlows(opened.store, createOrder, { limit: 7, after });
    listed.push(...page.flows.map(({ key }) => key));
    await record(opened, sightings(`new-${listed.length}`, ['orders.created'], startMs + 60_000));
    after = page.next;
  } while (after !== undefined);
  assert.deepEqual(listed, keys.toReversed());
});

test('10,000 flows stay quick to list and to add to', async (t) => {
  const opened = await openMonitor(t);
  const { sql } = opened.database;
  for (let from = 0; from < 10_000; from += 1_000) {
    const keys = Array.from({ length: 1_000 }, (_, index) => `o${from + index}`);
    // Every tenth stays open.
    await record(
      opened,
      keys.flatMap((key, index) =>
        sightings(
          key,
          index % 10 === 0 ? ['orders.created'] : topicsOf('good'),
          startMs + (from + index) * 1_000,
        ),
      ),
    );
  }
  // As autovacuum does within a minute.
  await sql`analyze banyan.flow`;
  const page = await listFlows(opened.store, createOrder, { status: 'open', limit: 50 });
  assert.deepEqual(
    page.flows.slice(0, 2).map(({ key }) => key),
    ['o9990', 'o9980'],
  );
  const rowsRead = async (work: () => Promise<unknown>) => {
    const read = async () => {
      // Figures of other sessions arrive late; these belong to the whole database.
      await sql`select pg_stat_force_next_flush()`;
      const [row] = await sql<{ count: number }>`
        select (seq_tup_read + coalesce(idx_tup_fetch, 0))::int8 as count from pg_stat_user_tables where relname = 'flow'`;
      return row?.count ?? 0;
    };
    const before = await read();
    await work();
    return (await read()) - before;
  };
  for (const status of [undefined, 'open', 'completed', 'late'] as const) {
    const read = await rowsRead(() => listFlows(opened.store, createOrder, { status, limit: 50 }));
    assert.ok(read <= 200, `a page of 50 ${status ?? 'of any status'} read ${read} rows`);
  }
  const deep = await listFlows(opened.store, createOrder, { limit: 1_000 });
  const read = await rowsRead(() => listFlows(opened.store, createOrder, { limit: 50, after: deep.next }));
  assert.ok(read <= 200, `a page far down read ${read} rows`);
  const added = await rowsRead(() => record(opened, sightings('o9990', ['kitchen.ticketCreated'], startMs)));
  assert.ok(added <= 10, `one more event read ${added} rows`);
});

test('a definition that changed is applied to the flows under way, by the events that were seen', async (t) => {
  const before = await openMonitor(t);
  await record(before, sightings('o1', ['orders.created', 'kitchen.ticketCreated']));
  const shorter = flow('createOrder', {
    key: 'orderId',
    steps: { order: { done: orders.events.created }, ticket: { done: kitchen.events.ticketCreated } },
    lateAfterMs: 1_000,
  });
  const after = createFlowMonitor([shorter], before.store);
  await after.refresh((work) => before.database.tx(({ sql }) => work(sql)));
  const stored = await before.store.read({ flow: 'createOrder', key: 'o1' });
  assert.equal(stored?.status, 'completed');
  assert.equal(stored?.endedAt, '2026-01-01T00:00:01.000Z');
});
