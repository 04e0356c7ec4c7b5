import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServiceError } from '@banyan/core';
import { createManualClock } from '@banyan/core/testing';
import {
  createMemoryRateLimits,
  createRateLimiter,
  type LimitedRate,
  type RateLimitStore,
  rateProblem,
} from '@banyan/resilience';

const tenPerMinute: LimitedRate = {
  name: 'reads',
  quota: 10,
  windowMs: 60_000,
  whenStoreFails: 'count_locally',
};

/** A shared store that can be away, and counts how often it is asked. */
function createDistantStore(clock: ReturnType<typeof createManualClock>) {
  const memory = createMemoryRateLimits({ clock });
  const distant = {
    asked: 0,
    isAway: false,
    async take(key: string, charge: Parameters<RateLimitStore['take']>[1]) {
      distant.asked += 1;
      if (distant.isAway)
        throw new ServiceError('no answer', { code: 'unavailable', reason: 'redis_unavailable' });
      return memory.take(key, charge);
    },
    close: () => Promise.resolve(),
  };
  return distant;
}

test('says what is left, when more can be had, and when all is back', async () => {
  const clock = createManualClock();
  const limiter = createRateLimiter({ store: createMemoryRateLimits({ clock }), clock });
  // A unit comes back every 6 s.
  assert.deepEqual(limiter.take(tenPerMinute, { key: 'ada', units: 4 }), {
    allowed: true,
    remaining: 6,
    retryAfterMs: 0,
    fullAfterMs: 24_000,
  });
  clock.advance(3_000);
  assert.deepEqual(limiter.take(tenPerMinute, { key: 'ada', units: 7 }), {
    allowed: false,
    remaining: 6,
    retryAfterMs: 3_000,
    fullAfterMs: 21_000,
  });
  clock.advance(3_000);
  assert.equal((await limiter.take(tenPerMinute, { key: 'ada', units: 7 })).allowed, true);
});

test('a key that was refused is refused without asking the store, until it can have what it wants', async () => {
  const clock = createManualClock();
  const store = createDistantStore(clock);
  const limiter = createRateLimiter({ store, clock });
  await limiter.take(tenPerMinute, { key: 'ada', units: 10 });
  assert.equal((await limiter.take(tenPerMinute, { key: 'ada', units: 1 })).allowed, false);
  assert.equal(store.asked, 2);
  for (let count = 0; count < 1_000; count += 1) {
    assert.equal((await limiter.take(tenPerMinute, { key: 'ada', units: 1 })).allowed, false);
  }
  clock.advance(5_999);
  assert.equal((await limiter.take(tenPerMinute, { key: 'ada', units: 1 })).allowed, false);
  assert.equal(store.asked, 2);
  assert.equal((await limiter.take(tenPerMinute, { key: 'bob', units: 1 })).allowed, true);
  clock.advance(1);
  assert.equal((await limiter.take(tenPerMinute, { key: 'ada', units: 1 })).allowed, true);
  assert.equal(store.asked, 4);
});

test('what is known here agrees with what another process has taken meanwhile', async () => {
  const clock = createManualClock();
  const store = createDistantStore(clock);
  const [here, there] = [createRateLimiter({ store, clock }), createRateLimiter({ store, clock })];
  await here.take(tenPerMinute, { key: 'ada', units: 10 });
  await here.take(tenPerMinute, { key: 'ada', units: 1 });
  clock.advance(6_000);
  assert.equal((await there.take(tenPerMinute, { key: 'ada', units: 1 })).allowed, true);
  assert.equal((await here.take(tenPerMinute, { key: 'ada', units: 1 })).allowed, false);
});

test('while the store is away each process counts by itself; when it is back they share again', async () => {
  const clock = createManualClock();
  const store = createDistantStore(clock);
  const changes: boolean[] = [];
  const limiter = createRateLimiter({ store, clock, onStoreChange: ({ answers }) => changes.push(answers) });
  await limiter.take(tenPerMinute, { key: 'ada', units: 9 });
  store.isAway = true;
  const allowed: boolean[] = [];
  for (let count = 0; count < 12; count += 1) {
    allowed.push((await limiter.take(tenPerMinute, { key: 'ada', units: 1 })).allowed);
  }
  assert.deepEqual(allowed, [...Array<boolean>(10).fill(true), false, false]);
  // One request found out; the others did not wait for the store.
  assert.equal(store.asked, 2);
  store.isAway = false;
  clock.advance(1_000);
  assert.equal((await limiter.take(tenPerMinute, { key: 'ada', units: 1 })).allowed, true);
  assert.equal((await limiter.take(tenPerMinute, { key: 'ada', units: 1 })).allowed, false);
  assert.deepEqual(changes, [false, true]);
});

test('a limit that refuses without its store lets nothing through', async () => {
  const clock = createManualClock();
  const store = createDistantStore(clock);
  const limiter = createRateLimiter({ store, clock });
  store.isAway = true;
  const strict: LimitedRate = { ...tenPerMinute, whenStoreFails: 'refuse' };
  for (let count = 0; count < 3; count += 1) {
    await assert.rejects(async () => limiter.take(strict, { key: 'ada', units: 1 }), {
      code: 'unavailable',
      reason: 'rate_limits_unavailable',
      retryAfterMs: 1_000,
    });
  }
  assert.equal(store.asked, 1);
});

test('forgets the key that was asked for longest ago when there are too many', async () => {
  const clock = createManualClock();
  const limiter = createRateLimiter({ store: createMemoryRateLimits({ clock, maxKeys: 3 }), clock });
  const isAllowed = async (key: string) =>
    (await limiter.take({ ...tenPerMinute, quota: 1 }, { key, units: 1 })).allowed;
  for (const key of ['a', 'b', 'c', 'd']) assert.equal(await isAllowed(key), true);
  assert.equal(await isAllowed('b'), false);
  assert.equal(await isAllowed('a'), true);
});

test('a store that does not answer is given up on after a quarter of a second', async () => {
  const clock = createManualClock();
  const store: RateLimitStore = { take: () => new Promise(() => {}), close: () => Promise.resolve() };
  const limiter = createRateLimiter({ store, clock });
  const verdict = Promise.resolve(limiter.take(tenPerMinute, { key: 'ada', units: 1 }));
  await clock.advanceAndSettle(270);
  assert.equal((await verdict).allowed, true);
  assert.equal((limiter.take(tenPerMinute, { key: 'ada', units: 1 }) as { remaining: number }).remaining, 8);
});

test('refuses rates that mean nothing', () => {
  for (const rate of [
    { quota: 0, windowMs: 1 },
    { quota: 1.5, windowMs: 1 },
    { quota: 1, windowMs: 0 },
    { quota: 1, windowMs: Number.NaN },
    { quota: 1, windowMs: 1, burst: 0 },
    { quota: 2_000_000, windowMs: 1_000 },
    { quota: 1, windowMs: 86_400_000 * 400 },
  ]) {
    assert.equal(typeof rateProblem(rate), 'string', JSON.stringify(rate));
  }
  assert.equal(rateProblem({ quota: 1_000_000, windowMs: 1_000 }), undefined);
});
