import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServiceError } from '@banyan/core';
import { createConsumer, type EventLog } from '@banyan/events';
import { createRecorder, createScene } from './consumer-scene.ts';
import { sampleEvent } from './samples.ts';
import { publish } from './scene.ts';

const unavailable = () => new ServiceError('down', { code: 'unavailable', reason: 'circuit_open' });

test('an event waits for hours for a dependency that is down, at most half a minute longer than the outage', async () => {
  let isDown = true;
  const { handled, attempts, handle } = createRecorder(async () => {
    if (isDown) throw unavailable();
  });
  const { clock, log, consumer } = createScene(handle);
  await consumer.start();
  await publish(log, sampleEvent('a', 1), sampleEvent('a', 2));
  await clock.advanceAndSettle(5 * 3_600_000);
  const during = await consumer.status();
  assert.deepEqual([during.dead, during.pending], [0, 2]);
  assert.ok(attempts.length < 650, `${attempts.length} attempts in 5 hours`);
  isDown = false;
  await clock.advanceAndSettle(31_000);
  assert.deepEqual(handled, [1, 2]);
  await consumer.stop();
});

test('waiting for a dependency does not use up the attempts for bugs', async () => {
  const errors = [unavailable(), new Error('bug'), unavailable(), unavailable(), new Error('bug')];
  const { handled, attempts, handle } = createRecorder(async () => {
    const error = errors.shift();
    if (error) throw error;
  });
  const { clock, log, consumer } = createScene(handle, { maxAttempts: 3 });
  await consumer.start();
  await publish(log, sampleEvent('a', 1));
  await clock.advanceAndSettle(60_000);
  assert.deepEqual(handled, [1]);
  assert.deepEqual(attempts, [1, 2, 3, 4, 5, 6]);
  await consumer.stop();
});

test('an event whose dependency stays down is dead after the longest wait', async () => {
  const { handle } = createRecorder(() => Promise.reject(unavailable()));
  const { clock, log, inbox, consumer } = createScene(handle, { maxWaitMs: 3_600_000 });
  await consumer.start();
  await publish(log, sampleEvent('a', 1));
  await clock.advanceAndSettle(3_599_000);
  assert.deepEqual(await inbox.deadLetters(10), []);
  await clock.advanceAndSettle(60_000);
  const [letter] = await inbox.deadLetters(10);
  assert.equal(letter?.reason, 'unavailable circuit_open: down');
  await consumer.stop();
});

test('`retryAfterMs` of an error is respected', async () => {
  const error = new ServiceError('full', {
    code: 'resource_exhausted',
    reason: 'full',
    retryAfterMs: 45_000,
  });
  const { attempts, handle } = createRecorder(() => Promise.reject(error));
  const { clock, log, consumer } = createScene(handle);
  await consumer.start();
  await publish(log, sampleEvent('a', 1));
  await clock.advanceAndSettle(44_999);
  assert.deepEqual(attempts, [1]);
  await clock.advanceAndSettle(100);
  assert.deepEqual(attempts, [1, 2]);
  await consumer.stop();
});

test("a declared refusal of a dependency counts as the handler's own failure", async () => {
  const refusal = new ServiceError('no', { code: 'unavailable', reason: 'closed', declared: true });
  const { attempts, handle } = createRecorder(() => Promise.reject(refusal));
  const { clock, log, consumer } = createScene(handle, { maxAttempts: 2 });
  await consumer.start();
  await publish(log, sampleEvent('a', 1));
  await clock.advanceAndSettle(3_600_000);
  assert.equal(attempts.length, 2);
  assert.equal((await consumer.status()).dead, 1);
  await consumer.stop();
});
test('a log that cannot be read is asked again, ever more rarely, and nothing is lost', async () => {
  const { handled, handle } = createRecorder();
  const { clock, log, inbox } = createScene(handle);
  let isDown = true;
  let reads = 0;
  const flaky: EventLog = {
    ...log,
    open(request) {
      reads += 1;
      return isDown ? Promise.reject(unavailable()) : log.open(request);
    },
  };
  const consumer = createConsumer({
    gatherMs: 0,
    name: 'mail',
    instance: 'mail-1',
    log: flaky,
    inbox,
    topics: ['orders.placed'],
    handle,
    clock,
    random: () => 1,
  });
  await consumer.start();
  await publish(log, sampleEvent('a', 1));
  await clock.advanceAndSettle(60_000);
  assert.ok(reads >= 8 && reads <= 16, `${reads} reads in a minute`);
  const down = await consumer.status();
  assert.equal(down.consecutiveReadFailures, reads);
  isDown = false;
  await clock.advanceAndSettle(10_000);
  assert.deepEqual(handled, [1]);
  assert.equal((await consumer.status()).lastError, undefined);
  await consumer.stop();
});

test('a wall clock that is put back while the log is down makes no consumer sleep for as long', async () => {
  const { handled, handle } = createRecorder();
  const scene = createScene(handle);
  let isDown = true;
  let backMs = 0;
  const consumer = scene.createInstance('mail-2', {
    log: {
      ...scene.log,
      open: (request) => (isDown ? Promise.reject(unavailable()) : scene.log.open(request)),
    },
    clock: { setTimer: scene.clock.setTimer, nowMs: () => scene.clock.nowMs() - backMs },
  });
  await consumer.start();
  await publish(scene.log, sampleEvent('a', 1));
  await scene.clock.advanceAndSettle(20_000);
  backMs = 3_600_000;
  await scene.clock.advanceAndSettle(20_000);
  // It has failed twice or more by the new time.
  const { behindMs } = await consumer.status();
  assert.ok(behindMs > 5_000 && behindMs <= 20_000, `behind by ${behindMs} ms`);
  isDown = false;
  await scene.clock.advanceAndSettle(10_000);
  assert.deepEqual(handled, [1]);
  await consumer.stop();
});

test('a wall clock that is put back while partitions cannot be shared shows a time that has passed, not one to come', async () => {
  const { handle } = createRecorder();
  const scene = createScene(handle);
  let backMs = 0;
  scene.inbox.share = () => Promise.reject(unavailable());
  const consumer = scene.createInstance('mail-2', {
    clock: { setTimer: scene.clock.setTimer, nowMs: () => scene.clock.nowMs() - backMs },
  });
  await consumer.start();
  await scene.clock.advanceAndSettle(20_000);
  backMs = 3_600_000;
  await scene.clock.advanceAndSettle(20_000);
  const { behindMs } = await consumer.status();
  assert.ok(behindMs > 5_000 && behindMs <= 20_000, `behind by ${behindMs} ms`);
  await consumer.stop();
});
