import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServiceError } from '@banyan/core';
import { createRelay, type EventLog } from '@banyan/events';
import { createFlakyLog, createRelayScene } from './relay-scene.ts';
import { sampleEvent } from './samples.ts';

test('a committed event is in the log as soon as its transaction says so, without a poll', async () => {
  const { clock, relay, emit, published } = createRelayScene();
  relay.start();
  await clock.advanceAndSettle(0);
  await emit(sampleEvent('a', 1));
  await clock.advanceAndSettle(0);
  assert.deepEqual(await published(), [1]);
  await relay.stop();
});

test('an event whose poke was lost is found by the poll', async () => {
  const { clock, relay, outbox, tx, published } = createRelayScene({ pollIntervalMs: 500 });
  relay.start();
  await clock.advanceAndSettle(0);
  await tx(({ sql }) => outbox.append(sql, [sampleEvent('a', 1)]));
  await clock.advanceAndSettle(499);
  assert.deepEqual(await published(), []);
  await clock.advanceAndSettle(1);
  assert.deepEqual(await published(), [1]);
  await relay.stop();
});

test('a backlog of many batches is drained in order without waiting between them', async () => {
  const { clock, relay, emit, published } = createRelayScene({ batchSize: 3 });
  const values = Array.from({ length: 20 }, (_, number) => number);
  await emit(...values.map((value) => sampleEvent('a', value)));
  relay.start();
  await clock.advanceAndSettle(0);
  assert.deepEqual(await published(), values);
  await relay.stop();
});

test('events that the log refuses for good are put aside with the reason, and others go on in order', async () => {
  const scene = createRelayScene();
  const poison = sampleEvent('a', 'poison');
  const picky: EventLog = {
    ...scene.log,
    async publish(events) {
      const ids = events.filter(({ id }) => id === poison.id).map(({ id }) => id);
      if (ids.length === 0) return scene.log.publish(events);
      throw new ServiceError('too odd', {
        code: 'invalid_argument',
        reason: 'event_refused',
        details: { ids },
      });
    },
  };
  const relay = createRelay({
    gatherMs: 0,
    owner: 'orders-2',
    outbox: scene.outbox,
    log: picky,
    clock: scene.clock,
  });
  await scene.emit(sampleEvent('a', 1), poison, sampleEvent('a', 2));
  relay.start();
  await scene.clock.advanceAndSettle(0);
  assert.deepEqual(await scene.published(), [1, 2]);
  const [letter] = await scene.outbox.deadLetters(10);
  assert.deepEqual(
    [letter?.event.id, letter?.reason],
    [poison.id, 'invalid_argument event_refused: too odd'],
  );
  const status = await relay.status();
  assert.deepEqual([status.dead, status.backlog, status.consecutiveFailures], [1, 0, 0]);
  await relay.stop();
});

test('the next page is read while one is published', async () => {
  const scene = createRelayScene();
  const gate = Promise.withResolvers<void>();
  const steps: string[] = [];
  const log: EventLog = {
    ...scene.log,
    async publish(events) {
      steps.push('publish');
      await gate.promise;
      return scene.log.publish(events);
    },
  };
  const read = scene.outbox.read.bind(scene.outbox);
  scene.outbox.read = (after, limit) => {
    steps.push('read');
    return read(after, limit);
  };
  const { outbox, clock } = scene;
  const relay = createRelay({ gatherMs: 0, owner: 'orders-2', outbox, log, clock, batchSize: 2 });
  await scene.emit(...[1, 2, 3, 4].map((value) => sampleEvent('a', value)));
  relay.start();
  await clock.advanceAndSettle(0);
  assert.deepEqual(steps, ['read', 'read', 'publish']);
  gate.resolve();
  await clock.advanceAndSettle(0);
  assert.deepEqual(await scene.published(), [1, 2, 3, 4]);
  await relay.stop();
});

