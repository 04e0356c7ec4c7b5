import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createManualClock, type ManualClock } from '@banyan/core/testing';
import { type ConcurrencyLimit, createConcurrencyLimit } from '@banyan/resilience';
import { createRandom, seed } from '@banyan/test-support/random';

interface Load {
  readonly perSecond: number;
  readonly kind?: string;
  readonly share?: number;
}

interface Measured {
  accepted: number;
  refused: number;
  readonly latenciesMs: number[];
}

/** Workers behind one queue: the queue is what a limit must keep short. */
class Simulation {
  readonly clock: ManualClock = createManualClock();
  readonly limit: ConcurrencyLimit;
  readonly #random = createRandom(seed);
  readonly #queue: { readonly meanMs: number; done(): void }[] = [];
  workers = 8;
  readonly meanMs: Record<string, number>;
  #busy = 0;

  constructor(limited: boolean, meanMs: Record<string, number>) {
    this.meanMs = meanMs;
    const bounds = limited ? {} : { initial: 1_000_000, minimum: 1_000_000, maximum: 1_000_000 };
    this.limit = createConcurrencyLimit({ clock: this.clock, ...bounds });
  }

  /** Poisson arrivals of every load for `durationMs`; measures those that arrive after `settleMs`. */
  run(loads: readonly Load[], durationMs: number, settleMs = 0): Measured[] {
    const startedMs = this.clock.nowMs();
    const measured = loads.map((): Measured => ({ accepted: 0, refused: 0, latenciesMs: [] }));
    for (const [index, load] of loads.entries()) {
      const into = measured[index];
      const arrive = () => {
        if (this.clock.nowMs() - startedMs >= durationMs) return;
        this.#offer(load, this.clock.nowMs() - startedMs >= settleMs ? into : undefined);
        this.clock.setTimer(arrive, this.#exponential(1_000 / load.perSecond));
      };
      this.clock.setTimer(arrive, this.#exponential(1_000 / load.perSecond));
    }
    this.clock.advance(durationMs);
    return measured;
  }

  #offer({ kind = 'work', share = 1 }: Load, measured: Measured | undefined): void {
    const place = this.limit.enter(kind, share);
    if (place === undefined) {
      if (measured !== undefined) measured.refused += 1;
      return;
    }
    if (measured !== undefined) measured.accepted += 1;
    const arrivedMs = this.clock.nowMs();
    this.#queue.push({
      meanMs: this.meanMs[kind] ?? 40,
      done: () => {
        measured?.latenciesMs.push(this.clock.nowMs() - arrivedMs);
        this.limit.leave(place, 'done');
      },
    });
    this.#work();
  }

  #work(): void {
    while (this.#busy < this.workers) {
      const next = this.#queue.shift();
      if (next === undefined) return;
      this.#busy += 1;
      // Half of it is fixed, so that the tail is that of real work and not of the model.
      const durationMs = next.meanMs / 2 + this.#exponential(next.meanMs / 2);
      this.clock.setTimer(() => {
        this.#busy -= 1;
        next.done();
        this.#work();
      }, durationMs);
    }
  }

  #exponential(mean: number): number {
    return -mean * Math.log(1 - this.#random());
  }
}

function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length * share)] ?? 0;
}

/** 8 workers of 40 ms are 200 a second at most. */
const capacity = 200;

test(`offered 5 times what can be done, accepted work is nearly as fast as at capacity, and no capacity is lost (seed ${seed})`, () => {
  const [atCapacity] = new Simulation(true, {}).run([{ perSecond: capacity * 0.9 }], 30_000, 10_000);
  const [overloaded] = new Simulation(true, {}).run([{ perSecond: capacity * 5 }], 60_000, 10_000);
  const [unlimited] = new Simulation(false, {}).run([{ perSecond: capacity * 5 }], 20_000);
  assert(atCapacity !== undefined && overloaded !== undefined && unlimited !== undefined);
  const p99 = percentile(overloaded.latenciesMs, 0.99);
  const p99AtCapacity = percentile(atCapacity.latenciesMs, 0.99);
  assert.ok(p99 < 2 * p99AtCapacity, `p99 is ${p99} ms, and ${p99AtCapacity} ms at 90 % of capacity`);
  assert.ok(percentile(unlimited.latenciesMs, 0.5) > 1_000, 'without a limit the queue would grow for ever');
  const perSecond = overloaded.latenciesMs.length / 50;
  assert.ok(perSecond > 0.9 * capacity, `${perSecond} a second were done`);
});

