import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createManualClock } from '@banyan/core/testing';
import { createOutlierDetector, type Ejection, type OutlierOptions } from '@banyan/discovery';

function watched(count: number, options: Partial<OutlierOptions> = {}) {
  const clock = createManualClock();
  const ejections: Ejection[] = [];
  const detector = createOutlierDetector({ clock, onEjection: (each) => ejections.push(each), ...options });
  const instances = Array.from({ length: count }, (_, index) => detector.track(`i${index}`));
  /** One call of each instance, in turn, `times` over. */
  const run = (times: number, outcomeOf: (index: number, turn: number) => number | 'failed') => {
    for (let turn = 0; turn < times; turn += 1)
      instances.forEach((instance, index) => void instance.record(outcomeOf(index, turn)));
  };
  const ejected = () => instances.flatMap((instance, index) => (instance.ejected ? [index] : []));
  return { clock, ejections, instances, run, ejected };
}

test('an instance four times as slow as the others is left out, and back after ten seconds', () => {
  const { clock, run, ejected, ejections } = watched(3);
  run(24, (index) => (index === 1 ? 4 : 1));
  assert.deepEqual(ejected(), [1]);
  assert.deepEqual(ejections, [{ id: 'i1', cause: 'slow', forMs: 10_000 }]);
  clock.advance(9_999);
  assert.deepEqual(ejected(), [1]);
  clock.advance(1);
  assert.deepEqual(ejected(), []);
});

test('one that goes on like this is left out for twice as long each time, five minutes at most', () => {
  const { clock, run, ejections } = watched(3);
  for (let round = 0; round < 7; round += 1) {
    run(24, (index) => (index === 1 ? 4 : 1));
    clock.advance(ejections.at(-1)?.forMs ?? 0);
  }
  assert.deepEqual(
    ejections.map(({ forMs }) => forMs / 1_000),
    [10, 20, 40, 80, 160, 300, 300],
  );
});

test('once it has been good for as long as it was out, its past is forgotten', () => {
  const { clock, run, ejections } = watched(3);
  run(24, (index) => (index === 1 ? 4 : 1));
  clock.advance(10_000);
  run(16, () => 1);
  clock.advance(10_000);
  run(32, (index) => (index === 1 ? 4 : 1));
  assert.deepEqual(
    ejections.map(({ forMs }) => forMs),
    [10_000, 10_000],
  );
});

test('an instance that fails half of its calls is left out while the others answer; a refusal is an answer', () => {
  const { run, ejections } = watched(3);
  run(32, (index, turn) => (index === 2 && turn % 2 === 0 ? 'failed' : 1));
  assert.deepEqual(
    ejections.map(({ id, cause }) => [id, cause]),
    [['i2', 'failing']],
  );
});

test('what makes all of them slow, or fail, ejects none', () => {
  const { run, ejected } = watched(3);
  run(32, () => 1);
  run(64, () => 50);
  run(64, () => 'failed');
  assert.deepEqual(ejected(), []);
});

test('single slow calls do not count, however slow', () => {
  const { run, ejected } = watched(3);
  run(300, (index, turn) => (index === 1 && turn % 4 === 0 ? 10_000 : 1));
  assert.deepEqual(ejected(), []);
});

test('never more than a third is left out: of six slow ones among twelve, four are', () => {
  const { run, ejected } = watched(12);
  // Not at the same moment, else the slow half would be as usual as the other one.
  for (let slow = 1; slow <= 6; slow += 1) run(32, (index) => (index < slow ? 20 : 1));
  assert.deepEqual(ejected(), [0, 1, 2, 3]);
});

test('of two instances one may be left out, and never the only one', () => {
  const pair = watched(2);
  pair.run(32, (index) => (index === 0 ? 9 : 1));
  assert.deepEqual(pair.ejected(), [0]);
  pair.run(64, () => 'failed');
  assert.deepEqual(pair.ejected(), [0]);
  const alone = watched(1);
  alone.run(64, (_, turn) => (turn < 32 ? 1 : 'failed'));
  assert.deepEqual(alone.ejected(), []);
});

test('with a share of 0 nothing is left out; a share of 1 would leave out all and is refused', () => {
  const { run, ejected } = watched(3, { maxShare: 0 });
  run(64, (index) => (index === 1 ? 9 : 1));
  assert.deepEqual(ejected(), []);
  assert.throws(() => createOutlierDetector({ maxShare: 1 }), TypeError);
});

test('an instance that has left does not count any more', () => {
  const { run, ejected, instances } = watched(2);
  instances[1]?.forget();
  run(32, (index) => (index === 0 ? 9 : 1));
  assert.deepEqual(ejected(), []);
});
