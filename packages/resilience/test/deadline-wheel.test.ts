import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createManualClock } from '@banyan/core/testing';
import { createDeadlineWheel, type Deadline } from '@banyan/resilience';
import fc from 'fast-check';

test('a deadline expires its target once, at its time and not before', () => {
  const clock = createManualClock();
  const wheel = createDeadlineWheel({ clock, tickMs: 10 });
  let expired = 0;
  wheel.add(clock.nowMs() + 100, { expire: () => (expired += 1) });
  clock.advance(99);
  assert.equal(expired, 0);
  clock.advance(11);
  assert.equal(expired, 1);
  clock.advance(100_000);
  assert.equal(expired, 1);
});

test('a deadline far beyond one turn of the wheel keeps its time', () => {
  const clock = createManualClock();
  const wheel = createDeadlineWheel({ clock, tickMs: 1 });
  let expiredAtMs = 0;
  const deadlineMs = clock.nowMs() + 5_000;
  wheel.add(deadlineMs, { expire: () => (expiredAtMs = clock.nowMs()) });
  clock.advance(6_000);
  assert.ok(expiredAtMs >= deadlineMs && expiredAtMs <= deadlineMs + 1, String(expiredAtMs - deadlineMs));
});

test('a cancelled deadline never expires, and cancelling again changes nothing', () => {
  const clock = createManualClock();
  const wheel = createDeadlineWheel({ clock });
  const deadline = wheel.add(clock.nowMs() + 50, { expire: () => assert.fail('cancelled') });
  wheel.cancel(deadline);
  wheel.cancel(deadline);
  assert.equal(wheel.size, 0);
  clock.advance(1_000);
});

test('no timer runs while the wheel is empty', () => {
  const clock = createManualClock();
  const wheel = createDeadlineWheel({ clock, tickMs: 10 });
  assert.equal(clock.timers, 0);
  const deadline = wheel.add(clock.nowMs() + 1_000, { expire() {} });
  assert.equal(clock.timers, 1);
  wheel.cancel(deadline);
  clock.advance(10);
  assert.equal(clock.timers, 0);
});

test('a deadline in the past expires at the next tick, not inside add', () => {
  const clock = createManualClock();
  const wheel = createDeadlineWheel({ clock, tickMs: 10 });
  let expired = false;
  wheel.add(clock.nowMs() - 5, { expire: () => (expired = true) });
  assert.equal(expired, false);
  clock.advance(20);
  assert.equal(expired, true);
});

test('a target that adds past deadlines without end does not block the process', () => {
  const clock = createManualClock();
  const wheel = createDeadlineWheel({ clock, tickMs: 10 });
  let expired = 0;
  const target = {
    expire() {
      expired += 1;
      wheel.add(clock.nowMs() - 1, target);
    },
  };
  wheel.add(clock.nowMs(), target);
  clock.advance(100);
  assert.ok(expired >= 5 && expired <= 10, String(expired));
});

test('a target that throws does not take the other deadlines with it', () => {
  const clock = createManualClock();
  const wheel = createDeadlineWheel({ clock, tickMs: 10 });
  let expired = 0;
  const deadlineMs = clock.nowMs() + 30;
  wheel.add(deadlineMs, {
    expire() {
      throw new Error('broken target');
    },
  });
  wheel.add(deadlineMs, { expire: () => (expired += 1) });
  assert.throws(() => clock.advance(100), /broken target/);
  clock.advance(100);
  assert.equal(expired, 1);
});

test('a target that cancels its neighbours is safe', () => {
  const clock = createManualClock();
  const wheel = createDeadlineWheel({ clock, tickMs: 10 });
  const deadlines: Deadline[] = [];
  let expired = 0;
  const deadlineMs = clock.nowMs() + 30;
  for (let count = 0; count < 5; count += 1) {
    const expire = () => {
      expired += 1;
      for (const deadline of deadlines) wheel.cancel(deadline);
    };
    deadlines.push(wheel.add(deadlineMs, { expire }));
  }
  clock.advance(1_000);
  assert.equal(expired, 1);
  assert.equal(wheel.size, 0);
});

test('a deadline that is not a number is refused and infinity never expires', () => {
  const clock = createManualClock();
  const wheel = createDeadlineWheel({ clock });
  assert.throws(() => wheel.add(Number.NaN, { expire() {} }), TypeError);
  wheel.add(Number.POSITIVE_INFINITY, { expire: () => assert.fail('never') });
  clock.advance(60_000);
  assert.equal(wheel.size, 1);
  assert.throws(() => createDeadlineWheel({ tickMs: 0 }), TypeError);
});

test('whatever is added, cancelled and waited for, every live deadline fires in time and no other does', () => {
  const step = fc.record({
    delayMs: fc.integer({ min: -50, max: 3_000 }),
    cancel: fc.boolean(),
    waitMs: fc.nat(400),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const clock = createManualClock();
      const wheel = createDeadlineWheel({ clock, tickMs: 5 });
      const fired = new Map<number, number>();
      const wanted = new Map<number, number>();
      steps.forEach((one, index) => {
        const deadlineMs = clock.nowMs() + one.delayMs;
        const addedAtMs = clock.nowMs();
        const deadline = wheel.add(deadlineMs, { expire: () => fired.set(index, clock.nowMs()) });
        if (one.cancel) wheel.cancel(deadline);
        else wanted.set(index, Math.max(deadlineMs, addedAtMs));
        clock.advance(one.waitMs);
      });
      clock.advance(10_000);
      assert.deepEqual([...fired.keys()].sort(), [...wanted.keys()].sort());
      for (const [index, atMs] of fired) {
        const lateMs = atMs - (wanted.get(index) ?? 0);
        assert.ok(lateMs >= 0 && lateMs <= 10, `deadline ${index} fired ${lateMs} ms late`);
      }
      assert.equal(wheel.size, 0);
      assert.equal(clock.timers, 0);
    }),
  );
});
