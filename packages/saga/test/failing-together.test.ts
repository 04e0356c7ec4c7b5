import assert from 'node:assert/strict';
import { test } from 'node:test';
import { service, system } from '@banyan/chassis';
import { contract, operation } from '@banyan/contract';
import { ServiceError } from '@banyan/core';
import { durable, saga } from '@banyan/saga';
import { startOtlpReceiver } from '@banyan/test-support/otlp-receiver';
import { createTestTelemetry } from '@banyan/test-support/test-telemetry';
import { startTestSystem } from '@banyan/testing';
import { z } from 'zod';

const as = { service: 'probe', timeoutMs: 30_000 };
const Order = z.object({ id: z.string(), isBlocked: z.boolean() });
/** Each attempt at a step, in order: `o1 left`. */
const heard: string[] = [];

/** Both paths are ready in one transaction, and neither succeeds. */
const bothRefuse = saga('bothRefuse', { version: 1, input: Order }).parallel('both', {
  one: (path) =>
    path.step('left', {
      tx: async ({ input }, { refuse }) => {
        heard.push(`${input.id} left`);
        return refuse('leftSaysNo');
      },
      undo: { run: async () => {} },
    }),
  other: (path) =>
    path.step('right', {
      tx: async ({ input }, { refuse }) => {
        heard.push(`${input.id} right`);
        return refuse('rightSaysNo');
      },
      undo: { run: async () => {} },
    }),
});
const twice = { maxAttempts: 2, firstMs: 1, maxMs: 1 };
const bothFault = saga('bothFault', { version: 1, input: Order }).parallel('both', {
  one: (path) =>
    path.step('left', {
      tx: async ({ input }) => {
        heard.push(`${input.id} left`);
        throw new TypeError('left is mistaken');
      },
      undo: { run: async () => {} },
      retry: twice,
    }),
  other: (path) =>
    path.step('right', {
      tx: async ({ input }) => {
        heard.push(`${input.id} right`);
        throw new TypeError('right is mistaken');
      },
      undo: { run: async () => {} },
      retry: twice,
    }),
});
/** Asks something else than the database, which is away for those that are blocked. */
const ask = saga('ask', { version: 1, input: Order }).step('rate', {
  tx: async ({ input }) => {
    heard.push(`${input.id} rate`);
    if (input.isBlocked)
      throw new ServiceError('The rates are away.', { code: 'unavailable', reason: 'rates_away' });
  },
  undo: { run: async () => {} },
  retry: twice,
});
/** Fails twice for those that are blocked, both times after the database was asked. */
const askAll = saga('askAll', { version: 1, input: Order }).step('note', {
  tx: async ({ input }, { sql, attempt }) => {
    heard.push(`${input.id} note ${attempt}`);
    await sql`insert into entries (transfer, step) values (${input.id}, 'note')`;
    if (input.isBlocked && attempt < 3)
      throw new ServiceError('The rates are away.', { code: 'unavailable', reason: 'rates_away' });
  },
  undo: { run: async () => {} },
  retry: twice,
});
const askInCode = durable(
  'askInCode',
  { version: 1, input: Order, output: z.object({}) },
  async ({ id, isBlocked }, d) => {
    const rate = async () => {
      heard.push(`${id} rate`);
      if (isBlocked)
        throw new ServiceError('The rates are away.', { code: 'unavailable', reason: 'rates_away' });
    };
    await d.tx('rate', rate, { maxAttempts: 2 });
    return {};
  },
);
const failed = new Map<string, number>();
const askAllInCode = durable(
  'askAllInCode',
  { version: 1, input: Order, output: z.object({}) },
  async ({ id, isBlocked }, d) => {
    await d.tx('note', async ({ sql }) => {
      await sql`insert into entries (transfer, step) values (${id}, 'note')`;
      const before = failed.get(id) ?? 0;
      if (!isBlocked || before === 2) return;
      failed.set(id, before + 1);
      throw new ServiceError('The rates are away.', { code: 'unavailable', reason: 'rates_away' });
    });
    return {};
  },
);
const definitions = { bothRefuse, bothFault, ask, askAll, askInCode, askAllInCode };

const theatre = contract('theatre', {
  version: '1.0.0',
  operations: {
    /** All in one transaction, so that they are taken in hand together. */
    start: operation('POST /orders', {
      input: z.object({
        kind: z.enum(['bothRefuse', 'bothFault', 'ask', 'askAll', 'askInCode', 'askAllInCode']),
        orders: z.array(Order),
      }),
      output: z.array(z.string()),
    }),
    end: operation('GET /orders/:sagaId', {
      input: z.object({ sagaId: z.string() }),
      output: z.object({ status: z.string(), step: z.string(), reason: z.string() }),
      timeoutMs: 30_000,
    }),
  },
});
const theatreService = service(theatre, {
  migrations: new URL('./fixtures/migrations/bank/', import.meta.url),
  sagas: [bothRefuse, bothFault, ask, askAll],
  durable: [askInCode, askAllInCode],
  operations: {
    start: async ({ kind, orders }, { tx }) =>
      tx(async ({ start }) => orders.map((order) => start(definitions[kind], order))),
    async end({ sagaId }, { sagas }) {
      const end = await sagas.ended(sagaId, { timeoutMs: 10_000 });
      const { step = '', error } = end?.failure ?? {};
      return { status: end?.status ?? 'unknown', step, reason: error?.reason ?? '' };
    },
  },
});
const probe = contract('probe', { version: '1.0.0', operations: {} });
const house = system('house', {
  services: [theatreService, service(probe, { uses: { theatre }, operations: {} })],
});

