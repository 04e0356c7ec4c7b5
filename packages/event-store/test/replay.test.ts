import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import {
  createEventStore,
  defineEvent,
  defineEvents,
  type EventCursor,
  type EventPage,
  type EventStore,
  type EventTypes,
  type ReadLogOptions,
} from '@banyan/event-store';
import fc from 'fast-check';
import { z } from 'zod';
import { createEventDatabase } from './event-database.ts';
import { openTransaction } from './open-transaction.ts';
import { orderEvents, placed } from './order-events.ts';

type Store = EventStore<typeof orderEvents>;

async function replayed<Types extends EventTypes>(store: EventStore<Types>, options?: ReadLogOptions<Types>) {
  const pages: EventPage<Types>[] = [];
  for await (const page of store.replay(options)) pages.push(page);
  return { pages, events: pages.flatMap((page) => page.events) };
}

const nameOf = ({ stream, revision }: { readonly stream: string; readonly revision: number }) =>
  `${stream}/${revision}`;

test('a replay has every event as its stream has it, whatever its name, tags, metadata, time and size are', async (t) => {
  const { database } = await createEventDatabase(t);
  const store = createEventStore({ database, events: orderEvents });
  const names = ['a\tb-1', 'line\nfeed-2', '\\n-3', '"quoted", {json}-4', 'Grüße 🌳-5', '\u0001-6'];
  for (const [index, name] of names.entries()) {
    const tags = index % 2 === 0 ? [`tag:${name}`, 'a,"b"'] : [];
    await store.append(name, [{ ...placed(), tags }], index % 3 === 0 ? { metadata: { by: name } } : {});
    const large = {
      type: 'OrderCancelled',
      data: { reason: `🌳${randomBytes(20_000).toString('base64')}` },
    } as const;
    await store.append(name, [placed(), large, placed(), placed()], { metadata: { index } });
    await store.append(name, [placed()], { metadata: { long: randomBytes(9_000).toString('base64') } });
  }
  await database.sql`alter table banyan.event disable trigger append_only`;
  for (const [revision, time] of [
    '30Z',
    '30.000405Z',
    '30.12Z',
    '30.1Z',
    '30.999999Z',
    '59.100000Z',
  ].entries()) {
    await database.sql`update banyan.event set recorded_at = ${`2026-03-01T10:20:${time}`}::timestamptz where revision = ${revision}::int8`;
  }
  const streams = await Promise.all(names.map((name) => store.readStream(name)));
  const expected = streams.flat().sort((left, right) => left.position - right.position);
  assert.deepEqual(
    expected.slice(0, 4).map(({ recordedAt }) => recordedAt.slice(17)),
    ['30Z', '30.000405Z', '30.12Z', '30.1Z'],
  );
  for (const pageSize of [2, 5, 500]) {
    const { events, pages } = await replayed(store, { pageSize });
    assert.deepEqual(events, expected);
    assert.ok(pages.every(({ passed }) => passed <= pageSize));
  }
});

test('whatever transactions do beside it, a replay gives each committed event once, and none before what its append could see', async (t) => {
  const { database } = await createEventDatabase(t);
  const store = createEventStore({ database, events: orderEvents });
  let run = 0;
  const slot = fc.nat(3);
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('append' as const), slot, stream: fc.nat(9) }) },
    {
      weight: 2,
      arbitrary: fc.record({ kind: fc.constantFrom('commit' as const, 'rollBack' as const), slot }),
    },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('read' as const) }) },
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 10, maxLength: 50 }),
      fc.integer({ min: 1, max: 3 }),
      async (steps, pageSize) => {
        run += 1;
        const open = new Map<number, ReturnType<typeof openTransaction>>();
        const written = new Map<number, string[]>();
        const committed: string[] = [];
        const reader = createReader(store, await store.cursorAt('end'), pageSize);
        const end = async (of: number, kind: 'commit' | 'rollBack') => {
          await open.get(of)?.[kind]();
          if (kind === 'commit') committed.push(...(written.get(of) ?? []));
          open.delete(of);
          written.delete(of);
        };
        // So that there are pages far behind the end while the transactions go on.
        for (let index = 0; index < 8; index += 1) {
          await store.append(`r${run}-${index}`, [placed()]);
          committed.push(`r${run}-${index}/0`);
        }
        for (const each of steps) {
          if (each.kind === 'append') {
            // A stream for each slot: the test must not wait for itself.
            const stream = `r${run}-${each.slot}-${each.stream}`;
            if (!open.has(each.slot)) open.set(each.slot, openTransaction(database));
            const tx = await open.get(each.slot)?.tx;
            const { revision } = await store.append(stream, [placed()], { ...(tx && { tx }) });
            written.set(each.slot, [...(written.get(each.slot) ?? []), `${stream}/${revision}`]);
          } else if (each.kind === 'read') await reader.readOn();
          else await end(each.slot, each.kind);
        }
        for (const each of [...open.keys()]) await end(each, 'commit');
        await reader.readAll();
        assert.deepEqual([...reader.seen].sort(), [...committed].sort());
        for (const names of Map.groupBy(reader.seen, (name) => name.split('/')[0]).values()) {
          const revisions = names.map((name) => Number(name.split('/')[1]));
          assert.deepEqual(
            revisions,
            revisions.toSorted((left, right) => left - right),
          );
        }
      },
    ),
    { numRuns: 60, endOnFailure: true },
  );
});

