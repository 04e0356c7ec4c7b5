import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { service, system } from '@banyan/chassis';
import { contract, operation } from '@banyan/contract';
import type { Sql } from '@banyan/core';
import { eventually } from '@banyan/core/testing';
import { saga } from '@banyan/saga';
import { startTestSystem } from '@banyan/testing';
import { z } from 'zod';

const as = { service: 'probe', timeoutMs: 60_000 };

const Transfer = z.object({ id: z.string(), from: z.string(), to: z.string() });
type Given = { readonly input: z.output<typeof Transfer> };
/** Called by the steps, if a test wants to hear of them. */
const heard: string[] = [];
const gates = new Map<string, Promise<void>>();

const note =
  (step: string) =>
  async (
    { input }: Given,
    { sql, refuse }: { readonly sql: Sql; readonly refuse: (reason: string) => never },
  ) => {
    heard.push(`${input.id} ${step}`);
    await gates.get(`${input.id} ${step}`);
    await sql`insert into entries (transfer, step) values (${input.id}, ${step})`;
    if (input.from === step) refuse('toldTo');
  };
const undo = (step: string) => ({
  tx: async ({ input }: Given, { sql }: { readonly sql: Sql }) => {
    await sql`insert into entries (transfer, step) values (${input.id}, ${`undo ${step}`})`;
  },
});
const noted = (step: string) => ({ tx: note(step), undo: undo(step) });
const move = (pick: (input: z.output<typeof Transfer>) => string, cents: number) => ({
  tx: async ({ input }: Given, { sql }: { readonly sql: Sql }) => {
    await sql`update accounts set cents = cents + ${cents} where name = ${pick(input)}`;
  },
  undo: { run: async () => {} },
});

const inRow = saga('inRow', { version: 1, input: Transfer })
  .step('one', noted('one'))
  .step('two', noted('two'))
  .step('three', noted('three'));
const withCall = saga('withCall', { version: 1, input: Transfer })
  .step('one', noted('one'))
  .step('two', noted('two'))
  .step('outside', {
    run: async ({ input }) => void (await gates.get(`${input.id} outside`)),
    undo: { run: async () => {} },
  })
  .step('three', noted('three'))
  .step('four', noted('four'));
const transfer = saga('transfer', { version: 1, input: Transfer })
  .step(
    'take',
    move(({ from }) => from, -1),
  )
  .step(
    'give',
    move(({ to }) => to, 1),
  );
/** Its first step gives something else each time, and its second one refuses whatever it is given. */
const fickle = saga('fickle', { version: 1, input: Transfer })
  .step('one', { tx: async () => ({ at: randomUUID() }), undo: undo('one') })
  .step('two', { tx: async (_given, { refuse }) => refuse('neverEver') });
const definitions = { inRow, withCall, transfer, fickle };

const Kind = z.enum(['inRow', 'withCall', 'transfer', 'fickle']);
const Rows = z.array(z.object({ step: z.string(), commit: z.string() }));
const bank = contract('bank', {
  version: '1.0.0',
  operations: {
    begin: operation('POST /sagas', {
      input: Transfer.extend({ kind: Kind }),
      output: z.object({ sagaId: z.string() }),
    }),
    /** Outside of a transaction. */
    start: operation('POST /starts', {
      input: Transfer.extend({ kind: Kind }),
      output: z.object({ sagaId: z.string() }),
    }),
    /** While its caller holds the account that the first step needs. */
    startHolding: operation('POST /holding', {
      input: Transfer,
      output: z.object({ sagaId: z.string() }),
    }),
    startOnce: operation('POST /once', { input: Transfer, output: z.object({ sagaId: z.string() }) }),
    end: operation('GET /sagas/:sagaId', {
      input: z.object({ sagaId: z.string() }),
      output: z.object({ status: z.string(), results: z.array(z.string()), commit: z.string() }),
      timeoutMs: 60_000,
    }),
    open: operation('PUT /accounts/:name', { input: z.object({ name: z.string() }), output: z.object({}) }),
    balances: operation('GET /accounts', { input: z.object({}), output: z.record(z.string(), z.number()) }),
    entries: operation('GET /entries/:id', { input: z.object({ id: z.string() }), output: Rows }),
  },
});
const bankService = service(bank, {
  migrations: new URL('./fixtures/migrations/bank/', import.meta.url),
  sagas: Object.values(definitions),
  operations: {
    begin: async ({ kind, ...input }, { tx }) =>
      tx(async ({ start }) => ({ sagaId: start(definitions[kind], input) })),
    start: async ({ kind, ...input }, { sagas }) => ({ sagaId: await sagas.start(definitions[kind], input) }),
    startHolding: async (input, { tx, sagas }) =>
      tx(async ({ sql }) => {
        await sql`update accounts set cents = cents + 100 where name = ${input.from}`;
        return { sagaId: await sagas.start(transfer, input) };
      }),
    startOnce: async (input, { sagas }) => ({
      sagaId: await sagas.start(inRow, input, { idempotencyKey: input.id }),
    }),
    async end({ sagaId }, { sagas, sql }) {
      const end = await sagas.ended(sagaId, { timeoutMs: 50_000 });
      const [row] = await sql<{
        commit: string;
      }>`select xmin::text as commit from banyan.saga where id = ${sagaId}::uuid`;
      return {
        status: end?.status ?? 'unknown',
        results: Object.keys(end?.results ?? {}),
        commit: row?.commit ?? '',
      };
    },
    async open({ name }, { sql }) {
      await sql`insert into accounts (name, cents) values (${name}, 0)`;
      return {};
    },
    async balances(_input, { sql }) {
      const rows = await sql<{ name: string; cents: number }>`select name, cents from accounts`;
      return Object.fromEntries(rows.map(({ name, cents }) => [name, cents]));
    },
    entries: async ({ id }, { sql }) =>
      sql<{ step: string; commit: string }>`
        select step, xmin::text as commit from entries where transfer = ${id} order by ctid`,
  },
});
const probe = contract('probe', { version: '1.0.0', operations: {} });
const banking = system('banking', {
  services: [bankService, service(probe, { uses: { bank }, operations: {} })],
});

