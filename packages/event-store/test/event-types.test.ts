import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createEventStore, defineEvent, defineEvents } from '@banyan/event-store';
import { z } from 'zod';
import { createEventDatabase } from './event-database.ts';

const first = defineEvents({ NameSet: defineEvent({ schema: z.object({ name: z.string() }) }) });
const second = defineEvents({
  NameSet: defineEvent({
    schema: z.object({ given: z.string(), family: z.string() }),
    version: 2,
    upcast: { 1: ({ name }) => ({ given: name.split(' ')[0], family: name.split(' ')[1] ?? '' }) },
  }),
});
const third = defineEvents({
  NameSet: defineEvent({
    schema: z.object({ given: z.string(), family: z.string(), initials: z.string() }),
    version: 3,
    upcast: {
      1: ({ name }) => ({ given: name.split(' ')[0], family: name.split(' ')[1] ?? '' }),
      2: (old) => ({ ...old, initials: `${old.given[0]}${old.family[0] ?? ''}` }),
    },
  }),
});

test('events of every older version are read as the current one', async (t) => {
  const { database } = await createEventDatabase(t);
  await createEventStore({ database, events: first }).append('person-1', [
    { type: 'NameSet', data: { name: 'Ada Lovelace' } },
  ]);
  await createEventStore({ database, events: second }).append('person-1', [
    { type: 'NameSet', data: { given: 'Grace', family: 'Hopper' } },
  ]);
  const store = createEventStore({ database, events: third });
  await store.append('person-1', [
    { type: 'NameSet', data: { given: 'Mary', family: 'Keller', initials: 'MKK' } },
  ]);
  const events = await store.readStream('person-1');
  assert.deepEqual(
    events.map(({ data, version }) => [version, data.given, data.family, data.initials]),
    [
      [1, 'Ada', 'Lovelace', 'AL'],
      [2, 'Grace', 'Hopper', 'GH'],
      [3, 'Mary', 'Keller', 'MKK'],
    ],
  );
});

test('events that this code cannot know are a clear error, and none is skipped', async (t) => {
  const { database } = await createEventDatabase(t);
  await createEventStore({ database, events: third }).append('person-1', [
    { type: 'NameSet', data: { given: 'Mary', family: 'Keller', initials: 'MKK' } },
  ]);
  const old = createEventStore({ database, events: second });
  await assert.rejects(old.readStream('person-1'), {
    code: 'failed_precondition',
    reason: 'event_version_unknown',
  });
  const other = createEventStore({
    database,
    events: defineEvents({ Renamed: defineEvent({ schema: z.object({}) }) }),
  });
  await assert.rejects(other.readStream('person-1'), {
    code: 'failed_precondition',
    reason: 'event_type_unknown',
  });
  await assert.rejects(other.readPage(await other.cursorAt('start')), { reason: 'event_type_unknown' });
});

test('an up-caster that throws, or makes what the schema refuses, is named', async (t) => {
  const { database } = await createEventDatabase(t);
  await createEventStore({ database, events: first }).append('person-1', [
    { type: 'NameSet', data: { name: 'Ada' } },
  ]);
  const failing: readonly ((old: unknown) => unknown)[] = [
    () => {
      throw new Error('broken');
    },
    () => ({ given: 7 }),
  ];
  for (const upcast of failing) {
    const events = defineEvents({
      NameSet: defineEvent({ schema: z.object({ given: z.string() }), version: 2, upcast: { 1: upcast } }),
    });
    await assert.rejects(createEventStore({ database, events }).readStream('person-1'), {
      code: 'internal',
      reason: 'event_upcast_failed',
    });
  }
});

test('a definition that cannot work is refused when it is made', () => {
  const schema = z.object({});
  assert.throws(() => defineEvent({ schema, version: 2 }), TypeError);
  assert.throws(() => defineEvent({ schema, version: 0 }), TypeError);
  assert.throws(() => defineEvent({ schema, upcast: { 1: () => ({}) } }), TypeError);
  assert.throws(() => defineEvents({ 'order placed': defineEvent({ schema }) }), TypeError);
  assert.throws(
    () => defineEvents({ PlaceOrder: defineEvent({ schema }) }),
    /'PlaceOrder': name it in the past tense/,
  );
  assert.doesNotThrow(() => defineEvents({ StockLow: defineEvent({ schema, anyName: true }) }));
  assert.throws(() => defineEvent({ schema, personal: { subject: () => 'x', erased: {} } }), TypeError);
});
