import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServiceError } from '@banyan/core';
import type { CloudEvent, ConsumerOptions, EventLog } from '@banyan/events';
import { createRecorder, createScene, type HandleOne } from './consumer-scene.ts';
import { sampleEvent, valueIn } from './samples.ts';
import { publish } from './scene.ts';

/** A consumer with both ways; `batched` and `patient` hold the values of what each has handled for good. */
function createBatchScene(handleOne: HandleOne, options: Partial<ConsumerOptions> = {}) {
  const batched: unknown[] = [];
  const { handled: patient, handle } = createRecorder(async (event) => {
    await handleOne(event, { sql: undefined as never, onCommit() {} });
  });
  const scene = createScene(handle, {
    handleBatch: (batch) =>
      scene.handleBatch(batch, async (event, transaction) => {
        await handleOne(event, transaction);
        transaction.onCommit(() => batched.push(valueIn(event)));
      }),
    ...options,
  });
  return { ...scene, batched, patient };
}

const nothing = () => {};
const unavailable = () => new ServiceError('down', { code: 'unavailable', reason: 'database_unavailable' });

test('a page is handled in one transaction with the move of its places', async () => {
  const { clock, log, inbox, consumer, batched, patient } = createBatchScene(nothing);
  await publish(log, ...[1, 2, 3].map((value) => sampleEvent('a', value)));
  await consumer.start();
  await clock.advanceAndSettle(0);
  assert.deepEqual([batched, patient], [[1, 2, 3], []]);
  const { batches, lag, pending, behindMs } = await consumer.status();
  assert.deepEqual([batches, lag, pending, behindMs], [1, 0, 0, 0]);
  const places = await inbox.places(log.id);
  assert.equal(places.filter(({ positions }) => positions['orders.placed'] !== undefined).length, 1);
  await consumer.stop();
});

test('an event that fails takes the patient way with its key, and the rest of its page is handled without it', async () => {
  let isBroken = true;
  const { clock, log, inbox, consumer, batched, patient } = createBatchScene(
    (event) => {
      if (isBroken && valueIn(event) === 'poison') throw new TypeError('broken');
    },
    { maxAttempts: 2 },
  );
  const poison = sampleEvent('a', 'poison');
  await publish(log, sampleEvent('b', 'b1'), poison, sampleEvent('a', 'a2'), sampleEvent('b', 'b2'));
  await consumer.start();
  await clock.advanceAndSettle(10_000);
  await publish(log, sampleEvent('a', 'a3'), sampleEvent('b', 'b3'));
  await clock.advanceAndSettle(1_000);
  assert.deepEqual([batched, patient], [['b1', 'b2', 'b3'], []]);
  const [letter] = await inbox.deadLetters(10);
  assert.deepEqual([letter?.id, letter?.attempts, letter?.waiting], [poison.id, 2, 2]);
  assert.match(letter?.stack ?? '', /TypeError: broken\n/);
  isBroken = false;
  await inbox.retryDeadLetters([poison.id], 'ann');
  await clock.advanceAndSettle(1_000);
  assert.deepEqual(patient, ['poison', 'a2', 'a3']);
  await publish(log, sampleEvent('a', 'a4'));
  await clock.advanceAndSettle(0);
  assert.deepEqual(batched.at(-1), 'a4');
  await consumer.stop();
});

test('topics that must not share a transaction are stored, and a key that has both kinds keeps its order', async () => {
  const handled: unknown[] = [];
  const { clock, log, consumer, batched, patient } = createBatchScene(
    (event) => void handled.push(valueIn(event)),
    {
      topics: ['orders.placed', 'orders.shipped'],
      isBatchable: (topic) => topic !== 'orders.shipped',
    },
  );
  await publish(
    log,
    sampleEvent('a', 'a1'),
    sampleEvent('a', 'a2', 'orders.shipped'),
    sampleEvent('a', 'a3'),
    sampleEvent('b', 'b1'),
  );
  await consumer.start();
  await clock.advanceAndSettle(0);
  assert.deepEqual([batched, patient], [['b1'], ['a1', 'a2', 'a3']]);
  assert.deepEqual(
    handled.filter((value) => value !== 'b1'),
    ['a1', 'a2', 'a3'],
  );
  await consumer.stop();
});

test('after three refusals the whole page takes the patient way', async () => {
  let calls = 0;
  const { clock, log, consumer, batched, patient } = createBatchScene(nothing, {
    async handleBatch() {
      calls += 1;
      return { kind: 'refused', keys: [`orders/k${calls}`] };
    },
  });
  await publish(log, ...[1, 2, 3, 4, 5].map((value) => sampleEvent(`k${value}`, value)));
  await consumer.start();
  await clock.advanceAndSettle(1_000);
  assert.equal(calls, 3);
  assert.deepEqual([batched, patient.toSorted()], [[], [1, 2, 3, 4, 5]]);
  await consumer.stop();
});

