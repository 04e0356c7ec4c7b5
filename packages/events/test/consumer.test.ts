import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ServiceError } from '@banyan/core';
import { type ConsumerOptions, createConsumer, type Delivery } from '@banyan/events';
import { createRecorder, createScene, type Handle } from './consumer-scene.ts';
import { sampleEvent, valueIn } from './samples.ts';
import { publish, store } from './scene.ts';

test('events reach the handler as soon as they are in the log, and are finished when it resolves', async () => {
  const { handled, handle } = createRecorder();
  const { clock, log, consumer } = createScene(handle);
  await consumer.start();
  await clock.advanceAndSettle(0);
  await publish(log, sampleEvent('a', 1), sampleEvent('a', 2), sampleEvent('b', 3));
  await clock.advanceAndSettle(0);
  assert.deepEqual(handled.toSorted(), [1, 2, 3]);
  const status = await consumer.status();
  assert.deepEqual([status.running, status.inFlight, status.pending, status.dead], [true, 0, 0, 0]);
  await consumer.stop();
});

test('a new consumer starts at the beginning of the log', async () => {
  const { handled, handle } = createRecorder();
  const { clock, log, consumer } = createScene(handle, { batchSize: 7 });
  const values = Array.from({ length: 30 }, (_, number) => number);
  await publish(log, ...values.map((value) => sampleEvent('a', value)));
  await consumer.start();
  await clock.advanceAndSettle(0);
  assert.deepEqual(handled, values);
  await consumer.stop();
});

test('a topic that a later version adds is read from its beginning, the others go on where they were', async () => {
  const { handled, handle } = createRecorder();
  const scene = createScene(handle);
  await publish(
    scene.log,
    sampleEvent('a', 'placed', 'orders.placed'),
    sampleEvent('b', 'cancelled', 'orders.cancelled'),
  );
  await scene.consumer.start();
  await scene.clock.advanceAndSettle(0);
  await scene.consumer.stop();
  const later = createConsumer({
    gatherMs: 0,
    name: 'mail',
    instance: 'mail-1',
    log: scene.log,
    inbox: scene.inbox,
    clock: scene.clock,
    topics: ['orders.placed', 'orders.cancelled'],
    handle,
  });
  await later.start();
  await scene.clock.advanceAndSettle(0);
  await publish(scene.log, sampleEvent('c', 'more', 'orders.cancelled'));
  await scene.clock.advanceAndSettle(0);
  assert.deepEqual(handled, ['placed', 'cancelled', 'more']);
  await later.stop();
});

test('events of topics that nobody asked for are not delivered', async () => {
  const { handled, handle } = createRecorder();
  const { clock, log, consumer } = createScene(handle);
  await consumer.start();
  await publish(log, sampleEvent('a', 'no', 'orders.cancelled'), sampleEvent('a', 'yes'));
  await clock.advanceAndSettle(5_000);
  assert.deepEqual(handled, ['yes']);
  await consumer.stop();
});

test('a handler that completes in its own transaction is not completed twice', async () => {
  const { handled, handle } = createRecorder(async (_, delivery) => {
    await scene.tx(({ sql }) => delivery.complete(sql));
  });
  const scene = createScene(handle);
  await scene.consumer.start();
  await publish(scene.log, sampleEvent('a', 1), sampleEvent('a', 2));
  await scene.clock.advanceAndSettle(0);
  assert.deepEqual(handled, [1, 2]);
  assert.equal((await scene.consumer.status()).lastError, undefined);
  await scene.consumer.stop();
});

test('runs at most `concurrency` handlers at the same time, each for another key', async () => {
  let running = 0;
  let most = 0;
  const keys = new Set<string>();
  const { handled, handle } = createRecorder(async (event) => {
    assert.ok(!keys.has(event.subject));
    keys.add(event.subject);
    running += 1;
    most = Math.max(most, running);
    await new Promise((resolve) => setImmediate(resolve));
    running -= 1;
    keys.delete(event.subject);
  });
  const { clock, log, consumer } = createScene(handle, { concurrency: 4 });
  await publish(log, ...Array.from({ length: 60 }, (_, number) => sampleEvent(`k${number % 10}`, number)));
  await consumer.start();
  while (handled.length < 60) await clock.advanceAndSettle(10);
  assert.equal(most, 4);
  await consumer.stop();
});

test('a handler that fails is tried again, ever later, and its event is dead after the last attempt', async () => {
  const { attempts, handle } = createRecorder(async () => {
    throw new TypeError('no such property');
  });
  const { clock, log, inbox, consumer } = createScene(handle, { maxAttempts: 4 });
  const poison = sampleEvent('a', 'poison');
  await consumer.start();
  await publish(log, poison);
  await clock.advanceAndSettle(0);
  assert.deepEqual(attempts, [1]);
  await clock.advanceAndSettle(499);
  assert.deepEqual(attempts, [1]);
  await clock.advanceAndSettle(20);
  assert.deepEqual(attempts, [1, 2]);
  await clock.advanceAndSettle(1_020);
  assert.deepEqual(attempts, [1, 2, 3]);
  await clock.advanceAndSettle(2_020);
  assert.deepEqual(attempts, [1, 2, 3, 4]);
  await clock.advanceAndSettle(3_600_000);
  assert.deepEqual(attempts, [1, 2, 3, 4]);
  const [letter] = await inbox.deadLetters(10);
  assert.deepEqual(letter?.event, poison);
  assert.deepEqual([letter?.reason, letter?.attempts], ['TypeError: no such property', 4]);
  await consumer.stop();
});

