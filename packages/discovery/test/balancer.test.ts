import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type BalancerOptions, createBalancer } from '@banyan/discovery';
import { createRandom } from '@banyan/test-support/random';
import fc from 'fast-check';

function countPicks(times: number, pick: () => string | undefined): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (let index = 0; index < times; index += 1) {
    const picked = pick() ?? 'none';
    counts[picked] = (counts[picked] ?? 0) + 1;
  }
  return counts;
}

test('round robin gives each of three instances 100 of 300 requests', () => {
  const balancer = createBalancer<string>({ strategy: 'round_robin' });
  assert.deepEqual(
    countPicks(300, () => balancer.pick(['a', 'b', 'c'])),
    { a: 100, b: 100, c: 100 },
  );
});

test('round robin shares an excluded instance out evenly, not to its neighbour', () => {
  const balancer = createBalancer<string>({ strategy: 'round_robin' });
  assert.deepEqual(
    countPicks(300, () => balancer.pick(['a', 'b', 'c', 'd'], (name) => name === 'b')),
    { a: 100, c: 100, d: 100 },
  );
});

test('round robin stays even while instances come and go', () => {
  const balancer = createBalancer<string>({ strategy: 'round_robin' });
  assert.deepEqual(
    countPicks(300, () => balancer.pick(['a', 'b', 'c'])),
    { a: 100, b: 100, c: 100 },
  );
  assert.deepEqual(
    countPicks(200, () => balancer.pick(['a', 'c'])),
    { a: 100, c: 100 },
  );
  assert.deepEqual(
    countPicks(400, () => balancer.pick(['a', 'c', 'd', 'e'])),
    { a: 100, c: 100, d: 100, e: 100 },
  );
});

test('least requests keeps 300 open requests within a few of 100 each', () => {
  const inFlight = new Map([
    ['a', 0],
    ['b', 0],
    ['c', 0],
  ]);
  const balancer = createBalancer<string>({
    strategy: 'least_requests',
    requestsInFlight: (name) => inFlight.get(name) ?? 0,
    random: createRandom(1),
  });
  for (let index = 0; index < 300; index += 1) {
    const picked = balancer.pick([...inFlight.keys()]) ?? 'none';
    inFlight.set(picked, (inFlight.get(picked) ?? 0) + 1);
  }
  assert.equal(inFlight.size, 3);
  for (const [name, count] of inFlight) assert.ok(Math.abs(count - 100) <= 5, `${name}: ${count}`);
});

test('least requests spreads idle traffic over all', () => {
  const balancer = createBalancer<string>({
    strategy: 'least_requests',
    requestsInFlight: () => 0,
    random: createRandom(2),
  });
  const counts = countPicks(3_000, () => balancer.pick(['a', 'b', 'c']));
  for (const name of ['a', 'b', 'c'])
    assert.ok(Math.abs((counts[name] ?? 0) - 1_000) < 150, JSON.stringify(counts));
});

test('least requests never chooses the busiest of all', () => {
  const load: Readonly<Record<string, number>> = { idle: 0, some: 3, busy: 50 };
  const balancer = createBalancer<string>({
    strategy: 'least_requests',
    requestsInFlight: (name) => load[name] ?? 0,
    random: createRandom(3),
  });
  const counts = countPicks(1_000, () => balancer.pick(['busy', 'idle', 'some']));
  assert.equal(counts['busy'], undefined);
  assert.ok((counts['idle'] ?? 0) > (counts['some'] ?? 0));
});

const strategies: readonly BalancerOptions<number>[] = [
  { strategy: 'round_robin' },
  { strategy: 'least_requests', requestsInFlight: (candidate) => candidate % 3 },
  { strategy: 'consistent_hash', idOf: String, requestsInFlight: (candidate) => candidate % 3 },
];

for (const options of strategies) {
  test(`${options.strategy} picks a candidate that is not excluded, or none if all are`, () => {
    const balancer = createBalancer(options);
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.nat(), { maxLength: 12 }),
        fc.func(fc.boolean()),
        (candidates, exclude) => {
          const isExcluded = (candidate: number) => exclude(candidate);
          const picked = balancer.pick(candidates, isExcluded);
          const eligible = candidates.filter((candidate) => !isExcluded(candidate));
          if (picked === undefined) assert.deepEqual(eligible, []);
          else assert.ok(eligible.includes(picked));
        },
      ),
    );
  });
}

test('an unknown strategy is refused with the known ones', () => {
  const options = { strategy: 'fastest' } as unknown as BalancerOptions<string>;
  assert.throws(() => createBalancer(options), /round_robin, least_requests, consistent_hash/);
});
