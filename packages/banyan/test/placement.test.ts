import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
// The command line is tested from outside; how words become groups is a pure function, tried here with many inputs.
import { parsePlacement } from '../src/placement.ts';

const parts = ['gateway', 'orders', 'payments', 'printing'];

test('without flags everything runs in one process', () => {
  assert.deepEqual(parsePlacement(parts, {}), [parts]);
});

test('--split gives every part a process of its own', () => {
  assert.deepEqual(parsePlacement(parts, { split: true }), [
    ['gateway'],
    ['orders'],
    ['payments'],
    ['printing'],
  ]);
});

test('--own separates the named parts from the rest', () => {
  assert.deepEqual(parsePlacement(parts, { own: 'printing, orders' }), [
    ['printing'],
    ['orders'],
    ['gateway', 'payments'],
  ]);
});

test('--groups puts what it does not name into one more group, or where * stands', () => {
  assert.deepEqual(parsePlacement(parts, { groups: 'printing,orders' }), [
    ['printing', 'orders'],
    ['gateway', 'payments'],
  ]);
  assert.deepEqual(parsePlacement(parts, { groups: 'printing/orders,*' }), [
    ['printing'],
    ['orders', 'gateway', 'payments'],
  ]);
});

test('every part is in exactly one group, whatever the groups', () => {
  const name = fc.constantFrom(...parts, '*');
  const groups = fc.uniqueArray(name, { minLength: 1 }).chain((names) =>
    fc.array(fc.boolean(), { minLength: names.length, maxLength: names.length }).map((cuts) =>
      names
        .map((each, index) => (index > 0 && cuts[index] ? `/${each}` : `,${each}`))
        .join('')
        .slice(1),
    ),
  );
  fc.assert(
    fc.property(groups, (text) => {
      const placed = parsePlacement(parts, { groups: text }).flat();
      assert.deepEqual([...placed].sort(), [...parts].sort());
    }),
  );
});

test('unknown parts, repeated parts and contradicting flags are refused by name', () => {
  const reason = 'invalid_placement';
  assert.throws(() => parsePlacement(parts, { own: 'pirnting' }), {
    reason,
    message: /no 'pirnting'.*printing/,
  });
  assert.throws(() => parsePlacement(parts, { groups: 'orders/orders' }), {
    reason,
    message: /'orders' is placed twice/,
  });
  assert.throws(() => parsePlacement(parts, { split: true, own: 'orders' }), { reason, message: /one of/ });
});
