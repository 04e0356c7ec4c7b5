import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { ServiceError } from '@banyan/core';
import { untilPasses } from '@banyan/core/testing';
import type { Instance } from '@banyan/discovery';
import type { OperationHandle, RemoteEndpointOptions } from '@banyan/rpc';
import { createMetrics } from '@banyan/telemetry';
import { type JobCaller, Rig } from './fixtures/rig.ts';

/** An instance that a test can make slow or ill. */
class Worker {
  readonly name: string;
  delayMs = 0;
  fails = false;
  runs = 0;
  cancelled = 0;

  constructor(name: string) {
    this.name = name;
  }

  readonly handle: OperationHandle = async (_operation, _input, { signal }) => {
    this.runs += 1;
    if (this.fails)
      throw new ServiceError('Not now.', { code: 'unavailable', reason: 'database_unavailable' });
    if (this.delayMs > 0) await this.#work(signal);
    return { ran: this.name };
  };

  #work(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, this.delayMs);
      signal.addEventListener('abort', () => {
        clearTimeout(timer);
        this.cancelled += 1;
        resolve();
      });
    });
  }
}

interface Farm {
  readonly workers: readonly [Worker, Worker, Worker];
  readonly caller: JobCaller;
}

async function startFarm(
  t: TestContext,
  options: Partial<RemoteEndpointOptions> & { readonly zones?: readonly string[] } = {},
): Promise<Farm> {
  const { zones, ...others } = options;
  const rig = new Rig(t);
  const workers = [new Worker('a'), new Worker('b'), new Worker('c')] as const;
  const instances = await Promise.all(
    workers.map(async ({ name, handle }, index): Promise<Instance> => {
      const { url } = await rig.serve(handle);
      const zone = zones?.[index];
      return {
        ...{ id: `job-${name}`, service: 'jobs', url, version: '1.0.0', startedAt: '2026-01-01T00:00:00Z' },
        ...(zone === undefined ? undefined : { metadata: { zone } }),
      };
    }),
  );
  const caller = rig.connect({ instances: () => instances, onChange: () => () => {} }, others);
  return { workers: [workers[0], workers[1], workers[2]], caller };
}

async function countOf(calls: number, call: (index: number) => Promise<{ ran: string }>) {
  const counts: Record<string, number> = { a: 0, b: 0, c: 0 };
  for (let index = 0; index < calls; index += 1) {
    const { ran } = await call(index);
    counts[ran] = (counts[ran] ?? 0) + 1;
  }
  return counts;
}

test('round robin gives each of three instances exactly 100 of 300 calls', async (t) => {
  const { caller } = await startFarm(t);
  assert.deepEqual(await countOf(300, () => caller.ask('lookInTurn')), { a: 100, b: 100, c: 100 });
});

test('calls with the same value of a field, or of the same user, go to one instance', async (t) => {
  const { caller } = await startFarm(t);
  const places = new Map<string, string>();
  for (let round = 0; round < 3; round += 1) {
    for (let index = 0; index < 30; index += 1) {
      const { ran } = await caller.ask('lookAtPlace', { job: `job-${index}` });
      assert.equal(ran, places.get(`job-${index}`) ?? ran);
      places.set(`job-${index}`, ran);
    }
  }
  assert.deepEqual(new Set(places.values()), new Set(['a', 'b', 'c']));
  const mine = await countOf(30, () => caller.ask('lookAtMine', { user: 'ada' }));
  assert.deepEqual(Object.values(mine).toSorted(), [0, 0, 30]);
  const nobodys = await countOf(60, () => caller.ask('lookAtMine'));
  assert.ok(
    Object.values(nobodys).every((count) => count > 0),
    JSON.stringify(nobodys),
  );
});

test('a call that is repeated goes to another instance', async (t) => {
  const { caller, workers } = await startFarm(t, {
    outliers: { maxShare: 0 },
    breaker: { minimumCalls: 1_000 },
    retryBudget: { minPerSecond: 1_000, capacity: 1_000 },
  });
  workers[1].fails = true;
  const counts = await countOf(60, () => caller.look());
  assert.equal(counts['b'], 0);
  // Each of its failures was answered by one of the others at the second attempt.
  assert.equal(workers[0].runs + workers[2].runs, 60);
  assert.ok(workers[1].runs > 0);
});