test('while the database is away a batch is tried again, ever more rarely, and is not broken up', async () => {
  let isDown = true;
  let calls = 0;
  const scene = createBatchScene(nothing, {
    handleBatch: (batch) => {
      calls += 1;
      if (isDown) return Promise.reject(unavailable());
      return scene.handleBatch(batch, (event, { onCommit }) =>
        onCommit(() => scene.batched.push(valueIn(event))),
      );
    },
  });
  await publish(scene.log, sampleEvent('a', 1), sampleEvent('b', 2));
  await scene.consumer.start();
  await scene.clock.advanceAndSettle(60_000);
  assert.ok(calls > 5 && calls < 1_300, `${calls} attempts in a minute`);
  isDown = false;
  await scene.clock.advanceAndSettle(10_000);
  assert.deepEqual([scene.batched.toSorted(), scene.patient], [[1, 2], []]);
  await scene.consumer.stop();
});

test('a batch that rejects again and again with nobody to blame takes the patient way', async () => {
  let calls = 0;
  const { clock, log, consumer, patient } = createBatchScene(nothing, {
    handleBatch() {
      calls += 1;
      return Promise.reject(new Error('odd'));
    },
  });
  await publish(log, sampleEvent('a', 1), sampleEvent('b', 2));
  await consumer.start();
  await clock.advanceAndSettle(5_000);
  assert.deepEqual([calls, patient.toSorted()], [3, [1, 2]]);
  await consumer.stop();
});

test('a batch that runs out of time is aborted, and only the event that hangs times out on the patient way', async () => {
  const reasons: unknown[] = [];
  const hang = (event: CloudEvent, signal: AbortSignal) =>
    valueIn(event) === 'hangs'
      ? new Promise<void>((_, reject) => {
          signal.addEventListener('abort', () => {
            reasons.push((signal.reason as ServiceError).reason);
            reject(signal.reason);
          });
        })
      : Promise.resolve();
  const { handled, handle } = createRecorder((event, { signal }) => hang(event, signal));
  const scene = createScene(handle, {
    handlerTimeoutMs: 5_000,
    maxWaitMs: 20_000,
    handleBatch: (batch) =>
      scene.tx(async ({ sql }) => {
        const admitted = await batch.admit(sql);
        for (const event of admitted) await hang(event, batch.signal);
        return { kind: 'committed', handled: admitted.length };
      }),
  });
  await publish(scene.log, sampleEvent('a', 'fine'), sampleEvent('b', 'hangs'), sampleEvent('c', 'fine too'));
  await scene.consumer.start();
  await scene.clock.advanceAndSettle(5_500);
  assert.deepEqual(handled.toSorted(), ['fine', 'fine too']);
  assert.equal((await scene.consumer.status()).inFlight, 1);
  await scene.clock.advanceAndSettle(120_000);
  assert.ok(reasons.length > 2 && reasons.every((reason) => reason === 'delivery_deadline'));
  const [letter] = await scene.inbox.deadLetters(10);
  assert.equal(valueIn(letter?.event as CloudEvent), 'hangs');
  await scene.consumer.stop();
});

test('a batch that ignores its signal is given up, and takes no effect twice', async () => {
  const gate = Promise.withResolvers<void>();
  const effects: unknown[] = [];
  const { handled, handle } = createRecorder();
  const scene = createScene(handle, {
    handlerTimeoutMs: 1_000,
    handleBatch: (batch) =>
      scene.handleBatch(batch, async (event, { onCommit }) => {
        onCommit(() => effects.push(valueIn(event)));
        await gate.promise;
      }),
  });
  await publish(scene.log, sampleEvent('a', 1));
  await scene.consumer.start();
  await scene.clock.advanceAndSettle(10_000);
  gate.resolve();
  await scene.clock.advanceAndSettle(10_000);
  assert.deepEqual([effects, handled], [[1], []]);
  assert.equal((await scene.consumer.status()).pending, 0);
  await scene.consumer.stop();
});

test('what is no event becomes a dead letter, and the events around it are handled', async () => {
  const { clock, log, inbox, consumer, publishRaw, batched } = createBatchScene(nothing);
  await publish(log, sampleEvent('a', 1));
  for (let partition = 0; partition < log.partitions; partition += 1) {
    await publishRaw('orders.placed', partition, '{ no json');
  }
  await publish(log, sampleEvent('a', 2));
  await consumer.start();
  await clock.advanceAndSettle(0);
  assert.deepEqual(batched, [1, 2]);
  const letters = await inbox.deadLetters(100);
  assert.equal(letters.length, log.partitions);
  assert.deepEqual([letters[0]?.text, letters[0]?.event], ['{ no json', undefined]);
  assert.match(letters[0]?.reason ?? '', /^invalid_argument invalid_event: The text is no JSON/);
  await consumer.stop();
});