test('a relay that died is replaced when its lease ends, and nothing is lost', async () => {
  const scene = createRelayScene();
  const dead = await scene.outbox.acquire('orders-0', 15_000);
  assert.ok(dead);
  await scene.emit(sampleEvent('a', 1));
  scene.relay.start();
  await scene.clock.advanceAndSettle(14_000);
  assert.deepEqual([await scene.published(), (await scene.relay.status()).isOwner], [[], false]);
  await scene.clock.advanceAndSettle(2_000);
  assert.deepEqual([await scene.published(), (await scene.relay.status()).isOwner], [[1], true]);
  await scene.relay.stop();
});

test('a relay keeps its lease for as long as it lives, and gives it back when it stops', async () => {
  const scene = createRelayScene();
  scene.relay.start();
  for (let minute = 0; minute < 10; minute += 1) {
    await scene.clock.advanceAndSettle(60_000);
    assert.equal(await scene.outbox.acquire('orders-9', 1_000), undefined);
  }
  await scene.relay.stop();
  assert.ok(await scene.outbox.acquire('orders-9', 1_000));
});

test('a relay that lost its lease publishes nothing more, and goes on when it gets it back', async () => {
  const scene = createRelayScene();
  let isCut = false;
  const acquire = scene.outbox.acquire.bind(scene.outbox);
  scene.outbox.acquire = (owner, leaseMs) =>
    isCut && owner === 'orders-1' ? Promise.reject(new Error('cut off')) : acquire(owner, leaseMs);
  scene.relay.start();
  await scene.clock.advanceAndSettle(0);
  isCut = true;
  await scene.clock.advanceAndSettle(15_000);
  const other = await scene.outbox.acquire('orders-2', 20_000);
  assert.ok(other);
  await scene.emit(sampleEvent('a', 1));
  await scene.clock.advanceAndSettle(10_000);
  assert.deepEqual([await scene.published(), (await scene.relay.status()).isOwner], [[], false]);
  isCut = false;
  await scene.clock.advanceAndSettle(20_000);
  assert.deepEqual([await scene.published(), (await scene.relay.status()).isOwner], [[1], true]);
  await scene.relay.stop();
});

test('what is rewound is published again without a restart', async () => {
  const scene = createRelayScene();
  const ids: string[] = [];
  const log: EventLog = {
    ...scene.log,
    publish(events) {
      ids.push(...events.map(({ id }) => id));
      return scene.log.publish(events);
    },
  };
  const relay = createRelay({
    gatherMs: 0,
    owner: 'orders-2',
    outbox: scene.outbox,
    log,
    clock: scene.clock,
  });
  const event = sampleEvent('a', 1);
  await scene.emit(event);
  relay.start();
  await scene.clock.advanceAndSettle(1_000);
  assert.equal(await scene.outbox.rewind(new Date(0).toISOString()), 1);
  await scene.clock.advanceAndSettle(15_000);
  assert.deepEqual(ids, [event.id, event.id]);
  assert.equal((await relay.status()).backlog, 0);
  await relay.stop();
});

test('a log that lost events is filled again by itself, from what the outbox keeps', async () => {
  const scene = createRelayScene();
  const ids: string[] = [];
  let lose = () => {};
  let hasLost = false;
  const log: EventLog = {
    ...scene.log,
    onLoss(listener) {
      lose = listener;
      return () => {};
    },
    async publish(events) {
      if (hasLost) {
        hasLost = false;
        lose();
        throw new ServiceError('lost', { code: 'unavailable', reason: 'events_lost' });
      }
      ids.push(...events.map(({ id }) => id));
      await scene.log.publish(events);
    },
  };
  const relay = createRelay({
    gatherMs: 0,
    owner: 'orders-2',
    outbox: scene.outbox,
    log,
    clock: scene.clock,
    random: () => 1,
  });
  const events = [1, 2, 3].map((value) => sampleEvent('a', value));
  await scene.emit(...events.slice(0, 2));
  relay.start();
  await scene.clock.advanceAndSettle(1_000);
  hasLost = true;
  await scene.emit(...events.slice(2));
  await scene.clock.advanceAndSettle(5_000);
  const [first, second, third] = events.map(({ id }) => id);
  assert.deepEqual(ids, [first, second, first, second, third]);
  assert.deepEqual([(await relay.status()).backlog, (await relay.status()).lastError], [0, undefined]);
  await relay.stop();
});

