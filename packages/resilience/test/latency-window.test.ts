import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLatencyWindow } from '@banyan/resilience';

test('before 20 calls nothing is known', () => {
  const window = createLatencyWindow();
  for (let call = 0; call < 19; call += 1) window.add(5);
  assert.equal(window.quantileMs(0.5), undefined);
  window.add(5);
  assert.equal(window.quantileMs(0.5), 5);
});

test('of the times 1 to 100, 95 % end within 96 ms and half within 51 ms, in whatever order they came', () => {
  const window = createLatencyWindow();
  // 37 and 101 have no common divisor, so this visits 1 to 100 once each.
  for (let call = 1; call <= 100; call += 1) window.add((call * 37) % 101);
  assert.equal(window.quantileMs(0.95), 96);
  assert.equal(window.quantileMs(0.5), 51);
  assert.equal(window.quantileMs(1), 100);
});

test('only the last 128 calls count', () => {
  const window = createLatencyWindow();
  for (let call = 0; call < 200; call += 1) window.add(1_000);
  for (let call = 0; call < 128; call += 1) window.add(2);
  assert.equal(window.quantileMs(1), 2);
});