test('local steps in a row commit together; whatever happens outside finds them committed', async (t) => {
  const running = await startTestSystem(t, banking, { harsh: false });
  const client = running.client(bank, as);
  const plain = await client.begin({ kind: 'inRow', id: 'a', from: '', to: '' });
  assert.equal((await client.end(plain)).status, 'completed');
  const together = await client.entries({ id: 'a' });
  assert.deepEqual(
    together.map(({ step }) => step),
    ['one', 'two', 'three'],
  );
  assert.equal(new Set(together.map(({ commit }) => commit)).size, 1);

  const outside = Promise.withResolvers<void>();
  gates.set('b outside', outside.promise);
  const called = await client.begin({ kind: 'withCall', id: 'b', from: '', to: '' });
  await eventually(
    () => client.entries({ id: 'b' }),
    (entries) => entries.length > 0,
  );
  assert.deepEqual(
    (await client.entries({ id: 'b' })).map(({ step }) => step),
    ['one', 'two'],
  );
  outside.resolve();
  assert.equal((await client.end(called)).status, 'completed');
  const [one, two, three, four] = await client.entries({ id: 'b' });
  assert.deepEqual([one?.commit === two?.commit, three?.commit === four?.commit], [true, true]);
  assert.notEqual(two?.commit, three?.commit);
});

test('a step that refuses behind others is not asked again, and undone is what was kept of them', async (t) => {
  const running = await startTestSystem(t, banking, { harsh: false });
  const client = running.client(bank, as);
  heard.length = 0;
  const { sagaId } = await client.begin({ kind: 'inRow', id: 'r', from: 'three', to: '' });
  assert.equal((await client.end({ sagaId })).status, 'compensated');
  const entries = await client.entries({ id: 'r' });
  assert.deepEqual(
    entries.map(({ step }) => step),
    ['one', 'two', 'undo two', 'undo one'],
  );
  assert.equal(heard.filter((each) => each === 'r three').length, 1);
});

test('a step that refuses whatever it is given ends its saga, although it is given something else each time', async (t) => {
  const running = await startTestSystem(t, banking, { harsh: false });
  const client = running.client(bank, as);
  const { sagaId } = await client.begin({ kind: 'fickle', id: 'f', from: '', to: '' });
  assert.equal((await client.end({ sagaId })).status, 'compensated');
  assert.deepEqual(
    (await client.entries({ id: 'f' })).map(({ step }) => step),
    ['undo one'],
  );
});

