import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CloudEvent, createRelay, type EventLog, type RelayOptions } from '@banyan/events';
import { createMemoryEvents } from '@banyan/events/testing';
import { createManualClock } from './manual-clock.ts';
import { sampleEvent, valueIn } from './samples.ts';

function createScene(options: Partial<RelayOptions> = {}) {
  const clock = createManualClock();
  const { log, createOutbox, tx } = createMemoryEvents(clock);
  const outbox = createOutbox();
  const relay = createRelay({ outbox, log, clock, random: () => 1, ...options });
  const emit = (...events: CloudEvent[]) =>
    tx(async ({ sql, onCommit }) => {
      await outbox.append(sql, events);
      onCommit(() => relay.poke());
    });
  const published = async () => (await log.read(['orders.placed'], undefined, 1_000)).events.map(valueIn);
  return { clock, log, outbox, relay, tx, emit, published };
}

/** A log that refuses, hangs or works, as told. */
function createFlakyLog(log: EventLog) {
  const state = { mode: 'works' as 'works' | 'refuses' | 'hangs', calls: 0 };
  const flaky: EventLog = {
    ...log,
    publish(events) {
      state.calls += 1;
      if (state.mode === 'refuses') return Promise.reject(new Error('log down'));
      return state.mode === 'hangs' ? new Promise(() => {}) : log.publish(events);
    },
  };
  return { flaky, state };
}

test('a committed event is in the log as soon as its transaction says so, without a poll', async () => {
  const { clock, relay, emit, published } = createScene();
  relay.start();
  await clock.advance(0);
  await emit(sampleEvent('a', 1));
  await clock.advance(0);
  assert.deepEqual(await published(), [1]);
  await relay.stop();
});

test('an event whose poke was lost is found by the poll', async () => {
  const { clock, relay, outbox, tx, published } = createScene({ pollIntervalMs: 500 });
  relay.start();
  await clock.advance(0);
  await tx(({ sql }) => outbox.append(sql, [sampleEvent('a', 1)]));
  await clock.advance(499);
  assert.deepEqual(await published(), []);
  await clock.advance(1);
  assert.deepEqual(await published(), [1]);
  await relay.stop();
});

test('a backlog of many batches is drained in order without waiting between them', async () => {
  const { clock, relay, emit, published } = createScene({ batchSize: 3 });
  const values = Array.from({ length: 20 }, (_, number) => number);
  await emit(...values.map((value) => sampleEvent('a', value)));
  relay.start();
  await clock.advance(0);
  assert.deepEqual(await published(), values);
  await relay.stop();
});

test('while the log is down events wait, attempts become rarer, and pokes do not make them more', async () => {
  const scene = createScene();
  const { flaky, state } = createFlakyLog(scene.log);
  const relay = createRelay({ outbox: scene.outbox, log: flaky, clock: scene.clock, random: () => 1 });
  state.mode = 'refuses';
  await scene.emit(sampleEvent('a', 1));
  relay.start();
  for (let second = 0; second < 60; second += 1) {
    relay.poke();
    await scene.clock.advance(1_000);
  }
  assert.ok(state.calls >= 8 && state.calls <= 16, `${state.calls} attempts in a minute`);
  const down = await relay.status();
  assert.deepEqual([down.running, down.backlog, down.overdue], [true, 1, true]);
  assert.equal(down.consecutiveFailures, state.calls);
  assert.match(String(down.lastError), /log down/);
  state.mode = 'works';
  await scene.clock.advance(10_000);
  assert.deepEqual(await scene.published(), [1]);
  const up = await relay.status();
  assert.deepEqual([up.backlog, up.overdue, up.consecutiveFailures, up.lastError], [0, false, 0, undefined]);
  await relay.stop();
});