test(`a load that can be served is not refused (seed ${seed})`, () => {
  const [measured] = new Simulation(true, {}).run([{ perSecond: capacity * 0.7 }], 120_000);
  assert(measured !== undefined);
  assert.ok(
    measured.refused <= measured.accepted / 1_000,
    `${measured.refused} refused, ${measured.accepted} accepted`,
  );
});

test(`a system that starts in the middle of an overload finds its limit (seed ${seed})`, () => {
  const simulation = new Simulation(true, {});
  simulation.run([{ perSecond: capacity * 10 }], 10_000);
  // Work in progress when nothing waits is 8; twice that and the root is about 21. It began with 256.
  assert.ok(simulation.limit.limit >= 8 && simulation.limit.limit <= 42, `${simulation.limit.limit}`);
});

test(`follows when capacity falls to a quarter and comes back (seed ${seed})`, () => {
  const simulation = new Simulation(true, {});
  simulation.run([{ perSecond: capacity * 2 }], 20_000);
  const before = simulation.limit.limit;
  simulation.workers = 2;
  const [slow] = simulation.run([{ perSecond: capacity * 2 }], 60_000, 10_000);
  assert.ok(simulation.limit.limit < before, `${before} became ${simulation.limit.limit}`);
  assert.ok(percentile(slow?.latenciesMs ?? [], 0.99) < 600);
  simulation.workers = 8;
  const [again] = simulation.run([{ perSecond: capacity * 2 }], 60_000, 10_000);
  assert.ok((again?.latenciesMs.length ?? 0) / 50 > 0.85 * capacity);
});

test(`learns that work has become slower for good (seed ${seed})`, () => {
  const simulation = new Simulation(true, { work: 40 });
  simulation.run([{ perSecond: capacity * 2 }], 20_000);
  simulation.meanMs['work'] = 160;
  const [measured] = simulation.run([{ perSecond: capacity * 2 }], 120_000, 60_000);
  // 8 workers of 160 ms.
  assert.ok((measured?.latenciesMs.length ?? 0) / 60 > 0.85 * 50, `${measured?.latenciesMs.length} in 60 s`);
});

test(`kinds that take 2 and 50 ms are not mistaken for a slowdown of each other (seed ${seed})`, () => {
  const simulation = new Simulation(true, { quick: 2, slow: 50 });
  const quick = { perSecond: 400, kind: 'quick' };
  simulation.run([quick], 20_000);
  // 0.8 workers' worth of quick work, and 4 of slow.
  const measured = simulation.run([quick, { perSecond: 80, kind: 'slow' }], 30_000);
  // Now and then eight slow ones meet, and quick ones queue behind them.
  for (const { accepted, refused } of measured)
    assert.ok(refused < accepted / 100, `${refused} of ${accepted}`);
});

test(`what matters more is served in an overload, what matters less waits for better times (seed ${seed})`, () => {
  const simulation = new Simulation(true, {});
  const loads: readonly Load[] = [
    { perSecond: 10, share: 1 },
    { perSecond: capacity * 3, share: 0.9 },
    { perSecond: capacity, share: 0.6 },
  ];
  const [high, normal, low] = simulation.run(loads, 60_000, 10_000);
  assert(high !== undefined && normal !== undefined && low !== undefined);
  const served = ({ accepted, refused }: Measured) => accepted / (accepted + refused);
  assert.ok(served(high) > 0.75, `high: ${served(high)}`);
  assert.ok(served(normal) > 0.2, `normal: ${served(normal)}`);
  assert.ok(served(low) < 0.05, `low: ${served(low)}`);
});

test(`quick work with a queue that nobody notices is not refused (seed ${seed})`, () => {
  const simulation = new Simulation(true, { work: 2 });
  // 8 workers of 2 ms are 4,000 a second.
  const [measured] = simulation.run([{ perSecond: 3_600 }], 20_000);
  assert.equal(measured?.refused, 0);
});

test('work whose time says nothing gives its place back and teaches nothing', () => {
  const limit = createConcurrencyLimit({ clock: createManualClock(), initial: 2 });
  const places = [limit.enter('a'), limit.enter('a')];
  assert.equal(limit.enter('a'), undefined);
  assert.equal(limit.isFull(), true);
  for (const place of places) if (place !== undefined) limit.leave(place, 'ignored');
  assert.equal(limit.inFlight, 0);
  assert.equal(limit.limit, 2);
});
