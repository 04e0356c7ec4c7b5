import assert from 'node:assert/strict';
import { test } from 'node:test';
import { operation } from '@banyan/contract';
import { ServiceError } from '@banyan/core';
import { saga } from '@banyan/saga';
import { createRandom, seed } from '@banyan/test-support/random';
import fc from 'fast-check';
import { z } from 'zod';
import type { Instance } from '../src/plan/draft.ts';
// The planner is a pure function that no export reaches: thousands of histories of it take no database.
import { failed, type Outcome, succeeded } from '../src/plan/outcome.ts';
import { plan } from '../src/plan/plan.ts';
import type { Work } from '../src/plan/work.ts';
import { emptyState } from '../src/state.ts';

const act = { run: async () => 1 };
const undo = { run: async () => 1 };
const input = z.object({});
const definitions = [
  saga('plain', { version: 1, input })
    .step('a', { ...act, undo })
    .step('b', { ...act, undo })
    .step('c', { ...act, undo }),
  saga('turning', { version: 1, input })
    .step('a', { ...act, undo })
    .pivot('b', act)
    .step('c', act),
  saga('wide', { version: 1, input, maxRestarts: 2 })
    .step('a', { ...act, undo, onFailure: 'restart' })
    .parallel('both', {
      left: (path) => path.step('b', { ...act, undo }).step('c', { ...act, undo, onFailure: 'ignore' }),
      right: (path) => path.step('d', { ...act, undo, onFailure: 'restart' }),
    })
    .step('e', { ...act, undo }),
  saga('holding', { version: 1, input })
    .tentative('a', { reserve: act, confirm: act, cancel: undo, expiresInMs: 5_000 })
    .branch('way', {
      on: () => 'right',
      paths: { right: (path) => path.step('b', { ...act, undo }), left: (path) => path.step('c', act) },
    })
    .pivot('d', act)
    .sleep('nap', 1_000)
    .step('e', act),
];

const refusal = new ServiceError('no', { code: 'failed_precondition', reason: 'no', declared: true });
const away = new ServiceError('away', { code: 'unavailable', reason: 'away' });

/** Plays one history: `dice` decides which work ends how, and when a cancellation comes. */
function play(definition: (typeof definitions)[number], dice: () => number) {
  /** What happened to the world, by step and round. */
  const effects: string[] = [];
  let nowMs = 0;
  let instance: Instance = {
    ...{
      id: 'x',
      definition,
      input: {},
      state: emptyState,
      status: 'running',
      deadlineAtMs: undefined,
      mail: [],
    },
  };
  let hasPassedPivot = false;
  const inFlight = new Map<string, Work>();
  for (let turn = 0; turn < 5_000; turn += 1) {
    const outcomes: Outcome[] = [];
    const [work] = [...inFlight.values()].toSorted(() => dice() - 0.5);
    if (work !== undefined) {
      inFlight.delete(work.key);
      const chance = dice();
      const { step, phase } = work;
      if (chance < 0.15 && phase === 'do') outcomes.push(failed(step, phase, refusal));
      else if (chance < 0.3) outcomes.push(failed(step, phase, away));
      else {
        effects.push(`${phase} ${step}`);
        // The effect is there, but perhaps nobody hears of it; the key makes a second attempt harmless.
        outcomes.push(chance < 0.4 ? failed(step, phase, away) : succeeded(step, phase, 1));
      }
    }
    if (dice() < 0.01) {
      instance = { ...instance, mail: [...instance.mail, { kind: 'cancel', reason: 'x', by: 'x' }] };
    }
    const context = {
      nowMs,
      inFlight: new Set(inFlight.keys()),
      isTakenOver: dice() < 0.05,
      random: () => 0.5,
    };
    const next = plan(instance, outcomes, context);
    if (hasPassedPivot) assert.notEqual(next.status, 'compensating');
    hasPassedPivot = next.state.forward === true;
    instance = { ...instance, state: next.state, status: next.status };
    for (const each of next.works) inFlight.set(each.key, each);
    if (next.status === 'completed' || next.status === 'compensated' || next.status === 'stuck') {
      return { status: next.status, effects, state: next.state };
    }
    if (inFlight.size === 0) {
      assert.notEqual(next.wakeAtMs, undefined, 'nothing to do and nothing to wait for');
      nowMs = Math.max(nowMs + 1, next.wakeAtMs ?? 0);
    }
  }
  return assert.fail('it never ends');
}

