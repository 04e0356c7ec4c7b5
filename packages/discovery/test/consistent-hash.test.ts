import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Balancer, createBalancer } from '@banyan/discovery';

const keys = Array.from({ length: 3_000 }, (_, index) => `cart-${index}`);
const abc = ['a', 'b', 'c'];

function idle(): Balancer<string> {
  return createBalancer<string>({
    strategy: 'consistent_hash',
    idOf: (name) => name,
    requestsInFlight: () => 0,
  });
}

function placesOf(
  balancer: Balancer<string>,
  candidates: readonly string[],
): readonly (string | undefined)[] {
  return keys.map((key) => balancer.pick(candidates, undefined, key));
}

test('a key has the same place for every caller, in whatever order they list the candidates', () => {
  const balancer = createBalancer<string>({
    strategy: 'consistent_hash',
    idOf: (name) => name,
    requestsInFlight: () => 0,
  });
  assert.deepEqual(placesOf(balancer, abc), placesOf(idle(), ['c', 'a', 'b']));
});

test('keys spread evenly', () => {
  const places = placesOf(idle(), abc);
  for (const name of abc) {
    const share = places.filter((place) => place === name).length;
    assert.ok(Math.abs(share - 1_000) < 100, `${name}: ${share} of 3,000`);
  }
});

test('a candidate that comes takes its share from all, and no key moves between the others', () => {
  const before = placesOf(idle(), abc);
  const after = placesOf(idle(), [...abc, 'd']);
  const moved = after.filter((place, index) => place !== before[index]);
  assert.deepEqual(new Set(moved), new Set(['d']));
  assert.ok(Math.abs(moved.length - 750) < 100, `${moved.length} of 3,000 moved`);
});

test('a candidate that leaves, or is excluded, gives its keys to all others', () => {
  const before = placesOf(idle(), abc);
  const after = placesOf(idle(), ['a', 'c']);
  const excluded = keys.map((key) => idle().pick(abc, (name) => name === 'b', key));
  assert.deepEqual(excluded, after);
  const orphans = after.filter((_, index) => before[index] === 'b');
  assert.ok(orphans.filter((place) => place === 'a').length > orphans.length / 3);
  assert.ok(after.every((place, index) => before[index] === 'b' || place === before[index]));
});

test('one key that everybody wants does not fill one candidate: none has more than a quarter above its share', () => {
  const inFlight = new Map(abc.map((name) => [name, 0]));
  const balancer = createBalancer<string>({
    strategy: 'consistent_hash',
    idOf: (name) => name,
    requestsInFlight: (name) => inFlight.get(name) ?? 0,
  });
  for (let request = 1; request <= 300; request += 1) {
    const place = balancer.pick(abc, undefined, 'hot') ?? 'none';
    inFlight.set(place, (inFlight.get(place) ?? 0) + 1);
    const most = Math.max(...inFlight.values());
    assert.ok(most <= Math.ceil((request * 1.25) / 3), `${most} of ${request}`);
  }
  assert.equal(inFlight.size, 3);
});
