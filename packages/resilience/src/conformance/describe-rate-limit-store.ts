import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { chargeOf, type Rate, type RateLimitStore } from '../rate-limit-store.ts';

/** One store under test, empty at first. */
export interface RateLimitStoreHarness {
  /** A handle on the store; each call opens a further one, as another process would, unless the store is one process's own. */
  open(): Promise<RateLimitStore>;
  /** The time as the store sees it, and letting it pass. Default: real time. */
  readonly clock?: { nowMs(): number; advance(ms: number): void };
  /** Removes everything. */
  close(): Promise<void>;
}

export interface RateLimitStoreSuiteOptions {
  create(): Promise<RateLimitStoreHarness>;
}

/** Nothing comes back while a test runs. */
const hourly: Rate = { quota: 10, windowMs: 3_600_000 };

/** The conformance suite of {@link RateLimitStore}: call it at the top level of a test file. */
export function describeRateLimitStore(name: string, options: RateLimitStoreSuiteOptions): void {
  describe(`rate limit store conformance: ${name}`, () => {
    let harness: RateLimitStoreHarness;
    let handles: RateLimitStore[] = [];
    const open = async () => {
      const store = await harness.open();
      handles.push(store);
      return store;
    };
    const pass = async (ms: number) => {
      if (harness.clock === undefined) await delay(ms);
      else harness.clock.advance(ms);
    };
    const nowMs = () => harness.clock?.nowMs() ?? performance.now();
    beforeEach(async () => {
      harness = await options.create();
    });
    afterEach(async () => {
      for (const store of handles) await store.close();
      handles = [];
      await harness.close();
    });

    test('takes a burst, refuses what is above it, and leaves other keys alone', async () => {
      const store = await open();
      for (let count = 1; count <= 10; count += 1) {
        const { taken, debtUs } = await store.take('ada', chargeOf(hourly, 1));
        assert.equal(taken, true);
        // A unit is 360 s. Some of the first ones' debt is gone by now, less than a minute of it.
        assert.ok(debtUs <= count * 360_000_000 && debtUs > count * 360_000_000 - 60_000_000);
      }
      assert.equal((await store.take('ada', chargeOf(hourly, 1))).taken, false);
      assert.equal((await store.take('bob', chargeOf(hourly, 1))).taken, true);
    });

    test('a refusal takes nothing, and what it says is still owed', async () => {
      const store = await open();
      assert.equal((await store.take('ada', chargeOf(hourly, 6))).taken, true);
      const refused = await store.take('ada', chargeOf(hourly, 5));
      assert.equal(refused.taken, false);
      assert.ok(refused.debtUs <= 2_160_000_000 && refused.debtUs > 2_100_000_000);
      assert.equal((await store.take('ada', chargeOf(hourly, 4))).taken, true);
      assert.equal((await store.take('ada', chargeOf(hourly, 1))).taken, false);
    });

    test('a refusal of the first taking of a key leaves no debt', async () => {
      const store = await open();
      assert.deepEqual(await store.take('ada', chargeOf(hourly, 11)), { taken: false, debtUs: 0 });
      assert.equal((await store.take('ada', chargeOf(hourly, 10))).taken, true);
    });

    test('gives back at the pace of the quota, and never more than the burst', async () => {
      const store = await open();
      const rate: Rate = { quota: 10, windowMs: 1_000, burst: 3 };
      const startedMs = nowMs();
      let taken = 0;
      while (nowMs() - startedMs < 700) {
        if ((await store.take('ada', chargeOf(rate, 1))).taken) taken += 1;
        else await pass(5);
      }
      // One each 100 ms beside the 3 of the burst; one more may have come back since the last look.
      assert.ok(taken <= 3 + Math.floor((nowMs() - startedMs) / 100) + 1, `${taken} were taken`);
      assert.ok(taken > 3, `${taken} were taken`);
    });

    test('one who paused has a burst again, not more', async () => {
      const store = await open();
      const rate: Rate = { quota: 50, windowMs: 50 * 20, burst: 2 };
      for (let count = 0; count < 2; count += 1) await store.take('ada', chargeOf(rate, 1));
      await pass(100);
      const slow: Rate = { ...rate, windowMs: 50 * 3_600_000 };
      const takings = [];
      for (let count = 0; count < 3; count += 1)
        takings.push((await store.take('ada', chargeOf(slow, 1))).taken);
      assert.deepEqual(takings, [true, true, false]);
    });

    test('three handles let exactly the quota through, however many ask at once', async () => {
      const stores = [await open(), await open(), await open()];
      const rate: Rate = { quota: 50, windowMs: 3_600_000 };
      const takings = await Promise.all(
        Array.from({ length: 240 }, async (_, index) => stores[index % 3]?.take('ada', chargeOf(rate, 1))),
      );
      assert.equal(takings.filter((taking) => taking?.taken).length, 50);
    });

    test('takes keys of any text', async () => {
      const store = await open();
      for (const key of ['', 'a|b', 'ключ', '{x}:*', "'; drop table t; --", 'k'.repeat(500)]) {
        assert.equal((await store.take(key, chargeOf(hourly, 10))).taken, true, key);
        assert.equal((await store.take(key, chargeOf(hourly, 1))).taken, false, key);
      }
    });
  });
}
