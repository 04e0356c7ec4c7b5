import assert from 'node:assert/strict';
import { test } from 'node:test';
import { measureAvailability } from '../demo/availability/measure.ts';
import { createRandom } from '../demo/availability/random.ts';
import { seed } from './fixtures/placements.ts';

test(`a synchronous chain of three is as available as the product, both asynchronous forms always (BANYAN_SEED=${seed})`, async (t) => {
  const found = await measureAvailability(t, {
    slots: 2_000,
    down: 0.1,
    asynchronousEvery: 20,
    random: createRandom(seed),
  });
  assert.equal(found.computed.toFixed(3), '0.729');
  // Two points are more than five standard deviations of this many slots.
  assert.ok(Math.abs(found.synchronous - found.computed) <= 0.02, JSON.stringify(found));
  assert.deepEqual([found.byMessages, found.byCopies], [1, 1]);
  assert.deepEqual([found.accepted, found.settled], [200, 200]);
});