test('a log that never answers is given up after the timeout and asked again', async () => {
  const scene = createScene();
  const { flaky, state } = createFlakyLog(scene.log);
  const relay = createRelay({
    outbox: scene.outbox,
    log: flaky,
    clock: scene.clock,
    publishTimeoutMs: 2_000,
  });
  state.mode = 'hangs';
  await scene.emit(sampleEvent('a', 1));
  relay.start();
  await scene.clock.advance(2_000);
  assert.equal((await relay.status()).consecutiveFailures, 1);
  assert.equal(((await relay.status()).lastError as { reason: string }).reason, 'log_timeout');
  state.mode = 'works';
  await scene.clock.advance(1_000);
  assert.deepEqual(await scene.published(), [1]);
  await relay.stop();
});

test('a standing backlog raises the alarm in the log', async () => {
  const alarms: string[] = [];
  const nothing = () => {};
  const logger = {
    debug: nothing,
    info: nothing,
    warn: nothing,
    error: (text: string) => alarms.push(text),
    with: () => logger,
  };
  const scene = createScene();
  const { flaky, state } = createFlakyLog(scene.log);
  const relay = createRelay({
    outbox: scene.outbox,
    log: flaky,
    clock: scene.clock,
    logger,
    overdueAfterMs: 30_000,
  });
  state.mode = 'refuses';
  await scene.emit(sampleEvent('a', 1));
  relay.start();
  await scene.clock.advance(200_000);
  assert.ok(alarms.length >= 2 && alarms.every((text) => text === 'events are overdue'));
  await relay.stop();
});

test('of two relays of one service each event is published by one', async () => {
  const scene = createScene();
  const other = createRelay({ outbox: scene.outbox, log: scene.log, clock: scene.clock });
  scene.relay.start();
  other.start();
  for (let value = 0; value < 20; value += 1) {
    await scene.emit(sampleEvent('a', value));
    other.poke();
    await scene.clock.advance(value % 3);
  }
  await scene.clock.advance(1_000);
  assert.deepEqual(
    await scene.published(),
    Array.from({ length: 20 }, (_, value) => value),
  );
  await Promise.all([scene.relay.stop(), other.stop()]);
});

test('stopping waits for the batch in hand, publishes nothing more, and the relay can start again', async () => {
  const { clock, relay, emit, published } = createScene();
  relay.start();
  relay.start();
  await clock.advance(0);
  await relay.stop();
  await relay.stop();
  assert.equal((await relay.status()).running, false);
  await emit(sampleEvent('a', 1));
  await clock.advance(10_000);
  assert.deepEqual(await published(), []);
  relay.start();
  await clock.advance(0);
  assert.deepEqual(await published(), [1]);
  await relay.stop();
});

test('stopping does not wait for a log that hangs longer than it was told', async () => {
  const scene = createScene();
  const { flaky, state } = createFlakyLog(scene.log);
  const relay = createRelay({ outbox: scene.outbox, log: flaky, clock: scene.clock });
  state.mode = 'hangs';
  await scene.emit(sampleEvent('a', 1));
  relay.start();
  await scene.clock.advance(0);
  let isStopped = false;
  const stopping = relay.stop({ timeoutMs: 100 }).then(() => {
    isStopped = true;
  });
  await scene.clock.advance(99);
  assert.equal(isStopped, false);
  await scene.clock.advance(1);
  await stopping;
});

test('published events are forgotten after the retention', async () => {
  const { clock, relay, emit, outbox } = createScene({ retentionMs: 3_600_000 });
  await emit(sampleEvent('a'));
  relay.start();
  await clock.advance(3_500_000);
  assert.equal(await outbox.prune(3_400_000), 1);
  await emit(sampleEvent('b'));
  await clock.advance(3_800_000);
  assert.equal(await outbox.prune(0), 0);
  await relay.stop();
});

test('misuse is refused at once', () => {
  for (const options of [{ batchSize: 0 }, { pollIntervalMs: Number.NaN }, { publishTimeoutMs: 0.5 }]) {
    assert.throws(() => createScene(options), TypeError);
  }
});