test('a place that could not be confirmed is confirmed later, without a new event', async () => {
  const scene = createRelayScene();
  let isDown = true;
  const confirm = scene.outbox.confirm.bind(scene.outbox);
  scene.outbox.confirm = (lease, cursor) =>
    isDown ? Promise.reject(new Error('down')) : confirm(lease, cursor);
  await scene.emit(sampleEvent('a', 1));
  scene.relay.start();
  await scene.clock.advanceAndSettle(2_000);
  assert.equal((await scene.relay.status()).backlog, 1);
  isDown = false;
  await scene.clock.advanceAndSettle(10_000);
  assert.deepEqual([await scene.published(), (await scene.relay.status()).backlog], [[1], 0]);
  await scene.relay.stop();
});

test('of two relays of one service each event is published by one', async () => {
  const scene = createRelayScene();
  const other = createRelay({
    gatherMs: 0,
    owner: 'orders-2',
    outbox: scene.outbox,
    log: scene.log,
    clock: scene.clock,
  });
  scene.relay.start();
  other.start();
  for (let value = 0; value < 20; value += 1) {
    await scene.emit(sampleEvent('a', value));
    other.poke();
    await scene.clock.advanceAndSettle(value % 3);
  }
  await scene.clock.advanceAndSettle(1_000);
  assert.deepEqual(
    await scene.published(),
    Array.from({ length: 20 }, (_, value) => value),
  );
  await Promise.all([scene.relay.stop(), other.stop()]);
});

test('stopping waits for the batch in hand, publishes nothing more, and the relay can start again', async () => {
  const { clock, relay, emit, published } = createRelayScene();
  relay.start();
  relay.start();
  await clock.advanceAndSettle(0);
  await relay.stop();
  await relay.stop();
  assert.equal((await relay.status()).running, false);
  await emit(sampleEvent('a', 1));
  await clock.advanceAndSettle(10_000);
  assert.deepEqual(await published(), []);
  relay.start();
  await clock.advanceAndSettle(0);
  assert.deepEqual(await published(), [1]);
  await relay.stop();
});

test('stopping does not wait for a log that hangs longer than it was told', async () => {
  const scene = createRelayScene();
  const { flaky, state } = createFlakyLog(scene.log);
  const relay = createRelay({
    gatherMs: 0,
    owner: 'orders-2',
    outbox: scene.outbox,
    log: flaky,
    clock: scene.clock,
  });
  state.mode = 'hangs';
  await scene.emit(sampleEvent('a', 1));
  relay.start();
  await scene.clock.advanceAndSettle(0);
  let isStopped = false;
  const stopping = relay.stop({ timeoutMs: 100 }).then(() => {
    isStopped = true;
  });
  await scene.clock.advanceAndSettle(99);
  assert.equal(isStopped, false);
  await scene.clock.advanceAndSettle(1);
  await stopping;
});

test('published events are forgotten after the retention', async () => {
  const { clock, relay, emit, outbox } = createRelayScene({ retentionMs: 3_600_000 });
  await emit(sampleEvent('a'));
  relay.start();
  await clock.advanceAndSettle(3_500_000);
  assert.equal(await outbox.prune(3_400_000), 1);
  await emit(sampleEvent('b'));
  await clock.advanceAndSettle(3_800_000);
  assert.equal(await outbox.prune(0), 0);
  await relay.stop();
});

test('misuse is refused at once', () => {
  for (const options of [
    { batchSize: 0 },
    { pollIntervalMs: Number.NaN },
    { publishTimeoutMs: 0.5 },
    { owner: '' },
    { leaseMs: 0 },
  ]) {
    assert.throws(() => createRelayScene(options), TypeError);
  }
});
