import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sleep } from '@banyan/core';
import { createManualClock } from '@banyan/core/testing';

test('timers run when they are due, in the order of their times, those that they set in turn as well', () => {
  const clock = createManualClock(1_000);
  const ran: string[] = [];
  const note = (name: string) => () => ran.push(`${name} at ${clock.nowMs()}`);
  clock.setTimer(note('late'), 500);
  clock.setTimer(note('early'), 100);
  clock.setTimer(note('early too'), 100);
  clock.setTimer(() => clock.setTimer(note('inner'), 50), 200);
  clock.setTimer(note('past'), -1);
  const cancel = clock.setTimer(note('cancelled'), 10);
  cancel();
  cancel();
  assert.equal(clock.timers, 5);
  clock.advance(0);
  assert.deepEqual(ran, ['past at 1000']);
  clock.advance(250);
  assert.deepEqual(ran.slice(1), ['early at 1100', 'early too at 1100', 'inner at 1250']);
  assert.deepEqual([clock.nowMs(), clock.timers], [1_250, 1]);
});

test('advancing and settling lets asynchronous work set its next timer', async () => {
  const clock = createManualClock();
  const { nowMs } = clock;
  const startMs = nowMs();
  const seen: number[] = [];
  const work = (async () => {
    for (let round = 0; round < 3; round += 1) {
      await sleep(100, clock);
      seen.push(nowMs() - startMs);
    }
  })();
  await clock.advanceAndSettle(300);
  assert.deepEqual([seen, nowMs() - startMs], [[100, 200, 300], 300]);
  await work;
});

test('time does not go back, and does not end', async () => {
  const clock = createManualClock();
  for (const wrong of [-1, Number.NaN, Number.POSITIVE_INFINITY]) {
    assert.throws(() => clock.advance(wrong), TypeError);
    await assert.rejects(clock.advanceAndSettle(wrong), TypeError);
  }
});
