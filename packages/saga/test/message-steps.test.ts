import assert from 'node:assert/strict';
import { test } from 'node:test';
import { message, operation } from '@banyan/contract';
import { saga } from '@banyan/saga';
import { startTestSystem } from '@banyan/testing';
import { z } from 'zod';
// The planner is a pure function that no export reaches: what a reply means depends on nothing else.
import type { Instance } from '../src/plan/draft.ts';
import { type Plan, plan } from '../src/plan/plan.ts';
import { emptyState, type ReplyLetter } from '../src/state.ts';
import { laboratory, runner } from './fixtures/laboratory.ts';
import { ledger } from './fixtures/ledger.ts';

const as = { service: 'probe', timeoutMs: 60_000 };
const hurry = { probe: 'hurried', at: '', failure: '', runId: 'r1' };

test('a step that sends a message takes effect once, however often message and reply are delivered', async (t) => {
  const system = await startTestSystem(t, laboratory, { harsh: true });
  const runs = system.client(runner, as);
  const ids = Array.from({ length: 20 }, (_, index) => `run${index}`);
  const ends = await Promise.all(
    ids.map((runId) => runs.run({ probe: 'sendTentative', at: '', failure: '', runId, waitMs: 50_000 })),
  );
  assert.deepEqual(
    ends.map(({ status }) => status),
    ids.map(() => 'completed'),
  );
  const effects = await system.client(ledger, as).effects({});
  const expected = ids.flatMap((runId) =>
    ['first done', 'last done', 'tested confirmed', 'tested done'].map((each) => `${runId} ${each}`),
  );
  const found = effects.map(({ runId, step, kind }) => `${runId} ${step} ${kind}`);
  assert.deepEqual(found.toSorted(), expected.toSorted());
});

test('a message whose addressee is away until the deadline expires, and the saga knows that nothing was done', async (t) => {
  const system = await startTestSystem(t, laboratory, { placement: [['runner', 'probe']], harsh: false });
  const runs = system.client(runner, as);
  const { sagaId, ...late } = await runs.run({ ...hurry, waitMs: 1_500 });
  // It has turned round, and does not undo anything before it knows.
  assert.deepEqual([late.status, late.failure?.kind], ['compensating', 'deadline']);
  assert.deepEqual(await runs.effects({}), [{ runId: 'r1', step: 'first', kind: 'done' }]);
  await system.addHost(['ledger']);
  const end = await runs.end({ sagaId, waitMs: 30_000 });
  assert.equal(end.status, 'compensated');
  assert.deepEqual(await system.client(ledger, as).effects({}), []);
  assert.deepEqual(await runs.effects({}), [
    { runId: 'r1', step: 'first', kind: 'done' },
    { runId: 'r1', step: 'first', kind: 'undone' },
  ]);
});

test('a saga that is cancelled while a message is under way undoes it by message when the reply is there', async (t) => {
  const system = await startTestSystem(t, laboratory, { placement: [['runner', 'probe']], harsh: false });
  const runs = system.client(runner, as);
  const compensate = { probe: 'sendCompensate', at: '', failure: '', runId: 'r1' };
  const { sagaId, status, waitingFor } = await runs.run({ ...compensate, waitMs: 500 });
  assert.deepEqual([status, waitingFor], ['running', ['first']]);
  await runs.cancel({ sagaId });
  await system.addHost(['ledger']);
  assert.equal((await runs.end({ sagaId, waitMs: 30_000 })).status, 'compensated');
  assert.deepEqual(await system.client(ledger, as).effects({}), [
    { runId: 'r1', step: 'first', kind: 'done' },
    { runId: 'r1', step: 'first', kind: 'undone' },
  ]);
});

