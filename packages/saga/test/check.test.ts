import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkHistories, type SagaDefinition, type SagaHistory, saga } from '@banyan/saga';
import { z } from 'zod';

const act = { run: async () => 1 };
const begin = () => saga('visit', { version: 1, input: z.object({ name: z.string() }) });
const current = () => begin().step('one', act).step('two', act).pivot('three', act).step('four', act);

/** An instance that has done so many of the steps. */
function history(done: readonly string[], change: Partial<SagaHistory> = {}): SagaHistory {
  const steps = Object.fromEntries(done.map((name) => [name, { s: 'done' as const, r: 1 }]));
  const forward = done.includes('three') ? { forward: true as const } : {};
  return {
    ...{ id: done.join(' '), name: 'visit', version: 1, input: { name: 'ann' }, status: 'running' },
    state: { steps, done, round: 0, read: [], ...forward },
    ...change,
  };
}

const histories = [history([]), history(['one']), history(['one', 'two']), history(['one', 'two', 'three'])];
const breaksOf = (candidate: SagaDefinition, given: readonly SagaHistory[] = histories) =>
  checkHistories([candidate], given).broken.map(({ id, step }) => `${id}: ${step}`);

test('a change behind what instances have done breaks none of them', () => {
  assert.deepEqual(checkHistories([current()], histories), { checked: 4, broken: [] });
  assert.deepEqual(breaksOf(current().step('five', act)), []);
});

test('a step put before one that is done breaks the instances that have done it', () => {
  const inserted = begin()
    .step('one', act)
    .step('new', act)
    .step('two', act)
    .pivot('three', act)
    .step('four', act);
  assert.deepEqual(breaksOf(inserted), ['one two: new', 'one two three: new']);
});

test('a step that is gone breaks the instances that have begun it', () => {
  assert.deepEqual(breaksOf(begin().step('one', act).pivot('three', act)), [
    'one two: two',
    'one two three: two',
  ]);
});

test('a pivot that moved, another kind of step and a lost path are found', () => {
  const earlier = begin().step('one', act).pivot('two', act).step('three', act).step('four', act);
  assert.deepEqual(breaksOf(earlier), ['one two: two']);
  const waiting = history(['one'], {
    id: 'waits',
    state: { steps: { one: { s: 'done' }, two: { s: 'waiting' } }, done: ['one'], round: 0, read: [] },
  });
  assert.deepEqual(breaksOf(current(), [waiting]), ['waits: two']);
  const branched = history([], {
    id: 'branched',
    state: { steps: { way: { s: 'done', r: 'left' } }, done: [], round: 0, read: [] },
  });
  const right = begin().branch('way', { on: () => 'right', paths: { right: (path) => path } });
  assert.deepEqual(breaksOf(right, [branched]), ['branched: way']);
});

test('a version that is gone and an input that fits no more are found; what has ended does not matter', () => {
  const other = history([], { id: 'other', version: 2 });
  const ended = history(['gone'], { id: 'ended', status: 'completed' });
  const { checked, broken } = checkHistories([current()], [other, ended]);
  assert.deepEqual([checked, broken.map(({ saga: name }) => name)], [1, ['visit@2']]);
  const stricter = saga('visit', { version: 1, input: z.object({ name: z.string(), age: z.int() }) }).step(
    'one',
    act,
  );
  assert.match(checkHistories([stricter], [history([])]).broken[0]?.reason ?? '', /age/);
});
