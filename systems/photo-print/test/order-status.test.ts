import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
// Pure functions of the orders service; everything else of it is tested through the gateway.
import { effectOf, following, type Status, statuses } from '../orders/status.ts';

const happyPath = ['placed', 'paid', 'printing', 'printed', 'despatched'] as const;

test('each step of the happy path moves an order on', () => {
  for (const [index, step] of happyPath.slice(1).entries()) {
    assert.equal(effectOf(step, happyPath[index] ?? 'placed'), 'moves');
  }
});

test('a repeated step is ignored', () => {
  for (const status of statuses) assert.equal(effectOf(status, status), 'ignored');
});

test('a cancelled or declined order is never paid, printed or despatched', () => {
  for (const status of ['cancelled', 'payment-declined'] as const) {
    for (const step of statuses) assert.notEqual(effectOf(step, status), 'moves');
  }
});

test('an order that is being printed cannot be cancelled', () => {
  for (const status of ['printing', 'printed', 'despatched'] as const) {
    assert.equal(effectOf('cancelled', status), 'ignored');
  }
});

test('the money that came in just before a cancellation is still noted', () => {
  assert.equal(effectOf('paid', 'cancelled'), 'overtaken');
});

test('however the news of a despatched order are shuffled and repeated, it ends despatched with all its times', () => {
  const news = fc.shuffledSubarray([...happyPath, ...happyPath, ...happyPath], {
    minLength: 15,
    maxLength: 15,
  });
  fc.assert(
    fc.property(news, (steps) => {
      let status: Status = 'placed';
      const noted = new Set<Status>(['placed']);
      for (const step of steps) {
        const effect = effectOf(step, status);
        if (effect !== 'ignored') noted.add(step);
        if (effect === 'moves') {
          assert.ok(happyPath.indexOf(step) > happyPath.indexOf(status as never), 'moved backwards');
          status = step;
        }
      }
      assert.equal(status, 'despatched');
      assert.deepEqual([...noted].sort(), [...happyPath].sort());
    }),
  );
});

test('the table has no way back: no status can be reached from one that follows it', () => {
  for (const from of statuses) {
    for (const to of following[from]) assert.ok(!following[to].includes(from), `${to} leads back to ${from}`);
  }
});
