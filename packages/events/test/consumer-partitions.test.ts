import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServiceError } from '@banyan/core';
import type { Alarm, ConsumerOptions, EventLog, ReadRequest } from '@banyan/events';
import { createMemoryEvents } from '@banyan/events/testing';
import { createRecorder, createScene } from './consumer-scene.ts';
import { sampleEvent, valueIn } from './samples.ts';
import { publish } from './scene.ts';

/** Every instance handles batches; `handled` holds what was committed. */
function createSharedScene(options: Partial<ConsumerOptions> = {}) {
  const handled: unknown[] = [];
  const { handle } = createRecorder(async (event) => void handled.push(valueIn(event)));
  const scene = createScene(handle, {
    handleBatch: (batch) =>
      scene.handleBatch(batch, async (event, { onCommit }) => {
        await new Promise((resolve) => setImmediate(resolve));
        onCommit(() => handled.push(valueIn(event)));
      }),
    ...options,
  });
  return { ...scene, handled };
}

test('instances share the partitions, and each event is handled once while they join and leave', async () => {
  const scene = createSharedScene({ batchSize: 20 });
  const { clock, log, handled } = scene;
  const instances = ['mail-1', 'mail-2', 'mail-3'].map((name) => scene.createInstance(name));
  const [first, second, third] = instances;
  assert.ok(first && second && third);
  let value = 0;
  const publishMore = async (count: number) => {
    for (let number = 0; number < count; number += 1) {
      await publish(log, sampleEvent(`k${value % 50}`, value));
      value += 1;
    }
    await clock.advanceAndSettle(1_000);
  };
  await first.start();
  await publishMore(100);
  for (let round = 0; round < 4; round += 1) {
    await Promise.all([second.start(), third.start()]);
    for (let step = 0; step < 10; step += 1) await publishMore(30);
    const parts = await Promise.all(instances.map(async (each) => (await each.status()).partitions));
    assert.deepEqual(
      parts.map((part) => part.length),
      [4, 4, 4],
    );
    assert.equal(new Set(parts.flat()).size, 12);
    await (round % 2 === 0 ? second : third).stop();
    await publishMore(30);
    await (round % 2 === 0 ? third : second).stop();
    for (let step = 0; step < 10; step += 1) await publishMore(10);
    assert.equal((await first.status()).partitions.length, 12);
  }
  for (let step = 0; handled.length < value && step < 20; step += 1) await clock.advanceAndSettle(10_000);
  assert.equal(handled.length, value);
  for (const ofKey of Map.groupBy(handled as number[], (each) => each % 50).values()) {
    assert.deepEqual(
      ofKey,
      ofKey.toSorted((a, b) => a - b),
    );
  }
  const { rebalances, members, lag } = await first.status();
  assert.ok(rebalances >= 8 * 4, `${rebalances} rebalances`);
  assert.deepEqual([members, lag], [1, 0]);
  await first.stop();
});

test('an instance that was cut off for too long stores and handles nothing, and goes on when it is back', async () => {
  const scene = createSharedScene();
  const { clock, log, inbox, handled } = scene;
  let isCut = false;
  const cut = new Proxy(inbox, {
    get(target, name) {
      const method = Reflect.get(target, name).bind(target);
      if (name !== 'share' && name !== 'claim') return method;
      return (...parameters: unknown[]) => (isCut ? Promise.reject(unavailable()) : method(...parameters));
    },
  });
  const first = scene.createInstance('mail-1', { inbox: cut });
  const second = scene.createInstance('mail-2');
  await first.start();
  await clock.advanceAndSettle(1_000);
  isCut = true;
  await clock.advanceAndSettle(20_000);
  await second.start();
  await clock.advanceAndSettle(1_000);
  for (let value = 0; value < 50; value += 1) await publish(log, sampleEvent(`k${value}`, value));
  await clock.advanceAndSettle(5_000);
  assert.equal(new Set(handled).size, 50);
  assert.equal(handled.length, 50);
  const { behindMs } = await first.status();
  assert.ok(behindMs > 10_000, `${behindMs} ms`);
  isCut = false;
  await clock.advanceAndSettle(30_000);
  const parts = await Promise.all(
    [first, second].map(async (each) => (await each.status()).partitions.length),
  );
  assert.deepEqual(parts, [6, 6]);
  await publish(log, ...Array.from({ length: 50 }, (_, value) => sampleEvent(`k${value}`, 50 + value)));
  await clock.advanceAndSettle(5_000);
  assert.equal(handled.length, 100);
  await Promise.all([first.stop(), second.stop()]);
});