test('the next page is read while one is handled, and the log is told when it was', async () => {
  const steps: string[] = [];
  const gate = Promise.withResolvers<void>();
  const scene = createScene(async () => {}, {
    batchSize: 2,
    handleBatch: (batch) =>
      scene.handleBatch(batch, async (event) => {
        steps.push(`handle ${valueIn(event)}`);
        if (valueIn(event) === 1) await gate.promise;
      }),
  });
  const spied: EventLog = {
    ...scene.log,
    async open(request) {
      const reader = await scene.log.open(request);
      return {
        async next(limit, waitMs) {
          const page = await reader.next(limit, waitMs);
          steps.push(`read ${page.events.map(valueIn).join(' ')}`);
          return page;
        },
        async commit() {
          steps.push('commit');
        },
        close: () => reader.close(),
      };
    },
  };
  const consumer = scene.createInstance('mail-2', { log: spied });
  await publish(scene.log, ...[1, 2, 3, 4].map((value) => sampleEvent('a', value)));
  await consumer.start();
  await scene.clock.advanceAndSettle(0);
  assert.deepEqual(steps, ['read 1 2', 'read 3 4', 'handle 1']);
  gate.resolve();
  await scene.clock.advanceAndSettle(0);
  assert.deepEqual(steps.slice(3), ['handle 2', 'commit', 'handle 3', 'handle 4', 'commit']);
  await consumer.stop();
});

test('batches that take long are made smaller, and larger again when they are quick', async () => {
  let isSlow = true;
  const sizes: number[] = [];
  const scene = createScene(async () => {}, {
    batchSize: 64,
    handleBatch: (batch) =>
      scene.tx(async ({ sql }) => {
        const admitted = await batch.admit(sql);
        sizes.push(admitted.length);
        if (isSlow) await new Promise<void>((resolve) => scene.clock.setTimer(resolve, 1_500));
        return { kind: 'committed', handled: admitted.length };
      }),
  });
  await publish(scene.log, ...Array.from({ length: 1_000 }, (_, value) => sampleEvent('a', value)));
  await scene.consumer.start();
  await scene.clock.advanceAndSettle(10_000);
  // One page is read ahead at the size before.
  assert.deepEqual(sizes.slice(0, 6), [64, 64, 32, 16, 10, 10]);
  isSlow = false;
  await scene.clock.advanceAndSettle(20_000);
  assert.equal(Math.max(...sizes.slice(10)), 64);
  assert.equal(
    sizes.reduce((sum, size) => sum + size, 0),
    1_000,
  );
  await scene.consumer.stop();
});

test('a large page is handled in halves by partition: each key in order, and a key that fails leaves the other half alone', async () => {
  const keys = Array.from({ length: 20 }, (_, number) => `key ${number}`);
  const numbers = Array.from({ length: 400 }, (_, number) => number);
  const { clock, log, inbox, consumer, batched } = createBatchScene(
    (event) => {
      if (event.subject === 'key 3') throw new TypeError('broken');
    },
    { maxAttempts: 1 },
  );
  await publish(log, ...numbers.map((number) => sampleEvent(keys[number % 20] ?? '', number)));
  await consumer.start();
  await clock.advanceAndSettle(10_000);
  assert.equal((await consumer.status()).batches, 2);
  const ofKey = (key: number) => (batched as number[]).filter((number) => number % 20 === key);
  for (const key of keys.keys()) {
    assert.deepEqual(ofKey(key), key === 3 ? [] : numbers.filter((number) => number % 20 === key));
  }
  const [letter] = await inbox.deadLetters(10);
  assert.deepEqual([letter?.key, letter?.waiting], ['orders/key 3', 19]);
  await consumer.stop();
});

test('under load events gather, so that a page is not read for each', async () => {
  const { clock, log, consumer, batched } = createBatchScene(nothing, { gatherMs: 50 });
  await consumer.start();
  const count = 300;
  for (let value = 0; value < count; value += 1) {
    await publish(log, sampleEvent(`${value}`, value));
    await clock.advanceAndSettle(0);
  }
  const endMs = Date.now() + 30_000;
  while (batched.length < count && Date.now() < endMs) await clock.advanceAndSettle(1);
  assert.equal(batched.length, count);
  const { batches } = await consumer.status();
  assert.ok(batches < count / 2, `${batches} pages for ${count} events`);
  await consumer.stop();
});

test('a time to gather that is none is refused', () => {
  for (const gatherMs of [-1, Number.NaN, Number.POSITIVE_INFINITY, '5' as unknown as number]) {
    assert.throws(() => createBatchScene(nothing, { gatherMs }), { name: 'TypeError', message: /gatherMs/ });
  }
});
