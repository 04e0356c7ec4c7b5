import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createEventStore, type RecordedEvent } from '@banyan/event-store';
import { createEventDatabase } from './event-database.ts';
import { orderEvents, placed } from './order-events.ts';

type Event = RecordedEvent<typeof orderEvents>;

const byPosition = (left: Event, right: Event) => left.position - right.position;

test('a page has every event as its stream has it, whatever its name, tags, metadata and time are', async (t) => {
  const { database } = await createEventDatabase(t);
  const store = createEventStore({ database, events: orderEvents });
  const names = [
    'a\tb-1',
    'line\nfeed-2',
    '\\n-3',
    'back\\slash\\-4',
    '"quoted", {json}-5',
    'Grüße 🌳-6',
    '\t-7',
    '\\\n-8',
  ];
  for (const [index, name] of names.entries()) {
    const tags = index % 2 === 0 ? [`tag:${name}`, 'a,"b"'] : [];
    await store.append(name, [{ ...placed(), tags }], index % 3 === 0 ? { metadata: { by: name } } : {});
    await store.append(name, [placed(), { ...placed(), tags: ['last'] }], { metadata: { index } });
  }
  await database.sql`alter table banyan.event disable trigger append_only`;
  await database.sql`update banyan.event set recorded_at = '2026-03-01T10:20:30Z' where revision = 0`;
  await database.sql`update banyan.event set recorded_at = '2026-03-01T10:20:30.000405Z' where revision = 1`;
  const streams = await Promise.all(names.map((name) => store.readStream(name)));
  const { events, more } = await store.readPage(await store.cursorAt('start'));
  assert.equal(more, false);
  assert.equal(events.length, 3 * names.length);
  assert.deepEqual(events, streams.flat().sort(byPosition));
  assert.deepEqual(
    events
      .slice(0, 3)
      .map(({ stream, recordedAt, tags, metadata }) => ({ stream, recordedAt, tags, metadata })),
    [
      {
        stream: 'a\tb-1',
        recordedAt: '2026-03-01T10:20:30Z',
        tags: ['tag:a\tb-1', 'a,"b"'],
        metadata: { by: 'a\tb-1' },
      },
      { stream: 'a\tb-1', recordedAt: '2026-03-01T10:20:30.000405Z', tags: [], metadata: { index: 0 } },
      { ...{ stream: 'a\tb-1', tags: ['last'], metadata: { index: 0 } }, recordedAt: events[2]?.recordedAt },
    ],
  );
});

test('a page of many events keeps their order, new ones and late ones', async (t) => {
  const { database } = await createEventDatabase(t);
  const store = createEventStore({ database, events: orderEvents });
  const many = (count: number) => Array.from({ length: count }, () => placed());
  const seen = await database.tx(async (slow) => {
    await store.append('late-1', many(250), { tx: slow });
    await store.append('early-1', many(350));
    return store.readPage(await store.cursorAt('start'));
  });
  const late = await store.readPage(seen.cursor);
  const revisions = (count: number) => Array.from({ length: count }, (_, index) => index);
  assert.deepEqual([seen.events.length, late.events.length], [350, 250]);
  assert.deepEqual(
    seen.events.map(({ revision }) => revision),
    revisions(350),
  );
  assert.deepEqual(
    late.events.map(({ revision }) => revision),
    revisions(250),
  );
});

test('what was committed late before a restore into another cluster is read after it, however many pages it fills', async (t) => {
  const { database, connect } = await createEventDatabase(t);
  const store = createEventStore({ database, events: orderEvents });
  for (let index = 0; index < 40; index += 1) await store.append(`order-${index}`, [placed()]);
  await database.sql`alter table banyan.event disable trigger append_only`;
  await database.sql`update banyan.event set xid = case when position <= 35 then '900001' else '900000' end::xid8`;
  await database.sql`alter table banyan.event enable trigger append_only`;
  await database.sql`update banyan.event_era set system = 'another'`;
  const restored = createEventStore({ database: connect(), events: orderEvents });
  // The reader had passed 40 while the transaction of 1 to 35 was still open.
  let cursor = '40 900001:900002:900001 900003 0';
  const readOn = async () => {
    const names: string[] = [];
    for (let more = true; more; ) {
      const page = await restored.readPage(cursor, { pageSize: 10 });
      names.push(...page.events.map(({ stream }) => stream));
      ({ cursor, more } = page);
      assert.ok(names.length <= 40, 'it reads in a circle');
    }
    return names;
  };
  assert.deepEqual(
    await readOn(),
    Array.from({ length: 35 }, (_, index) => `order-${index}`),
  );
  await restored.append('order-40', [placed()]);
  assert.deepEqual(await readOn(), ['order-40']);
  assert.deepEqual(await readOn(), []);
});
