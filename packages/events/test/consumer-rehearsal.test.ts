import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CloudEvent } from '@banyan/events';
import { createRecorder, createScene } from './consumer-scene.ts';
import { sampleEvent, valueIn } from './samples.ts';
import { publish } from './scene.ts';

test('in development each event is interrupted before its commit, then handled for good', async () => {
  const committed: unknown[] = [];
  const { attempts, handle } = createRecorder(async (event, delivery) => {
    await scene.tx(async ({ sql, onCommit }) => {
      onCommit(() => committed.push(valueIn(event)));
      await delivery.complete(sql);
    });
  });
  const scene = createScene(handle, { deliverTwice: { seed: 1 } });
  await scene.consumer.start();
  await publish(scene.log, sampleEvent('a', 1), sampleEvent('a', 2));
  await scene.clock.advanceAndSettle(1_000);
  assert.deepEqual(attempts, [1, 2, 1, 2]);
  assert.deepEqual(committed, [1, 2]);
  const { pending, dead } = await scene.consumer.status();
  assert.deepEqual({ pending, dead }, { pending: 0, dead: 0 });
  await scene.consumer.stop();
});

test('the same seed interrupts the same events, and about the share that was asked for', async () => {
  const events = Array.from({ length: 200 }, (_, value) => sampleEvent(`k${value}`, value));
  const interrupted = async (seed: number) => {
    const repeated: CloudEvent[] = [];
    const { clock, log, consumer } = createScene(
      async (event, { attempt }) => {
        if (attempt === 2) repeated.push(event);
      },
      { deliverTwice: { seed, share: 0.5 } },
    );
    await publish(log, ...events);
    await consumer.start();
    await clock.advanceAndSettle(1_000);
    await consumer.stop();
    return repeated.map((event) => event.id).sort();
  };
  const first = await interrupted(7);
  assert.deepEqual(await interrupted(7), first);
  assert.notDeepEqual(await interrupted(8), first);
  assert.ok(first.length > 60 && first.length < 140, `${first.length} of 200`);
});

test('in development pages come twice, late and out of order across keys, by both ways, and take effect once and in order', async () => {
  let interrupted = 0;
  for (const seed of [1, 2, 3, 4, 5]) {
    const effects: CloudEvent[] = [];
    const scene = createScene(
      async (event, delivery) => {
        await scene.tx(async ({ sql, onCommit }) => {
          onCommit(() => effects.push(event));
          patient += 1;
          await delivery.complete(sql);
        });
      },
      {
        deliverTwice: { seed },
        batchSize: 40,
        handleBatch: (batch) => {
          batches += 1;
          return scene.handleBatch(batch, (event, { onCommit }) => void onCommit(() => effects.push(event)));
        },
      },
    );
    let patient = 0;
    let batches = 0;
    const events = Array.from({ length: 300 }, (_, number) => sampleEvent(`k${number % 20}`, number));
    await scene.consumer.start();
    for (let first = 0; first < 300; first += 50) {
      await publish(scene.log, ...events.slice(first, first + 50));
      await scene.clock.advanceAndSettle(50);
    }
    await scene.clock.advanceAndSettle(30_000);
    assert.equal(effects.length, 300);
    assert.notDeepEqual(effects.map(valueIn), events.map(valueIn));
    for (const [key, ofKey] of Map.groupBy(effects, ({ subject }) => subject)) {
      assert.deepEqual(ofKey.map(valueIn), events.filter(({ subject }) => subject === key).map(valueIn));
    }
    const status = await scene.consumer.status();
    assert.ok(patient > 0 && batches >= 2 * status.batches, `${patient} patient, ${batches} batches`);
    interrupted += batches - 2 * status.batches;
    assert.deepEqual([status.pending, status.dead], [0, 0]);
    await scene.consumer.stop();
  }
  assert.ok(interrupted > 0);
});
