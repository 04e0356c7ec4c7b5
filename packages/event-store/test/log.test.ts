import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  createEventStore,
  type EventCursor,
  type EventFilter,
  type EventStore,
  positionOf,
} from '@banyan/event-store';
import fc from 'fast-check';
import { createEventDatabase } from './event-database.ts';
import { openTransaction } from './open-transaction.ts';
import { cancelled, orderEvents, placed } from './order-events.ts';

type Store = EventStore<typeof orderEvents>;

/** Everything behind the cursor, page by page, until there is no more. */
async function drain(
  store: Store,
  cursor: EventCursor,
  pageSize = 100,
  filter: EventFilter<typeof orderEvents> = {},
) {
  const names: string[] = [];
  for (;;) {
    const page = await store.readPage(cursor, { pageSize, filter });
    names.push(...page.events.map(({ stream, revision }) => `${stream}/${revision}`));
    cursor = page.cursor;
    if (!page.more) return { names, cursor };
  }
}

test('an event that is committed late comes on a later page, and none twice', async (t) => {
  const { database } = await createEventDatabase(t);
  const store = createEventStore({ database, events: orderEvents });
  const slow = openTransaction(database);
  await store.append('slow-1', [placed()], { tx: await slow.tx });
  await store.append('fast-1', [placed()]);
  const first = await drain(store, await store.cursorAt('start'));
  assert.deepEqual(first.names, ['fast-1/0']);
  await store.append('fast-1', [cancelled]);
  const second = await drain(store, first.cursor);
  assert.deepEqual(second.names, ['fast-1/1']);
  await slow.commit();
  const third = await drain(store, second.cursor);
  assert.deepEqual(third.names, ['slow-1/0']);
  assert.equal(positionOf(third.cursor), positionOf(second.cursor));
  assert.deepEqual((await drain(store, third.cursor)).names, []);
});

test('a transaction forgotten on the server holds up nobody', async (t) => {
  const { database } = await createEventDatabase(t);
  const store = createEventStore({ database, events: orderEvents });
  const forgotten = openTransaction(database);
  await (await forgotten.tx).sql`select pg_current_xact_id()`;
  let cursor = await store.cursorAt('start');
  for (let index = 0; index < 20; index += 1) {
    await store.append(`order-${index}`, [placed()]);
    const page = await drain(store, cursor);
    assert.deepEqual(page.names, [`order-${index}/0`]);
    cursor = page.cursor;
  }
  await forgotten.rollBack();
});

test('more late events than fit into a page come on several', async (t) => {
  const { database } = await createEventDatabase(t);
  const store = createEventStore({ database, events: orderEvents });
  const slow = openTransaction(database);
  const tx = await slow.tx;
  for (let index = 0; index < 25; index += 1) await store.append(`slow-${index}`, [placed()], { tx });
  await store.append('fast-1', [placed()]);
  const first = await drain(store, await store.cursorAt('start'), 10);
  await slow.commit();
  await store.append('fast-2', [placed()]);
  const rest = await drain(store, first.cursor, 10);
  assert.deepEqual(first.names, ['fast-1/0']);
  assert.deepEqual(rest.names, [...Array.from({ length: 25 }, (_, index) => `slow-${index}/0`), 'fast-2/0']);
});

test('whatever transactions do, a reader sees each committed event once, and none before what its append could see', async (t) => {
  const { database } = await createEventDatabase(t);
  const store = createEventStore({ database, events: orderEvents });
  let run = 0;
  const step = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({ kind: fc.constant('append' as const), slot: fc.nat(3), stream: fc.nat(9) }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constantFrom('commit' as const, 'rollBack' as const),
        slot: fc.nat(3),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ kind: fc.constant('read' as const), pageSize: fc.integer({ min: 1, max: 4 }) }),
    },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      run += 1;
      const open = new Map<number, ReturnType<typeof openTransaction>>();
      const written = new Map<number, string[]>();
      const committed: string[] = [];
      const seen: string[] = [];
      let cursor = await store.cursorAt('end');
      const end = async (slot: number, kind: 'commit' | 'rollBack') => {
        await open.get(slot)?.[kind]();
        if (kind === 'commit') committed.push(...(written.get(slot) ?? []));
        open.delete(slot);
        written.delete(slot);
      };
      for (const each of steps) {
        if (each.kind === 'append') {
          // A stream for each slot: the test must not wait for itself.
          const stream = `r${run}-${each.slot}-${each.stream}`;
          if (!open.has(each.slot)) open.set(each.slot, openTransaction(database));
          const tx = await open.get(each.slot)?.tx;
          const { revision } = await store.append(stream, [placed()], { ...(tx && { tx }) });
          written.set(each.slot, [...(written.get(each.slot) ?? []), `${stream}/${revision}`]);
        } else if (each.kind === 'read') {
          const page = await store.readPage(cursor, { pageSize: each.pageSize });
          seen.push(...page.events.map(({ stream, revision }) => `${stream}/${revision}`));
          cursor = page.cursor;
        } else await end(each.slot, each.kind);
      }
      for (const slot of [...open.keys()]) await end(slot, 'commit');
      seen.push(...(await drain(store, cursor, 3)).names);
      assert.deepEqual([...seen].sort(), [...committed].sort());
      const streams = Map.groupBy(seen, (name) => name.split('/')[0]);
      for (const names of streams.values()) {
        const revisions = names.map((name) => Number(name.split('/')[1]));
        assert.deepEqual(
          revisions,
          [...revisions].sort((left, right) => left - right),
        );
      }
    }),
    { numRuns: 60, endOnFailure: true },
  );
});