test('a step that takes long begins a transaction of its own, once that is known', async (t) => {
  const running = await startTestSystem(t, banking, { harsh: false });
  const client = running.client(bank, as);
  const slow = (id: string) => {
    const gate = Promise.withResolvers<void>();
    gates.set(`${id} two`, gate.promise);
    return gate;
  };
  const first = slow('s1');
  heard.length = 0;
  const begun = await client.begin({ kind: 'inRow', id: 's1', from: '', to: '' });
  await eventually(
    async () => heard,
    (all) => all.includes('s1 two'),
  );
  const heardAtMs = performance.now();
  await eventually(
    async () => performance.now() - heardAtMs,
    (tookMs) => tookMs > 250,
  );
  assert.deepEqual(await client.entries({ id: 's1' }), []);
  first.resolve();
  assert.equal((await client.end(begun)).status, 'completed');

  const second = slow('s2');
  const next = await client.begin({ kind: 'inRow', id: 's2', from: '', to: '' });
  await eventually(
    async () => heard,
    (all) => all.includes('s2 two'),
  );
  assert.deepEqual(
    (await client.entries({ id: 's2' })).map(({ step }) => step),
    ['one'],
  );
  second.resolve();
  assert.equal((await client.end(next)).status, 'completed');
});

test('sagas that lock the same rows in opposite order all come to their end', async (t) => {
  const running = await startTestSystem(t, banking, { harsh: false });
  const client = running.client(bank, as);
  for (const name of ['x', 'y']) await client.open({ name });
  const numbers = Array.from({ length: 120 }, (_, index) => index);
  const begun = await Promise.all(
    numbers.map((index) => {
      const [from, to] = index % 3 === 0 ? ['y', 'x'] : ['x', 'y'];
      return client.begin({ kind: 'transfer', id: `t${index}`, from: from ?? '', to: to ?? '' });
    }),
  );
  const ends = await Promise.all(begun.map((each) => client.end(each)));
  assert.deepEqual(new Set(ends.map(({ status }) => status)), new Set(['completed']));
  // 80 from x to y, 40 back.
  assert.deepEqual(await client.balances({}), { x: -40, y: 40 });
});

test('a saga that is started on its own begins in the transaction of its first local steps', async (t) => {
  const running = await startTestSystem(t, banking, { harsh: false });
  const client = running.client(bank, as);
  const ends = await Promise.all(
    Array.from({ length: 40 }, async (_, index) => {
      const id = `w${index}`;
      // Every fourth is refused by its last step.
      const from = index % 4 === 0 ? 'three' : '';
      const end = await client.end(await client.start({ kind: 'inRow', id, from, to: '' }));
      return { end, entries: await client.entries({ id }) };
    }),
  );
  for (const [index, { end, entries }] of ends.entries()) {
    const isRefused = index % 4 === 0;
    const expected = isRefused ? ['one', 'two', 'undo two', 'undo one'] : ['one', 'two', 'three'];
    assert.deepEqual(
      [end.status, entries.map(({ step }) => step)],
      [isRefused ? 'compensated' : 'completed', expected],
    );
    if (!isRefused) assert.deepEqual(new Set(entries.map(({ commit }) => commit)), new Set([end.commit]));
  }
});

test('whoever holds what the first step needs can start a saga all the same', async (t) => {
  const running = await startTestSystem(t, banking, { harsh: false });
  const client = running.client(bank, as);
  for (const name of ['p', 'q']) await client.open({ name });
  const begunMs = performance.now();
  const begun = await client.startHolding({ id: 'h', from: 'p', to: 'q' });
  assert.ok(performance.now() - begunMs < 8_000);
  assert.equal((await client.end(begun)).status, 'completed');
  assert.deepEqual(await client.balances({}), { p: 99, q: 1 });
});

test('a first step that waits for something does not keep its starter waiting', async (t) => {
  const running = await startTestSystem(t, banking, { harsh: false });
  const client = running.client(bank, as);
  const gate = Promise.withResolvers<void>();
  gates.set('g one', gate.promise);
  const begun = await client.start({ kind: 'inRow', id: 'g', from: '', to: '' });
  assert.deepEqual(await client.entries({ id: 'g' }), []);
  gate.resolve();
  assert.equal((await client.end(begun)).status, 'completed');
  assert.deepEqual(
    (await client.entries({ id: 'g' })).map(({ step }) => step),
    ['one', 'two', 'three'],
  );
});

test('a saga that is started with a key begins once, whoever else starts it', async (t) => {
  const running = await startTestSystem(t, banking, { harsh: false });
  const client = running.client(bank, { ...as });
  const begun = await Promise.all(
    Array.from({ length: 10 }, () => client.startOnce({ id: 'k', from: '', to: '' })),
  );
  assert.equal(new Set(begun.map(({ sagaId }) => sagaId)).size, 1);
  for (const each of begun) assert.equal((await client.end(each)).status, 'completed');
  assert.deepEqual(
    (await client.entries({ id: 'k' })).map(({ step }) => step),
    ['one', 'two', 'three'],
  );
});
