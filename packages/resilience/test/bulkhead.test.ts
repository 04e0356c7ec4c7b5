import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createBulkhead } from '@banyan/resilience';

const full = { code: 'resource_exhausted', reason: 'bulkhead_full', notStarted: true };

test('never more than maxConcurrent tasks run, in the order of arrival', async () => {
  const bulkhead = createBulkhead({ maxConcurrent: 2, maxQueued: 10 });
  const started: number[] = [];
  let most = 0;
  let running = 0;
  const task = (index: number) => async () => {
    started.push(index);
    running += 1;
    most = Math.max(most, running);
    await new Promise(setImmediate);
    running -= 1;
    return index;
  };
  const results = await Promise.all([0, 1, 2, 3, 4, 5].map((index) => bulkhead.run(task(index))));
  assert.deepEqual(results, [0, 1, 2, 3, 4, 5]);
  assert.deepEqual(started, [0, 1, 2, 3, 4, 5]);
  assert.equal(most, 2);
  assert.equal(bulkhead.running, 0);
});

test('a full queue refuses at once without running the task', async () => {
  const bulkhead = createBulkhead({ maxConcurrent: 1, maxQueued: 1 });
  await bulkhead.enter();
  const waiting = bulkhead.enter();
  await assert.rejects(
    bulkhead.run(async () => assert.fail('must not run')),
    full,
  );
  bulkhead.leave();
  await waiting;
  bulkhead.leave();
  assert.equal(bulkhead.running, 0);
});

test('an aborted wait leaves the queue with the reason of its signal', async () => {
  const bulkhead = createBulkhead({ maxConcurrent: 1, maxQueued: 1 });
  await bulkhead.enter();
  const controller = new AbortController();
  const waiting = bulkhead.enter(controller.signal);
  controller.abort(new Error('no longer wanted'));
  await assert.rejects(waiting, /no longer wanted/);
  await assert.rejects(bulkhead.enter(controller.signal), /no longer wanted/);
  assert.equal(bulkhead.queued, 0);
  bulkhead.leave();
  assert.equal(bulkhead.running, 0);
});

test('a task that fails gives its slot back', async () => {
  const bulkhead = createBulkhead({ maxConcurrent: 1 });
  const failing = () => Promise.reject(new Error('no'));
  await assert.rejects(bulkhead.run(failing), /no/);
  assert.equal(await bulkhead.run(async () => 'yes'), 'yes');
});

test('limits that make no sense are refused', () => {
  for (const options of [{ maxConcurrent: 0 }, { maxConcurrent: 1.5 }, { maxConcurrent: 1, maxQueued: -1 }]) {
    assert.throws(() => createBulkhead(options), TypeError);
  }
});