test('the log is read by type, by category and by partition, without missing what lies between', async (t) => {
  const { database } = await createEventDatabase(t);
  const store = createEventStore({ database, events: orderEvents });
  for (let index = 0; index < 30; index += 1) await store.append(`order-${index}`, [placed(), cancelled]);
  await store.append('cart-1', [placed()]);
  const start = await store.cursorAt('start');
  const ofType = await drain(store, start, 7, { types: ['OrderCancelled'] });
  assert.deepEqual(
    ofType.names,
    Array.from({ length: 30 }, (_, index) => `order-${index}/1`),
  );
  assert.deepEqual((await drain(store, start, 7, { categories: ['cart'] })).names, ['cart-1/0']);
  assert.deepEqual((await drain(store, start, 7, { categories: ['none'] })).names, []);
  const parts: string[][] = [];
  for (let index = 0; index < 3; index += 1) {
    parts.push((await drain(store, start, 7, { partition: { index, of: 3 } })).names);
  }
  assert.ok(parts.every((part) => part.length > 0));
  assert.deepEqual(parts.flat().sort(), (await drain(store, start)).names.sort());
});

test('replay gives everything up to now; it begins where it is told', async (t) => {
  const { database } = await createEventDatabase(t);
  const store = createEventStore({ database, events: orderEvents });
  for (let index = 0; index < 10; index += 1) await store.append(`order-${index}`, [placed()]);
  const end = await store.cursorAt('end');
  await store.append('order-10', [placed()]);
  const read = async (cursor?: EventCursor) => {
    const streams: string[] = [];
    for await (const page of store.replay({ pageSize: 3, ...(cursor && { cursor }) })) {
      streams.push(...page.events.map(({ stream }) => stream));
    }
    return streams;
  };
  assert.deepEqual(
    await read(),
    Array.from({ length: 11 }, (_, index) => `order-${index}`),
  );
  assert.deepEqual(await read(end), ['order-10']);
});

test('in a database restored into another cluster a cursor goes on, and nothing comes twice', async (t) => {
  const { database, connect } = await createEventDatabase(t);
  // What a dump would have brought along: events and a cursor with ids of transactions that this cluster has yet to give.
  const store = createEventStore({ database, events: orderEvents });
  await store.append('order-0', [placed()]);
  await database.sql`alter table banyan.event disable trigger append_only`;
  await database.sql`insert into banyan.event (revision, version, stream, type, data, xid)
    select n, 1, 'old-1', 'OrderAccepted', '{}', (pg_current_xact_id()::text::int8 + n * 2)::text::xid8 from generate_series(0, 199) as n`;
  await database.sql`update banyan.event_era set system = 'another'`;
  await database.sql`alter table banyan.event enable trigger append_only`;
  const [old] = await database.sql<{ cursor: string }>`
    select concat(max(position), ' 900000:900000: 900001 0') as cursor from banyan.event`;
  const restored = createEventStore({ database: connect(), events: orderEvents });
  let cursor = old?.cursor ?? '';
  let fromStart = await restored.cursorAt('start');
  const seen: string[] = [];
  const all: string[] = [];
  for (let index = 1; index <= 150; index += 1) {
    await restored.append(`order-${index}`, [placed()]);
    for (const [names, at] of [
      [seen, cursor],
      [all, fromStart],
    ] as const) {
      const page = await drain(restored, at);
      names.push(...page.names);
      if (names === seen) cursor = page.cursor;
      else fromStart = page.cursor;
    }
  }
  assert.deepEqual(
    seen,
    Array.from({ length: 150 }, (_, index) => `order-${index + 1}/0`),
  );
  assert.equal(all.length, 351);
  assert.equal(new Set(all).size, 351);
});

test('what is no cursor is refused', async (t) => {
  const { database } = await createEventDatabase(t);
  const store = createEventStore({ database, events: orderEvents });
  for (const cursor of ['', '0', '1 2 3 4', `${'9'.repeat(30)} 1:1: 0 0`, "0 1:1:'; 0 0", undefined]) {
    await assert.rejects(store.readPage(cursor as string), { reason: 'cursor_invalid' });
  }
});

test('10,000 commits out of order: a reader beside them sees no gap and no duplicate', async (t) => {
  const { database, connect } = await createEventDatabase(t);
  const writing = connect(8);
  const writer = createEventStore({ database: writing, events: orderEvents });
  const reader = createEventStore({ database, events: orderEvents });
  const commits = 10_000;
  let next = 0;
  let isWriting = true;
  const write = async () => {
    while (next < commits) {
      const index = next++;
      await writing.tx(async (tx) => {
        await writer.append(`order-${index}`, [placed(index + 1)], { tx });
        // Some keep their position for as long as several others take.
        if (index % 7 === 0) await tx.sql`select pg_sleep(0.002)`;
      });
    }
  };
  const seen: string[] = [];
  let late = 0;
  let highest = 0;
  const read = async () => {
    let cursor = await reader.cursorAt('start');
    for (;;) {
      const wasWriting = isWriting;
      const page = await reader.readPage(cursor, { pageSize: 50 });
      for (const { stream, position } of page.events) {
        seen.push(stream);
        if (position < highest) late += 1;
        highest = Math.max(highest, position);
      }
      cursor = page.cursor;
      if (!wasWriting && !page.more) return;
    }
  };
  const reading = read();
  await Promise.all(Array.from({ length: 8 }, write));
  isWriting = false;
  await reading;
  assert.equal(seen.length, commits);
  assert.equal(new Set(seen).size, commits);
  assert.ok(late > 0, 'commits came in the order of positions, so nothing was shown');
});