test('parallel local steps that both refuse end their saga, each asked once', async (t) => {
  const client = (await startTestSystem(t, house, { harsh: false })).client(theatre, as);
  heard.length = 0;
  const [sagaId = ''] = await client.start({ kind: 'bothRefuse', orders: [{ id: 'r', isBlocked: false }] });
  const end = await client.end({ sagaId });
  assert.deepEqual(end, { status: 'compensated', step: 'left', reason: 'leftSaysNo' });
  assert.deepEqual(heard, ['r left', 'r right']);
});

test('parallel local steps that both fail end their saga after as many attempts as they have', async (t) => {
  const client = (await startTestSystem(t, house, { harsh: false })).client(theatre, as);
  heard.length = 0;
  const [sagaId = ''] = await client.start({ kind: 'bothFault', orders: [{ id: 'f', isBlocked: false }] });
  assert.equal((await client.end({ sagaId })).status, 'compensated');
  const attempts = Map.groupBy(heard, (each) => each);
  assert.equal(attempts.get('f left')?.length, 2);
  assert.ok((attempts.get('f right')?.length ?? 0) <= 2);
});

test('a local step that says unavailable has as many attempts as its policy, and stops nobody else', async (t) => {
  const client = (await startTestSystem(t, house, { harsh: false })).client(theatre, as);
  heard.length = 0;
  const orders = [
    { id: 'away', isBlocked: true },
    { id: 'fine', isBlocked: false },
  ];
  const ids = await client.start({ kind: 'ask', orders });
  const ends = await Promise.all(ids.map((sagaId) => client.end({ sagaId })));
  assert.deepEqual(ends, [
    { status: 'compensated', step: 'rate', reason: 'rates_away' },
    { status: 'completed', step: '', reason: '' },
  ]);
  assert.equal(heard.filter((each) => each === 'away rate').length, 2);
});

test('an attempt that failed among others, and was made again at once, uses up no attempt of the policy', async (t) => {
  const client = (await startTestSystem(t, house, { harsh: false })).client(theatre, as);
  heard.length = 0;
  const orders = [
    { id: 'fine', isBlocked: false },
    { id: 'away', isBlocked: true },
  ];
  const ids = await client.start({ kind: 'askAll', orders });
  const ends = await Promise.all(ids.map((sagaId) => client.end({ sagaId })));
  assert.deepEqual(
    ends.map(({ status }) => status),
    ['completed', 'completed'],
  );
  // Among others, alone at once, and alone after a wait; the handler is told of all of them.
  const ofAway = heard.filter((each) => each.startsWith('away'));
  assert.deepEqual(ofAway, ['away note 1', 'away note 1', 'away note 3']);
});

for (const [kind, span] of [
  ['askAll', 'step askAll.note'],
  ['askAllInCode', 'step askAllInCode.note'],
] as const)
  test(`a step that was undone with its transaction is not shown as done: ${kind}`, async (t) => {
    const receiver = await startOtlpReceiver(t);
    const { telemetry, stop } = createTestTelemetry('house', receiver.url);
    const client = (await startTestSystem(t, house, { harsh: false, telemetry })).client(theatre, as);
    heard.length = 0;
    const orders = [
      { id: 'fine', isBlocked: false },
      { id: 'away', isBlocked: true },
    ];
    const ids = await client.start({ kind, orders });
    await Promise.all(ids.map((sagaId) => client.end({ sagaId })));
    await stop();
    const endsOf = (sagaId: string | undefined) =>
      receiver.spans
        .filter(({ name, attributes }) => name === span && attributes['banyan.saga.id'] === sagaId)
        .map(({ attributes }) => {
          if (attributes['banyan.undone'] === true) return 'undone';
          return attributes['banyan.error.code'] === undefined ? 'done' : 'failed';
        })
        .sort();
    assert.deepEqual(endsOf(ids[0]), ['done', 'undone']);
    assert.deepEqual(endsOf(ids[1]), ['done', 'failed', 'failed']);
  });

test('a piece of a durable function that says unavailable has as many attempts as it is given, and stops nobody else', async (t) => {
  const client = (await startTestSystem(t, house, { harsh: false })).client(theatre, as);
  heard.length = 0;
  const orders = [
    { id: 'away', isBlocked: true },
    { id: 'fine', isBlocked: false },
  ];
  const ids = await client.start({ kind: 'askInCode', orders });
  const ends = await Promise.all(ids.map((sagaId) => client.end({ sagaId })));
  assert.deepEqual(
    ends.map(({ status }) => status),
    ['failed', 'completed'],
  );
  assert.equal(heard.filter((each) => each === 'away rate').length, 2);
});
