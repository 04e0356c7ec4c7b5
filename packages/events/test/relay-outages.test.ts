import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Alarm, createRelay } from '@banyan/events';
import { createFlakyLog, createRelayScene } from './relay-scene.ts';
import { sampleEvent } from './samples.ts';

test('while the log is down events wait, attempts become rarer, and pokes do not make them more', async () => {
  const scene = createRelayScene();
  const { flaky, state } = createFlakyLog(scene.log);
  const relay = createRelay({
    gatherMs: 0,
    owner: 'orders-2',
    outbox: scene.outbox,
    log: flaky,
    clock: scene.clock,
    random: () => 1,
  });
  state.mode = 'refuses';
  await scene.emit(sampleEvent('a', 1));
  relay.start();
  for (let second = 0; second < 60; second += 1) {
    relay.poke();
    await scene.clock.advanceAndSettle(1_000);
  }
  assert.ok(state.calls >= 8 && state.calls <= 16, `${state.calls} attempts in a minute`);
  const down = await relay.status();
  assert.deepEqual([down.running, down.backlog, down.overdue], [true, 1, true]);
  assert.equal(down.consecutiveFailures, state.calls);
  assert.match(String(down.lastError), /log down/);
  state.mode = 'works';
  await scene.clock.advanceAndSettle(10_000);
  assert.deepEqual(await scene.published(), [1]);
  const up = await relay.status();
  assert.deepEqual([up.backlog, up.overdue, up.consecutiveFailures, up.lastError], [0, false, 0, undefined]);
  await relay.stop();
});

test('a wall clock that is put back during a pause makes it no longer', async () => {
  const scene = createRelayScene();
  const { flaky, state } = createFlakyLog(scene.log);
  let backMs = 0;
  const relay = createRelay({
    gatherMs: 0,
    owner: 'orders-2',
    outbox: scene.outbox,
    log: flaky,
    clock: { setTimer: scene.clock.setTimer, nowMs: () => scene.clock.nowMs() - backMs },
    random: () => 1,
  });
  state.mode = 'refuses';
  await scene.emit(sampleEvent('a', 1));
  relay.start();
  await scene.clock.advanceAndSettle(1_000);
  state.mode = 'works';
  backMs = 3_600_000;
  await scene.clock.advanceAndSettle(10_000);
  assert.deepEqual(await scene.published(), [1]);
  await relay.stop();
});

test('a log that never answers is given up after the timeout and asked again', async () => {
  const scene = createRelayScene();
  const { flaky, state } = createFlakyLog(scene.log);
  const relay = createRelay({
    gatherMs: 0,
    owner: 'orders-2',
    outbox: scene.outbox,
    log: flaky,
    clock: scene.clock,
    publishTimeoutMs: 2_000,
  });
  state.mode = 'hangs';
  await scene.emit(sampleEvent('a', 1));
  relay.start();
  await scene.clock.advanceAndSettle(2_000);
  assert.equal((await relay.status()).consecutiveFailures, 1);
  assert.equal(((await relay.status()).lastError as { reason: string }).reason, 'log_timeout');
  state.mode = 'works';
  await scene.clock.advanceAndSettle(1_000);
  assert.deepEqual(await scene.published(), [1]);
  await relay.stop();
});

test('a standing backlog raises the alarm once, reminds in the log, and calls the alarm off once', async () => {
  const errors: string[] = [];
  const alarms: Alarm[] = [];
  const nothing = () => {};
  const logger = {
    debug: nothing,
    info: nothing,
    warn: nothing,
    error: (text: string) => errors.push(text),
    with: () => logger,
  };
  const scene = createRelayScene();
  const { flaky, state } = createFlakyLog(scene.log);
  const { outbox, clock } = scene;
  const onAlarm = (alarm: Alarm) => alarms.push(alarm);
  const relay = createRelay({ gatherMs: 0, owner: 'orders-2', outbox, log: flaky, clock, logger, onAlarm });
  state.mode = 'refuses';
  await scene.emit(sampleEvent('a', 1));
  relay.start();
  await clock.advanceAndSettle(29_000);
  assert.equal(alarms.length, 0);
  await clock.advanceAndSettle(171_000);
  assert.ok(errors.length >= 2 && errors.every((text) => text === 'events are overdue'));
  const [broken, ...others] = alarms;
  assert.deepEqual(others, []);
  assert.deepEqual(
    { ...broken, ageMs: 0 },
    { invariant: 'outbox', state: 'broken', ageMs: 0, boundMs: 30_000, count: 1 },
  );
  assert.ok((broken?.ageMs ?? 0) > 30_000);
  state.mode = 'works';
  await clock.advanceAndSettle(60_000);
  assert.deepEqual(alarms.slice(1), [
    { invariant: 'outbox', state: 'restored', ageMs: 0, boundMs: 30_000, count: 0 },
  ]);
  await relay.stop();
});
