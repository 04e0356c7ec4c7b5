import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createManualClock } from '@banyan/core/testing';
import { createMemoryEvents } from '@banyan/events/testing';
import { logStandingOf } from '../src/event-verbs/log-standing.ts';

const consumer = (position: number) => ({
  group: 'shipping',
  topics: ['orders.placed'],
  places: [
    { partition: 0, owner: undefined, positions: { 'orders.placed': { position: String(position) } } },
  ],
});

test('a consumer that has read everything is told apart from one whose place the log has lost', async () => {
  const clock = createManualClock();
  const { log, publishRaw } = createMemoryEvents(clock, { partitions: 1 });
  for (const text of ['one', 'two', 'three']) await publishRaw('orders.placed', 0, text);
  clock.advance(1);
  assert.equal(await log.prune(0), 3);
  assert.deepEqual(await logStandingOf(log, consumer(3)), { lag: 0, readers: 0, oldestUnreadAgeMs: 0 });
  const { lag, unreadable } = await logStandingOf(log, consumer(1));
  assert.equal(lag, 0);
  assert.match(unreadable ?? '', /no longer keeps what comes next/);
});