test('stopping finishes the batch in hand and gives the partitions to the others at once', async () => {
  const gate = Promise.withResolvers<void>();
  const scene = createSharedScene();
  const { clock, log, inbox, handled } = scene;
  const consumer = scene.createInstance('mail-2', {
    handleBatch: (batch) =>
      scene.handleBatch(batch, async (event, { onCommit }) => {
        onCommit(() => handled.push(valueIn(event)));
        await gate.promise;
      }),
  });
  await publish(log, sampleEvent('a', 1));
  await consumer.start();
  await clock.advanceAndSettle(0);
  const stopping = consumer.stop({ timeoutMs: 5_000 });
  await clock.advanceAndSettle(1_000);
  gate.resolve();
  await clock.advanceAndSettle(0);
  await stopping;
  assert.deepEqual(handled, [1]);
  const { leases } = await inbox.share({ log: log.id, partitions: 12, instance: 'mail-3', leaseMs: 1_000 });
  assert.equal(leases.length, 12);
});

test('a batch that does not end in time is aborted when the consumer stops, and comes again', async () => {
  const scene = createSharedScene();
  const { clock, log, handled } = scene;
  const consumer = scene.createInstance('mail-2', {
    handleBatch: (batch) =>
      scene.tx(async ({ sql }) => {
        await batch.admit(sql);
        return new Promise((_, reject) => {
          batch.signal.addEventListener('abort', () => reject(batch.signal.reason));
        });
      }),
  });
  await publish(log, sampleEvent('a', 1));
  await consumer.start();
  await clock.advanceAndSettle(0);
  const stopping = consumer.stop({ timeoutMs: 5_000 });
  await clock.advanceAndSettle(5_000);
  await stopping;
  assert.deepEqual(handled, []);
  await scene.consumer.start();
  await clock.advanceAndSettle(1_000);
  assert.deepEqual(handled, [1]);
  await scene.consumer.stop();
});

test('a new topic is read apart from its beginning, and together with the others once it has caught up', async () => {
  const scene = createSharedScene();
  const { clock, log, handled } = scene;
  const requests: ReadRequest[] = [];
  const spied: EventLog = {
    ...log,
    open(request) {
      requests.push(request);
      return log.open(request);
    },
  };
  await publish(log, sampleEvent('a', 'placed'), sampleEvent('a', 'cancelled', 'orders.cancelled'));
  await scene.consumer.start();
  await clock.advanceAndSettle(1_000);
  await scene.consumer.stop();
  const topics = ['orders.placed', 'orders.cancelled'];
  const later = scene.createInstance('mail-1', { log: spied, topics });
  await later.start();
  await clock.advanceAndSettle(0);
  assert.deepEqual(
    requests.map((request) => request.topics),
    [['orders.placed'], ['orders.cancelled']],
  );
  await publish(log, ...topics.map((topic) => sampleEvent('a', `more ${topic}`, topic)));
  await clock.advanceAndSettle(20_000);
  assert.deepEqual(handled, ['placed', 'cancelled', 'more orders.placed', 'more orders.cancelled']);
  assert.deepEqual(requests.at(-1)?.topics, topics);
  await publish(log, sampleEvent('a', 'last'));
  await clock.advanceAndSettle(0);
  assert.equal(handled.at(-1), 'last');
  await later.stop();
});

test('lanes read parts of the partitions independently', async () => {
  const { clock, log, consumer, handled } = createSharedScene({ lanes: 3, batchSize: 5 });
  await publish(log, ...Array.from({ length: 200 }, (_, value) => sampleEvent(`k${value % 40}`, value)));
  await consumer.start();
  for (let step = 0; step < 300 && handled.length < 200; step += 1) await clock.advanceAndSettle(10);
  await clock.advanceAndSettle(5_000);
  assert.equal(handled.length, 200);
  assert.equal(new Set(handled).size, 200);
  await consumer.stop();
});

test('a replay has everything handled again, without a restart', async () => {
  const { clock, log, inbox, consumer, handled } = createSharedScene();
  await publish(log, sampleEvent('a', 1), sampleEvent('b', 2));
  await consumer.start();
  await clock.advanceAndSettle(1_000);
  await inbox.replay({ log: log.id, topics: ['orders.placed'], from: 'start', by: 'ann' });
  await clock.advanceAndSettle(10_000);
  assert.deepEqual(handled.toSorted(), [1, 1, 2, 2]);
  await consumer.stop();
});

