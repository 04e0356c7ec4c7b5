import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isServiceError } from '@banyan/banyan';
import { eventually, startTestSystem } from '@banyan/testing';
import { board } from '../board/contract.ts';
import system from '../system.ts';

const minuteMs = 60_000;
// Two instances: what one is told, the other one knows.
const placement = [['gateway', 'office', 'archive', 'board'], ['board']];

test('a notice is there until its time to live is over, and then it is gone', async (t) => {
  const running = await startTestSystem(t, system, { placement });
  const client = running.client(board);
  await client.pin({ name: 'long', text: 'stays', ttlMs: minuteMs });
  await client.pin({ name: 'short', text: 'first', ttlMs: minuteMs });
  assert.equal((await client.look({ name: 'short' })).text, 'first');
  // Pinned anew, with a shorter life.
  await client.pin({ name: 'short', text: 'second', ttlMs: 1 });
  await eventually(
    () =>
      client.look({ name: 'short' }).then(
        () => 'there',
        (error: unknown) => (isServiceError(error) ? error.reason : String(error)),
      ),
    (found) => found === 'noSuchNotice',
  );
  const { text, ttlMs } = await client.look({ name: 'long' });
  assert.equal(text, 'stays');
  assert.ok(ttlMs > 0 && ttlMs <= minuteMs, `${ttlMs} ms`);
  // It also makes room.
  await eventually(
    () => client.countRows({}),
    ({ rows }) => rows === 1,
  );
});

test('news reaches whoever is subscribed at that moment, and nobody who comes later', async (t) => {
  const running = await startTestSystem(t, system, { placement });
  const client = running.client(board);
  assert.deepEqual(await client.tell({ topic: 'weather', text: 'to nobody' }), { reached: 0 });
  const early = await client.subscribe({ topic: 'weather', ttlMs: minuteMs });
  const elsewhere = await client.subscribe({ topic: 'traffic', ttlMs: minuteMs });
  assert.deepEqual(await client.tell({ topic: 'weather', text: 'rain' }), { reached: 1 });
  const late = await client.subscribe({ topic: 'weather', ttlMs: minuteMs });
  assert.deepEqual(await client.tell({ topic: 'weather', text: 'sun' }), { reached: 2 });
  assert.deepEqual(await client.collect(early), { texts: ['rain', 'sun'] });
  assert.deepEqual(await client.collect(late), { texts: ['sun'] });
  assert.deepEqual(await client.collect(elsewhere), { texts: [] });
  assert.deepEqual(await client.collect(early), { texts: [] });
});

test('who does not collect in time is subscribed no longer, and what was not collected is gone', async (t) => {
  const running = await startTestSystem(t, system, { placement });
  const client = running.client(board);
  const brief = await client.subscribe({ topic: 'weather', ttlMs: 1 });
  await eventually(
    () => client.tell({ topic: 'weather', text: 'fog' }),
    ({ reached }) => reached === 0,
  );
  await assert.rejects(client.collect(brief), { reason: 'notSubscribed' });
  await eventually(
    () => client.countRows({}),
    ({ rows }) => rows === 0,
  );
});

test('a hundred tellers at once: every subscriber has all of it, each once', async (t) => {
  const running = await startTestSystem(t, system, { placement });
  const client = running.client(board);
  const subscribers = await Promise.all(
    Array.from({ length: 3 }, () => client.subscribe({ topic: 'weather', ttlMs: minuteMs })),
  );
  const told = Array.from({ length: 100 }, (_, number) => `news ${number}`);
  await Promise.all(told.map((text) => client.tell({ topic: 'weather', text })));
  for (const subscriber of subscribers) {
    const collected = await Promise.all([client.collect(subscriber), client.collect(subscriber)]);
    assert.deepEqual(collected.flatMap(({ texts }) => texts).sort(), [...told].sort());
  }
});