test('behind a dead event its key waits, others go on, and a retry drains the key in order', async () => {
  let isBroken = true;
  const { handled, handle } = createRecorder(async (event) => {
    if (isBroken && valueIn(event) === 'poison') throw new Error('broken');
  });
  const { clock, log, inbox, consumer } = createScene(handle, { maxAttempts: 2 });
  const poison = sampleEvent('a', 'poison');
  await consumer.start();
  await publish(log, poison, sampleEvent('a', 'a2'), sampleEvent('b', 'b1'), sampleEvent('a', 'a3'));
  await clock.advanceAndSettle(10_000);
  await publish(log, sampleEvent('b', 'b2'));
  await clock.advanceAndSettle(10_000);
  assert.deepEqual(handled, ['b1', 'b2']);
  const { dead, waiting, pending } = await consumer.status();
  assert.deepEqual({ dead, waiting, pending }, { dead: 1, waiting: 2, pending: 0 });
  isBroken = false;
  await inbox.retryDeadLetters([poison.id], 'ann');
  consumer.poke();
  await clock.advanceAndSettle(0);
  assert.deepEqual(handled, ['b1', 'b2', 'poison', 'a2', 'a3']);
  await consumer.stop();
});

test('a handler gets a signal that aborts at its deadline, before its lease ends', async () => {
  const seen: unknown[] = [];
  const { handle } = createRecorder((_, { signal, deadlineMs }) => {
    seen.push(deadlineMs - clock.nowMs());
    return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  });
  const { clock, log, inbox, consumer } = createScene(handle, { handlerTimeoutMs: 5_000 });
  await consumer.start();
  await publish(log, sampleEvent('a', 1));
  await clock.advanceAndSettle(0);
  assert.deepEqual(seen, [5_000]);
  await clock.advanceAndSettle(4_999);
  assert.equal((await consumer.status()).inFlight, 1);
  assert.deepEqual(await inbox.claim({ owner: 'other', limit: 1, leaseMs: 1 }), []);
  await clock.advanceAndSettle(1);
  assert.equal((await consumer.status()).inFlight, 0);
  await consumer.stop();
});

test('a handler that ignores its signal is given up, and can commit nothing afterwards', async () => {
  const gate = Promise.withResolvers<void>();
  const late: unknown[] = [];
  const first: Handle = async (_, delivery) => {
    await gate.promise;
    await scene.tx(({ sql }) => delivery.complete(sql)).catch((error) => late.push(error.reason));
  };
  const { handled, attempts, handle } = createRecorder((event, delivery) =>
    delivery.attempt === 1 ? first(event, delivery) : Promise.resolve(),
  );
  const scene = createScene(handle, { handlerTimeoutMs: 1_000 });
  await scene.consumer.start();
  await publish(scene.log, sampleEvent('a', 1));
  await scene.clock.advanceAndSettle(10_000);
  assert.deepEqual([attempts, handled], [[1, 2], [1]]);
  gate.resolve();
  await scene.clock.advanceAndSettle(0);
  assert.deepEqual(late, ['lease_lost']);
  await scene.consumer.stop();
});

test('stopping takes no more events and waits for the handlers in flight', async () => {
  const gate = Promise.withResolvers<void>();
  const { handled, handle } = createRecorder(() => gate.promise);
  const { clock, log, consumer } = createScene(handle);
  await consumer.start();
  await publish(log, sampleEvent('a', 1), sampleEvent('a', 2));
  await clock.advanceAndSettle(0);
  const stopping = consumer.stop({ timeoutMs: 5_000 });
  await publish(log, sampleEvent('b', 3));
  await clock.advanceAndSettle(4_000);
  gate.resolve();
  await clock.advanceAndSettle(0);
  await stopping;
  assert.deepEqual(handled, [1]);
  await clock.advanceAndSettle(60_000);
  assert.deepEqual(handled, [1]);
  await consumer.start();
  await clock.advanceAndSettle(0);
  assert.deepEqual(handled, [1, 2, 3]);
  await consumer.stop();
});

