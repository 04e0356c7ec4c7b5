import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ErrorCode, httpStatusOfCode, ServiceError } from '@banyan/core';
import { createManualClock } from '@banyan/core/testing';
import { createBackoff, createRetryBudget, isRetryable } from '@banyan/resilience';

const codes = Object.keys(httpStatusOfCode) as ErrorCode[];
const transient: readonly ErrorCode[] = ['unavailable', 'resource_exhausted', 'deadline_exceeded'];

test('only errors that may pass are retryable, and only where repeating does no harm', () => {
  for (const code of codes) {
    const error = new ServiceError('x', { code, reason: 'x' });
    const neverRan = new ServiceError('x', { code, reason: 'x', notStarted: true });
    assert.equal(isRetryable(error, true), transient.includes(code), code);
    assert.equal(isRetryable(error, false), false, code);
    assert.equal(isRetryable(neverRan, false), transient.includes(code), code);
  }
});

test('a declared refusal and an unknown error are never retryable', () => {
  for (const code of codes) {
    const refusal = new ServiceError('x', { code, reason: 'x', declared: true, notStarted: true });
    assert.equal(isRetryable(refusal, true), false, code);
  }
  for (const value of [new Error('bug'), undefined, null, 'text', {}]) {
    assert.equal(isRetryable(value, true), false);
  }
});

test('back-off is uniform below an exponential bound with a ceiling', () => {
  let roll = 0;
  const backoff = createBackoff({ initialDelayMs: 10, maxDelayMs: 100, factor: 2, random: () => roll });
  const delays = () => [0, 1, 2, 3, 4, 1_000].map((retry) => backoff.delayMs(retry));
  assert.deepEqual(delays(), [0, 0, 0, 0, 0, 0]);
  roll = 0.5;
  assert.deepEqual(delays(), [5, 10, 20, 40, 50, 50]);
  assert.throws(() => createBackoff({ initialDelayMs: 10, maxDelayMs: 1 }), TypeError);
});

test('the budget grants a share of the traffic and a minimum per second', () => {
  const clock = createManualClock();
  const budget = createRetryBudget({ clock, ratio: 0.1, minPerSecond: 0, capacity: 100 });
  assert.equal(budget.withdraw(), false);
  for (let call = 0; call < 101; call += 1) budget.deposit();
  let retries = 0;
  while (budget.withdraw()) retries += 1;
  assert.equal(retries, 10);

  const quiet = createRetryBudget({ clock, ratio: 0, minPerSecond: 2 });
  while (quiet.withdraw());
  clock.advance(499);
  assert.equal(quiet.withdraw(), false);
  clock.advance(1);
  assert.equal(quiet.withdraw(), true);
});

test('saved-up retries never exceed the capacity', () => {
  const clock = createManualClock();
  const budget = createRetryBudget({ clock, ratio: 1, minPerSecond: 10, capacity: 5 });
  for (let call = 0; call < 1_000; call += 1) budget.deposit();
  clock.advance(1_000_000);
  assert.equal(budget.balance, 5);
});