const Order = z.object({ orderId: z.string() });
const reserve = {
  ...message('ReserveStock', { data: Order, key: 'orderId', reply: z.object({ count: z.number() }) }),
  ...{ service: 'stock', name: 'reserve' },
};
const sending = (isPivot: boolean) => {
  const begun = saga('sending', { version: 1, input: Order, deadlineMs: 1_000 });
  const action = { send: reserve, with: ({ input }: { input: z.output<typeof Order> }) => input } as const;
  return isPivot
    ? begun.pivot('ask', action)
    : begun.step('ask', { ...action, undo: { run: async () => {} } });
};
const answer = (count: number): ReplyLetter => ({
  kind: 'reply',
  message: 'm1',
  from: 'stock',
  reply: { data: { count } },
});

/** The saga has sent message `m1`, and these letters have come. */
function look(isPivot: boolean, nowMs: number, mail: Instance['mail'], from?: Plan): Plan {
  const sent = { ...emptyState, steps: { ask: { s: 'waiting', m: { id: 'm1', p: 'do' } } } } as const;
  const { state, status } = from ?? { state: sent, status: 'running' };
  const definition = sending(isPivot);
  const instance = {
    ...{ id: 'x', definition, input: { orderId: 'o1' }, state, status, mail },
    deadlineAtMs: 1_000,
  };
  return plan(instance, [], { nowMs, inFlight: new Set(), isTakenOver: false, random: () => 0.5 });
}

test('the first reply counts, and a second one has no effect', () => {
  const once = look(false, 10, [answer(1)]);
  assert.deepEqual([once.status, once.state.steps['ask']?.r], ['completed', { count: 1 }]);
  const both = look(false, 10, [answer(1), answer(2)]);
  assert.deepEqual([both.status, both.state.steps['ask']?.r], ['completed', { count: 1 }]);
});

test('a reply of another service, or to another message, is none', () => {
  const strangers = look(false, 10, [
    { ...answer(1), from: 'payments' },
    { ...answer(2), message: 'm0' },
  ]);
  assert.deepEqual([strangers.status, strangers.waitingFor], ['running', ['ask']]);
});

test('a pivot whose reply comes after the deadline takes the saga forward again', () => {
  const late = look(true, 1_000, []);
  assert.deepEqual([late.status, late.works, late.waitingFor], ['compensating', [], ['ask']]);
  const answered = look(true, 1_500, [answer(1)], late);
  assert.deepEqual([answered.status, answered.state.failure], ['completed', undefined]);
});

test('a reply that the definition cannot read counts as done, and is undone', () => {
  const puzzled = saga('puzzled', { version: 1, input: Order }).step('ask', {
    send: reserve,
    with: ({ input }) => input,
    refusal: () => {
      throw new TypeError('what is this?');
    },
    undo: { run: async () => {} },
  });
  const state = { ...emptyState, steps: { ask: { s: 'waiting', m: { id: 'm1', p: 'do' } } } } as const;
  const next = plan(
    {
      id: 'x',
      definition: puzzled,
      input: {},
      state,
      status: 'running',
      deadlineAtMs: undefined,
      mail: [answer(1)],
    },
    [],
    { nowMs: 0, inFlight: new Set(), isTakenOver: false, random: () => 0.5 },
  );
  assert.deepEqual([next.status, next.works.map(({ key }) => key)], ['compensating', ['ask/undo']]);
});

test('a step that sends says what is wrong with it when it is defined', () => {
  const begun = saga('wrong', { version: 1, input: Order });
  const input = () => ({ orderId: 'o1' });
  const oneWay = {
    ...message('Tell', { data: Order, key: 'orderId' }),
    ...{ service: 'stock', name: 'tell' },
  };
  assert.throws(
    () => begun.step('ask', { send: oneWay, with: input, refusal: () => 'no' }),
    /'refusal' looks at a reply/,
  );
  const op = operation('GET /x', { input: z.object({}), output: z.object({}) });
  assert.throws(
    () => begun.step('ask', { send: op as never, with: input as never }),
    /'send' is a message of a contract/,
  );
});
