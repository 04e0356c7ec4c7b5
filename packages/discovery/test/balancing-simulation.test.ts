import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createManualClock, type ManualClock } from '@banyan/core/testing';
import {
  type Balancer,
  createBalancer,
  createOutlierDetector,
  type TrackedInstance,
} from '@banyan/discovery';
import { createRandom, seed } from '@banyan/test-support/random';

interface Instance {
  readonly name: string;
  readonly tracked: TrackedInstance;
  serviceMs: number;
  inFlight: number;
  served: number;
}

const usualMs = 20;

/** Requests that come at random moments to instances that serve any number at once, each in its own time. */
class Simulation {
  readonly clock: ManualClock = createManualClock();
  readonly instances: readonly Instance[];
  readonly latencies: number[] = [];
  readonly #balancer: Balancer<Instance>;
  readonly #random: () => number;

  constructor(random: () => number, count: number) {
    this.#random = random;
    const detector = createOutlierDetector({ clock: this.clock });
    this.#balancer = createBalancer({
      strategy: 'least_requests',
      requestsInFlight: (instance: Instance) => instance.inFlight,
      random,
    });
    this.instances = Array.from({ length: count }, (_, index) => ({
      ...{
        name: `i${index}`,
        tracked: detector.track(`i${index}`),
        serviceMs: usualMs,
        inFlight: 0,
        served: 0,
      },
    }));
  }

  /** Runs for `ms` with about one request per millisecond. @returns requests served by each instance meanwhile */
  run(ms: number): readonly number[] {
    const before = this.instances.map(({ served }) => served);
    for (let passed = 0; passed < ms; ) {
      const waitMs = -Math.log(1 - this.#random());
      this.clock.advance(waitMs);
      passed += waitMs;
      this.#request();
    }
    return this.instances.map(({ served }, index) => served - (before[index] ?? 0));
  }

  #request(): void {
    const instance =
      this.#balancer.pick(this.instances, ({ tracked }) => tracked.ejected) ??
      this.#balancer.pick(this.instances);
    assert.ok(instance);
    const tookMs = instance.serviceMs * (0.5 + this.#random());
    instance.inFlight += 1;
    instance.served += 1;
    this.latencies.push(tookMs);
    this.clock.setTimer(() => {
      instance.inFlight -= 1;
      instance.tracked.record(tookMs / usualMs);
    }, tookMs);
  }
}

test(`equal instances share evenly and none is ever left out (BANYAN_SEED=${seed})`, () => {
  const simulation = new Simulation(createRandom(seed), 5);
  const served = simulation.run(20_000);
  const total = served.reduce((sum, each) => sum + each, 0);
  for (const share of served) assert.ok(Math.abs(share / total - 0.2) < 0.03, String(served));
  assert.ok(simulation.instances.every(({ tracked }) => !tracked.ejected));
});

test(`an instance ten times as slow gets only trials until it is well, and then its full share (BANYAN_SEED=${seed})`, () => {
  const simulation = new Simulation(createRandom(seed), 5);
  simulation.run(1_000);
  const slow = simulation.instances[2];
  assert.ok(slow);
  slow.serviceMs = usualMs * 10;
  simulation.run(5_000);
  assert.equal(slow.tracked.ejected, true);
  const [, , while60s = 0] = simulation.run(60_000);
  // A full share would be 12,000; least requests alone would leave it about a tenth of that.
  assert.ok(while60s < 400, `${while60s} requests`);
  slow.serviceMs = usualMs;
  // It was left out for 10, 20 and 40 s: 70 s, with what it needed to show itself in between. 45 s later it is back.
  simulation.run(45_000);
  const served = simulation.run(10_000);
  assert.ok((served[2] ?? 0) > 1_600, String(served));
});

test(`when all become slow, all go on serving (BANYAN_SEED=${seed})`, () => {
  const simulation = new Simulation(createRandom(seed), 5);
  simulation.run(1_000);
  for (const instance of simulation.instances) instance.serviceMs = usualMs * 10;
  const served = simulation.run(20_000);
  for (const share of served) assert.ok(share > 3_000, String(served));
});
