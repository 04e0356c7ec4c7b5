import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '@banyan/core';

test('a timer of many days waits for them', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let rings = 0;
  const longestMs = 2 ** 31 - 1;
  systemClock.setTimer(() => (rings += 1), 2 * longestMs + 1_000);
  for (const passMs of [longestMs, longestMs, 999]) {
    t.mock.timers.tick(passMs);
    assert.equal(rings, 0);
  }
  t.mock.timers.tick(1);
  assert.equal(rings, 1);
  t.mock.timers.tick(longestMs);
  assert.equal(rings, 1);
});

test('a timer of many days can be cancelled in each of its steps', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const dayMs = 86_400_000;
  for (const afterMs of [0, 10 * dayMs, 30 * dayMs]) {
    let rings = 0;
    const cancel = systemClock.setTimer(() => (rings += 1), 60 * dayMs);
    t.mock.timers.tick(afterMs);
    cancel();
    t.mock.timers.tick(90 * dayMs);
    assert.equal(rings, 0);
  }
});

test('a long timer does not ring at once', async () => {
  let rings = 0;
  const cancel = systemClock.setTimer(() => (rings += 1), 2 ** 31);
  // Timers ring in the order of their ends, so this one is behind all that would end after a millisecond.
  await new Promise((resolve) => setTimeout(resolve, 2));
  cancel();
  assert.equal(rings, 0);
});