test('stopping does not wait longer than it was told: what is in flight is given back and fenced off', async () => {
  const gate = Promise.withResolvers<void>();
  const reasons: unknown[] = [];
  let delivery: Delivery | undefined;
  const scene = createScene(async (_, given) => {
    delivery = given;
    given.signal.addEventListener('abort', () => reasons.push((given.signal.reason as ServiceError).reason));
    await gate.promise;
  });
  await scene.consumer.start();
  await publish(scene.log, sampleEvent('a', 1));
  await scene.clock.advanceAndSettle(0);
  const stopping = scene.consumer.stop({ timeoutMs: 1_000 });
  await scene.clock.advanceAndSettle(1_500);
  await stopping;
  assert.deepEqual(reasons, ['consumer_stopped']);
  const [again] = await scene.inbox.claim({ owner: 'mail-2', limit: 1, leaseMs: 1_000 });
  assert.deepEqual([again?.attempt, again?.failures], [2, 0]);
  await assert.rejects(
    scene.tx(async ({ sql }) => delivery?.complete(sql)),
    { reason: 'lease_lost' },
  );
  gate.resolve();
});

test('a restarted instance takes up what its former self was handling', async () => {
  const { handled, handle } = createRecorder();
  const { clock, log, inbox, consumer } = createScene(handle);
  await store(inbox, log, sampleEvent('a', 1));
  await inbox.claim({ owner: 'mail-1', limit: 1, leaseMs: 3_600_000 });
  await consumer.start();
  await clock.advanceAndSettle(0);
  assert.deepEqual(handled, [1]);
  await consumer.stop();
});

test('an event that kills its process every time is dead in the end', async () => {
  const { handled, handle } = createRecorder();
  const { clock, log, inbox, consumer } = createScene(handle);
  await store(inbox, log, sampleEvent('a', 'killer'));
  for (let death = 0; death < 20; death += 1) {
    assert.equal((await inbox.claim({ owner: 'crashed', limit: 1, leaseMs: 10 })).length, 1);
    await clock.advanceAndSettle(10);
  }
  await consumer.start();
  await clock.advanceAndSettle(0);
  assert.deepEqual(handled, []);
  const [letter] = await inbox.deadLetters(1);
  assert.match(letter?.reason ?? '', /^internal process_crashed/);
  await consumer.stop();
});

test('an event that this version has no handler for waits for a version that has', async () => {
  const { handled, handle } = createRecorder();
  const { clock, log, inbox, consumer } = createScene(handle);
  await store(inbox, log, sampleEvent('a', 'new', 'orders.archived'));
  await consumer.start();
  await clock.advanceAndSettle(3_600_000);
  await consumer.stop();
  assert.deepEqual(handled, []);
  assert.deepEqual(await inbox.deadLetters(1), []);
  const newer = createConsumer({
    gatherMs: 0,
    name: 'mail',
    instance: 'mail-1',
    topics: ['orders.archived'],
    log,
    inbox,
    clock,
    handle,
  });
  await newer.start();
  await clock.advanceAndSettle(60_000);
  assert.deepEqual(handled, ['new']);
  await newer.stop();
});

test('events claimed for a consumer that has stopped meanwhile are given back, not handled', async () => {
  const { handled, handle } = createRecorder();
  const scene = createScene(handle);
  const answer = Promise.withResolvers<void>();
  const asked = Promise.withResolvers<void>();
  // A database that answers again only after the stop.
  const { inbox } = scene;
  const claim = inbox.claim.bind(inbox);
  inbox.claim = async (request) => {
    const claims = await claim(request);
    if (claims.length > 0) {
      asked.resolve();
      await answer.promise;
    }
    return claims;
  };
  const consumer = scene.createInstance('mail-2');
  await consumer.start();
  await publish(scene.log, sampleEvent('a', 1));
  await scene.clock.advanceAndSettle(0);
  await asked.promise;
  const stopping = consumer.stop({ timeoutMs: 1_000 });
  await scene.clock.advanceAndSettle(2_000);
  await stopping;
  answer.resolve();
  await scene.clock.advanceAndSettle(0);
  assert.deepEqual(handled, []);
  const claims = await scene.inbox.claim({ owner: 'mail-3', limit: 1, leaseMs: 1_000 });
  assert.equal(claims.length, 1);
});

test('two instances of one consumer share the work and repeat none of it', async () => {
  const { handled, handle } = createRecorder(() => new Promise((resolve) => setImmediate(resolve)));
  const { clock, log, inbox, consumer } = createScene(handle);
  const other = createConsumer({
    gatherMs: 0,
    name: 'mail',
    instance: 'mail-2',
    log,
    inbox,
    topics: ['orders.placed'],
    handle,
    clock,
  });
  await Promise.all([consumer.start(), other.start()]);
  for (let value = 0; value < 100; value += 1) await publish(log, sampleEvent(`k${value % 7}`, value));
  while (handled.length < 100) await clock.advanceAndSettle(100);
  await clock.advanceAndSettle(10_000);
  assert.equal(handled.length, 100);
  assert.equal(new Set(handled).size, 100);
  await Promise.all([consumer.stop(), other.stop()]);
});

test('misuse is refused at once', () => {
  const wrong: Partial<ConsumerOptions>[] = [
    { concurrency: 0 },
    { maxAttempts: 1.5 },
    { batchSize: Number.NaN },
    { handlerTimeoutMs: -1 },
    { instance: '' },
    { handle: undefined as unknown as Handle },
  ];
  for (const options of wrong) assert.throws(() => createScene(async () => {}, options), TypeError);
});