/** Replays page by page; after the end again from there. */
function createReader(store: Store, cursor: EventCursor, pageSize: number) {
  const seen: string[] = [];
  let pages = store.replay({ cursor, pageSize });
  const readOn = async () => {
    const { value, done } = await pages.next();
    if (done === true) {
      pages = store.replay({ cursor, pageSize });
      return false;
    }
    seen.push(...value.events.map(nameOf));
    ({ cursor } = value);
    return true;
  };
  const readAll = async () => {
    while (await readOn());
    for (let before = -1; before < seen.length; ) {
      before = seen.length;
      while (await readOn());
    }
  };
  return { seen, readOn, readAll };
}

test('what is committed late during a replay comes on a later page, before what its append could not see', async (t) => {
  const { database } = await createEventDatabase(t);
  const store = createEventStore({ database, events: orderEvents });
  const slow = openTransaction(database);
  await store.append('slow-1', [placed()], { tx: await slow.tx });
  for (let index = 0; index < 12; index += 1) await store.append(`fast-${index}`, [placed()]);
  const reader = createReader(store, await store.cursorAt('start'), 2);
  for (let page = 0; page < 3; page += 1) await reader.readOn();
  await slow.commit();
  await store.append('after-1', [placed()]);
  await reader.readAll();
  const fast = Array.from({ length: 12 }, (_, index) => `fast-${index}/0`);
  assert.deepEqual(reader.seen, [...fast, 'slow-1/0', 'after-1/0']);
});

test('a database restored into another cluster is replayed in whole, whatever ids its transactions had', async (t) => {
  const { database, connect } = await createEventDatabase(t);
  const store = createEventStore({ database, events: orderEvents });
  for (let index = 0; index < 40; index += 1) await store.append(`order-${index}`, [placed()]);
  await database.sql`alter table banyan.event disable trigger append_only`;
  await database.sql`update banyan.event set xid = (900000 + position % 7)::text::xid8`;
  await database.sql`alter table banyan.event enable trigger append_only`;
  await database.sql`update banyan.event_era set system = 'another'`;
  const restored = createEventStore({ database: connect(), events: orderEvents });
  await restored.append('order-40', [placed()]);
  const { events } = await replayed(restored, { pageSize: 3 });
  assert.deepEqual(
    events.map(({ stream }) => stream),
    Array.from({ length: 41 }, (_, index) => `order-${index}`),
  );
});

test('a replay gives old events in the current version and personal data as long as its key is there', async (t) => {
  const { database } = await createEventDatabase(t);
  const personal = { subject: ({ id }: { id: string }) => id, erased: { name: '(erased)' } };
  const first = defineEvents({
    NameSet: defineEvent({ schema: z.object({ id: z.string(), name: z.string() }), personal }),
  });
  const second = defineEvents({
    NameSet: defineEvent({
      schema: z.object({ id: z.string(), name: z.string(), city: z.string() }),
      version: 2,
      upcast: { 1: (old) => ({ ...old, city: 'Bern' }) },
      personal,
    }),
  });
  const encryption = { keys: { a: new Uint8Array(randomBytes(32)) }, current: 'a' };
  const old = createEventStore({ database, events: first, encryption });
  const store = createEventStore({ database, events: second, encryption });
  for (let index = 0; index < 8; index += 1) {
    await old.append(`customer-${index}`, [{ type: 'NameSet', data: { id: `c${index % 2}`, name: 'Ada' } }]);
  }
  await store.forget('c1');
  const { events } = await replayed(store, { pageSize: 3 });
  assert.deepEqual(
    events.map(({ data, erased, subject, version }) => ({ ...data, erased, subject, version })),
    Array.from({ length: 8 }, (_, index) => ({
      ...{ id: `c${index % 2}`, name: index % 2 === 0 ? 'Ada' : '(erased)', city: 'Bern' },
      ...{ erased: index % 2 === 1, subject: `c${index % 2}`, version: 1 },
    })),
  );
});