test('whatever fails, a saga ends with every effect kept or undone', (t) => {
  t.diagnostic(`seed ${seed}; repeat with BANYAN_SEED=${seed}`);
  const endings = new Set<string>();
  const run = (index: number, from: number) => {
    const definition = definitions[index] ?? definitions[0];
    if (definition === undefined) return;
    const dice = createRandom(from);
    const { status, state: last } = play(definition, dice);
    endings.add(`${definition.name} ${status}`);
    for (const [name, { s }] of Object.entries(last.steps)) {
      const undone = ['undone', 'failed', 'void', 'ignored', 'skipped'];
      if (status === 'compensated' && last.done.includes(name))
        assert.ok(undone.includes(s) || !hasUndo(definition, name), `${name} is ${s}`);
      if (status === 'completed') assert.ok(['done', 'ignored'].includes(s), `${name} is ${s}`);
      assert.ok(status === 'stuck' || (s !== 'unsure' && s !== 'failing'), `${name} is ${s}`);
    }
  };
  fc.assert(fc.property(fc.nat(definitions.length - 1), fc.integer(), run), { numRuns: 5_000, seed });
  const reached = [
    'plain completed',
    'plain compensated',
    'turning stuck',
    'wide compensated',
    'holding completed',
  ];
  for (const each of reached) assert.ok(endings.has(each), `${each} was never reached`);
});

test('attempts to find out what happened are counted by themselves', () => {
  const reserve = {
    ...operation('POST /reservations', { input, output: z.object({}) }),
    ...{ name: 'reserve', service: 'stock' },
  };
  const asking = saga('asking', { version: 1, input }).step('a', { call: reserve, with: () => ({}) });
  let instance: Instance = {
    ...{ id: 'x', definition: asking, input: {}, state: emptyState, status: 'running', mail: [] },
    deadlineAtMs: undefined,
  };
  const times = { nowMs: 0, inFlight: new Set<string>(), isTakenOver: false, random: () => 0.5 };
  const hear = (outcome: Outcome) => {
    const next = plan(instance, [outcome], times);
    instance = { ...instance, state: next.state, status: next.status };
    return next;
  };
  for (let attempt = 0; attempt < 59; attempt += 1) hear(failed('a', 'do', away));
  const turned = hear(failed('a', 'do', refusal));
  assert.deepEqual(
    turned.works.map(({ key }) => key),
    ['a/void'],
  );
  assert.equal(hear(failed('a', 'void', away)).status, 'compensating');
});

test('a saga that is taken over while its wait runs out turns round', () => {
  const patient = saga('patient', { version: 1, input })
    .step('a', { ...act, undo })
    .waitFor('answer', { signal: z.object({}), timeoutMs: 100 });
  const state = {
    ...emptyState,
    steps: { a: { s: 'done', r: 1 }, answer: { s: 'waiting', at: 100 } },
    done: ['a'],
  } as const;
  const instance: Instance = {
    ...{ id: 'x', definition: patient, input: {}, state, status: 'running', deadlineAtMs: undefined },
    mail: [],
  };
  const times = { nowMs: 200, random: () => 0.5 };
  const next = plan(instance, [], { ...times, inFlight: new Set(), isTakenOver: true });
  assert.deepEqual(
    [next.status, next.state.failure?.kind, next.works.map(({ key }) => key)],
    ['compensating', 'timeout', ['a/undo']],
  );
});

function hasUndo(definition: (typeof definitions)[number], name: string): boolean {
  const find = (nodes: (typeof definition)['nodes']): boolean =>
    nodes.some((node) => {
      if (node.kind === 'branch' || node.kind === 'parallel') return Object.values(node.paths).some(find);
      return node.name === name && node.kind === 'step' && node.undo !== undefined;
    });
  return find(definition.nodes);
}
