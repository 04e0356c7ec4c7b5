import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServiceError } from '@banyan/core';
import { createManualClock } from '@banyan/core/testing';
import { type CircuitBreaker, type CircuitTransition, createCircuitBreaker } from '@banyan/resilience';

const refused = { code: 'unavailable', reason: 'circuit_open', notStarted: true };

function timeOut(breaker: CircuitBreaker): void {
  breaker.failed(breaker.admit(), 'timeout');
}

test('four timeouts in a row open the circuit; three do not', () => {
  const breaker = createCircuitBreaker({ clock: createManualClock() });
  for (let count = 0; count < 3; count += 1) timeOut(breaker);
  assert.equal(breaker.state, 'closed');
  breaker.succeeded(breaker.admit());
  for (let count = 0; count < 3; count += 1) timeOut(breaker);
  assert.equal(breaker.state, 'closed');
  timeOut(breaker);
  assert.equal(breaker.state, 'open');
  assert.throws(() => breaker.admit(), refused);
});

test('60 % errors against a threshold of 50 % open the circuit', () => {
  const breaker = createCircuitBreaker({ clock: createManualClock(), minimumCalls: 20 });
  for (let call = 0; call < 20 && breaker.state === 'closed'; call += 1) {
    const permit = breaker.admit();
    if (call % 5 < 2) breaker.succeeded(permit);
    else breaker.failed(permit, 'error');
  }
  assert.equal(breaker.state, 'open');
});

test('40 % errors against a threshold of 50 % leave it closed', () => {
  const clock = createManualClock();
  const breaker = createCircuitBreaker({ clock, minimumCalls: 20 });
  for (let call = 0; call < 1_000; call += 1) {
    const permit = breaker.admit();
    if (call % 5 < 3) breaker.succeeded(permit);
    else breaker.failed(permit, 'error');
    clock.advance(7);
  }
  assert.equal(breaker.state, 'closed');
});

test('errors alone do not open the circuit before the minimum volume', () => {
  const breaker = createCircuitBreaker({ clock: createManualClock(), minimumCalls: 20 });
  for (let call = 0; call < 19; call += 1) breaker.failed(breaker.admit(), 'error');
  assert.equal(breaker.state, 'closed');
  breaker.failed(breaker.admit(), 'error');
  assert.equal(breaker.state, 'open');
});

test('failures older than the window do not count', () => {
  const clock = createManualClock();
  const breaker = createCircuitBreaker({ clock, minimumCalls: 20, windowMs: 10_000 });
  for (let call = 0; call < 19; call += 1) breaker.failed(breaker.admit(), 'error');
  clock.advance(11_000);
  breaker.failed(breaker.admit(), 'error');
  assert.equal(breaker.state, 'closed');
});

test('an open circuit admits one probe at a time after its pause, and closes when the probe succeeds', () => {
  const clock = createManualClock();
  const transitions: string[] = [];
  const onTransition = ({ from, to }: CircuitTransition) => transitions.push(`${from}>${to}`);
  const breaker = createCircuitBreaker({ clock, openForMs: 5_000, onTransition });
  for (let count = 0; count < 4; count += 1) timeOut(breaker);
  clock.advance(4_999);
  assert.equal(breaker.available, false);
  assert.throws(() => breaker.admit(), refused);
  clock.advance(1);
  assert.equal(breaker.available, true);
  const probe = breaker.admit();
  assert.equal(breaker.state, 'half_open');
  assert.equal(breaker.available, false);
  assert.throws(() => breaker.admit(), refused);
  breaker.succeeded(probe);
  assert.equal(breaker.state, 'closed');
  breaker.succeeded(breaker.admit());
  assert.deepEqual(transitions, ['closed>open', 'open>half_open', 'half_open>closed']);
});

test('a failed probe opens the circuit for another pause', () => {
  const clock = createManualClock();
  const breaker = createCircuitBreaker({ clock, openForMs: 5_000 });
  for (let count = 0; count < 4; count += 1) timeOut(breaker);
  clock.advance(5_000);
  breaker.failed(breaker.admit(), 'error');
  assert.equal(breaker.state, 'open');
  clock.advance(4_999);
  assert.throws(() => breaker.admit(), refused);
});

test('a probe that its caller abandons makes room for the next', () => {
  const clock = createManualClock();
  const breaker = createCircuitBreaker({ clock, openForMs: 5_000 });
  for (let count = 0; count < 4; count += 1) timeOut(breaker);
  clock.advance(5_000);
  breaker.abandoned(breaker.admit());
  breaker.succeeded(breaker.admit());
  assert.equal(breaker.state, 'closed');
});

test('outcomes of calls from before the circuit opened neither close nor reopen it', () => {
  const clock = createManualClock();
  const breaker = createCircuitBreaker({ clock, openForMs: 5_000 });
  const [early, alsoEarly, abandoned] = [breaker.admit(), breaker.admit(), breaker.admit()];
  for (let count = 0; count < 4; count += 1) timeOut(breaker);
  clock.advance(5_000);
  const probe = breaker.admit();
  breaker.succeeded(early);
  breaker.failed(alsoEarly, 'timeout');
  breaker.abandoned(abandoned);
  assert.equal(breaker.state, 'half_open');
  assert.throws(() => breaker.admit(), refused);
  breaker.succeeded(probe);
  assert.equal(breaker.state, 'closed');
});

test('run counts refusals as answers, cancellation as nothing and lack of an answer as failure', async () => {
  const breaker = createCircuitBreaker({ clock: createManualClock(), minimumCalls: 2 });
  const failWith = (error: unknown) => breaker.run(() => Promise.reject(error)).catch(() => undefined);
  for (let call = 0; call < 10; call += 1) {
    await failWith(
      new ServiceError('declined', { code: 'failed_precondition', reason: 'declined', declared: true }),
    );
    await failWith(new ServiceError('bad', { code: 'invalid_argument', reason: 'invalid_input' }));
    await failWith(new ServiceError('gone', { code: 'cancelled', reason: 'cancelled' }));
  }
  assert.equal(breaker.state, 'closed');
  for (let call = 0; call < 25; call += 1) await failWith(new Error('bug'));
  assert.equal(breaker.state, 'open');
  await assert.rejects(
    breaker.run(() => assert.fail('must not run')),
    refused,
  );
});

test('the refusal of an open circuit says when to come back', () => {
  const clock = createManualClock();
  const breaker = createCircuitBreaker({ clock, openForMs: 5_000, name: 'payments' });
  for (let count = 0; count < 4; count += 1) timeOut(breaker);
  clock.advance(1_000);
  assert.throws(() => breaker.admit(), { retryAfterMs: 4_000, message: /^payments / });
});