test('a consumer that missed what retention dropped stops there, loudly, or skips if it was told to', async () => {
  for (const onPositionLost of ['stop', 'skip'] as const) {
    const scene = createSharedScene({ onPositionLost });
    const { clock, log, handled } = scene;
    await publish(log, sampleEvent('a', 1));
    await scene.consumer.start();
    await clock.advanceAndSettle(1_000);
    await scene.consumer.stop();
    await publish(log, sampleEvent('a', 'missed'));
    await clock.advanceAndSettle(3_600_000);
    assert.ok((await log.prune(60_000)) > 0);
    await publish(log, sampleEvent('a', 2), sampleEvent('b', 3));
    await scene.consumer.start();
    await clock.advanceAndSettle(5_000);
    const { lastError, behindMs } = await scene.consumer.status();
    if (onPositionLost === 'stop') {
      assert.equal((lastError as ServiceError).reason, 'position_lost');
      assert.ok(behindMs > 4_000);
      assert.deepEqual(handled, [1]);
    } else {
      assert.equal(lastError, undefined);
      assert.deepEqual(handled.toSorted(), [1, 2, 3]);
    }
    await scene.consumer.stop();
  }
});

test('in a log that lost events a consumer goes on by itself, no further back than it remembers ids; behind retention it stops', async () => {
  const hourMs = 3_600_000;
  for (const loss of ['put_back', 'recreated', 'dropped'] as const) {
    const scene = createSharedScene();
    const { clock, log, handled } = scene;
    let isLost = false;
    const losing: EventLog = {
      ...log,
      onLoss: () => () => {},
      open(request) {
        const isBehind = [...request.from.values()].some((at) => typeof at === 'object' && 'position' in at);
        if (!isLost || !isBehind) return log.open(request);
        const lost = { code: 'failed_precondition', reason: 'position_lost', details: { loss } } as const;
        return Promise.reject(new ServiceError('lost', lost));
      },
    };
    const consumer = scene.createInstance('mail-9', { log: losing, retentionMs: 8 * hourMs });
    await publish(log, sampleEvent('a', 'old'));
    await consumer.start();
    await clock.advanceAndSettle(5_000);
    await consumer.stop();
    assert.deepEqual(handled, ['old']);
    await clock.advanceAndSettle(10 * hourMs);
    await scene.inbox.prune(8 * hourMs);
    await publish(log, sampleEvent('a', 'young'));
    isLost = true;
    await consumer.start();
    await clock.advanceAndSettle(5_000);
    const { lastError } = await consumer.status();
    await consumer.stop();
    const expected = {
      put_back: ['old', 'young'],
      // A log made anew has nothing that is old; here it has, and shows that it is read from its start.
      recreated: ['old', 'old', 'young'],
      dropped: ['old'],
    };
    assert.deepEqual(handled, expected[loss], loss);
    assert.equal(
      (lastError as ServiceError | undefined)?.reason,
      loss === 'dropped' ? 'position_lost' : undefined,
    );
  }
});

test('with an engine that cannot go back a new consumer begins with what comes next', async () => {
  const scene = createSharedScene();
  const { log } = createMemoryEvents(scene.clock, { replay: false });
  const consumer = scene.createInstance('mail-2', { log });
  await publish(log, sampleEvent('a', 'before'));
  await consumer.start();
  await scene.clock.advanceAndSettle(1_000);
  await publish(log, sampleEvent('a', 'after'));
  await scene.clock.advanceAndSettle(1_000);
  assert.deepEqual(scene.handled, ['after']);
  assert.equal((await consumer.status()).lag, 0);
  await consumer.stop();
});

test('a consumer that is behind raises the alarm once, and calls it off once', async () => {
  const alarms: Alarm[] = [];
  let isDown = true;
  const scene = createSharedScene({
    onAlarm: (alarm) => alarms.push(alarm),
    handleBatch: (batch) =>
      isDown ? Promise.reject(unavailable()) : scene.handleBatch(batch, async () => {}),
  });
  // An event tells its own time, which the test's clock knows nothing of.
  const event = { ...sampleEvent('a', 1), time: new Date(scene.clock.nowMs()).toISOString() };
  await publish(scene.log, event);
  await scene.consumer.start();
  await scene.clock.advanceAndSettle(55_000);
  assert.equal(alarms.length, 0);
  await scene.clock.advanceAndSettle(65_000);
  const { behindMs, overdue } = await scene.consumer.status();
  assert.deepEqual([behindMs, overdue], [120_000, true]);
  isDown = false;
  await scene.clock.advanceAndSettle(60_000);
  assert.deepEqual(
    alarms.map(({ invariant, state }) => [invariant, state]),
    [
      ['consumer', 'broken'],
      ['consumer', 'restored'],
    ],
  );
  assert.equal((await scene.consumer.status()).overdue, false);
  await scene.consumer.stop();
});

function unavailable(): ServiceError {
  return new ServiceError('down', { code: 'unavailable', reason: 'database_unavailable' });
}