describe('outliers', () => {
  const outliers = { firstEjectionMs: 400, minimumCalls: 8 };

  test('an instance much slower than the others is left out, and comes back when it is well', async (t) => {
    const metrics = createMetrics();
    const { caller, workers } = await startFarm(t, { outliers, metrics });
    for (const worker of workers) worker.delayMs = 1;
    workers[2].delayMs = 150;
    const askAll = () => Promise.all(Array.from({ length: 12 }, () => caller.ask('lookInTurn')));
    const isOut = () => /banyan_client_ejections_total\{[^}]*cause="slow"\} 1/.test(metrics.render());
    for (let round = 0; round < 40 && !isOut(); round += 1) await askAll();
    assert.ok(isOut(), metrics.render());
    const before = workers[2].runs;
    await askAll();
    assert.equal(workers[2].runs, before);
    workers[2].delayMs = 1;
    const deadline = performance.now() + 10_000;
    while (workers[2].runs === before && performance.now() < deadline) await caller.ask('lookInTurn');
    const counts = await countOf(60, () => caller.ask('lookInTurn'));
    assert.deepEqual(counts, { a: 20, b: 20, c: 20 });
  });

  test('an instance that fails more than the others is left out before its circuit opens', async (t) => {
    const { caller, workers } = await startFarm(t, {
      outliers: { firstEjectionMs: 60_000, minimumCalls: 8 },
      breaker: { minimumCalls: 100_000 },
      retryBudget: { minPerSecond: 1_000 },
    });
    workers[0].fails = true;
    await countOf(150, () => caller.ask('lookInTurn'));
    const before = workers[0].runs;
    await countOf(60, () => caller.ask('lookInTurn'));
    assert.equal(workers[0].runs, before);
  });
});

describe('zones', () => {
  const zones = ['north', 'north', 'south'];

  test('calls stay in the own zone while it is enough', async (t) => {
    const { caller } = await startFarm(t, { zone: 'north', zones });
    const counts = await countOf(60, () => caller.look());
    assert.equal(counts['c'], 0);
    assert.equal((counts['a'] ?? 0) + (counts['b'] ?? 0), 60);
  });

  test('a zone that is crowded spills over, one without instances goes elsewhere', async (t) => {
    const { caller, workers } = await startFarm(t, { zone: 'north', zones });
    for (const worker of workers) worker.delayMs = 100;
    await Promise.all(Array.from({ length: 120 }, () => caller.look()));
    const [a, b, c] = workers.map(({ runs }) => runs);
    // Up to 16 each at home; then the south gets calls whenever it has less than half of what the north has: about a fifth of all.
    assert.ok((c ?? 0) >= 15 && (c ?? 0) <= 35, `${a} + ${b} in the north, ${c} in the south`);
    const abroad = await startFarm(t, { zone: 'west', zones });
    const counts = await countOf(60, () => abroad.caller.look());
    assert.ok(
      Object.values(counts).every((count) => count > 0),
      JSON.stringify(counts),
    );
  });
});

describe('hedging', () => {
  /** Fast calls, so that it is known how long they take. */
  async function warm(t: TestContext, options: Partial<RemoteEndpointOptions> = {}): Promise<Farm> {
    const farm = await startFarm(t, { outliers: { maxShare: 0 }, ...options });
    await countOf(90, () => farm.caller.ask('lookHedged'));
    for (const worker of farm.workers) worker.runs = 0;
    return farm;
  }

  test('when an instance takes long another one is asked; the first answer wins and the slow call is cancelled', async (t) => {
    const { caller, workers } = await warm(t);
    workers[0].delayMs = 120_000;
    const answers: string[] = [];
    const begunAt = performance.now();
    while (workers[0].cancelled < 3) answers.push((await caller.ask('lookHedged')).ran);
    assert.ok(performance.now() - begunAt < 60_000);
    assert.ok(!answers.includes('a'));
    await untilPasses(() => assert.equal(workers[0].cancelled, workers[0].runs));
  });

  test('an operation that does not ask for it is not hedged', async (t) => {
    const { caller, workers } = await startFarm(t, { outliers: { maxShare: 0 } });
    await countOf(90, () => caller.look());
    for (const worker of workers) Object.assign(worker, { runs: 0, delayMs: 200 });
    await caller.look();
    assert.equal(workers[0].runs + workers[1].runs + workers[2].runs, 1);
  });

  test('hedges stay within the retry budget', async (t) => {
    const { caller, workers } = await warm(t, { retryBudget: { minPerSecond: 0, ratio: 0.1, capacity: 4 } });
    // Far longer than the fast calls took, whatever the machine was doing.
    for (const worker of workers) worker.delayMs = 1_000;
    await Promise.all(Array.from({ length: 100 }, () => caller.ask('lookHedged')));
    const runs = workers[0].runs + workers[1].runs + workers[2].runs;
    // What was saved before, and a tenth of these calls, some of which may begin after hedges of the first ones.
    assert.ok(runs > 100 && runs <= 100 + 4 + 10, `${runs} runs for 100 calls`);
  });

  test('one attempt that fails leaves it to the other; when all fail the caller hears of it once', async (t) => {
    const { caller, workers } = await warm(t);
    workers[0].fails = true;
    workers[1].delayMs = 60;
    workers[2].delayMs = 60;
    const counts = await countOf(10, () => caller.ask('lookHedged'));
    assert.equal(counts['a'], 0);
    for (const worker of workers) worker.fails = true;
    await assert.rejects(caller.ask('lookHedged'), { reason: 'database_unavailable' });
  });

  test('a deadline ends both attempts', async (t) => {
    const { caller, workers } = await warm(t);
    for (const worker of workers) worker.delayMs = 10_000;
    await assert.rejects(caller.ask('lookHedged', { timeoutMs: 2_000 }), { code: 'deadline_exceeded' });
    await untilPasses(() =>
      assert.equal(
        workers.reduce((sum, { cancelled }) => sum + cancelled, 0),
        2,
      ),
    );
  });
});
