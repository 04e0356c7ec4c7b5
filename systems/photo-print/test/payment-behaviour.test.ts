import assert from 'node:assert/strict';
import { test } from 'node:test';
import { postsOf } from '../instagram/posts.ts';
// How the stand-ins decide; what they then do is tested through the gateway.
import { behaviourOf, testTokens } from '../payment-provider/behaviour.ts';

test('whatever a token does wrong at first, it answers in the end', () => {
  for (const token of testTokens) {
    const attempts = Array.from({ length: 30 }, (_, index) => behaviourOf(token, 'some order', index + 1));
    assert.ok(
      attempts.some(({ hangs, failsBefore, failsAfter }) => !hangs && !failsBefore && !failsAfter),
      token,
    );
  }
});

test('a flaky token fails now and then, in the same way in every run', () => {
  const run = () =>
    Array.from(
      { length: 200 },
      (_, index) => behaviourOf('tok_flaky', `order ${index}`, 1).failsBefore === true,
    );
  assert.deepEqual(run(), run());
  const failures = run().filter(Boolean).length;
  assert.ok(failures > 20 && failures < 120, `${failures} of 200`);
});

test('an unknown token is declined', () => {
  assert.equal(behaviourOf('tok_made_up', 'key', 1).declineReason, 'unknown_token');
});

test('an Instagram account always has the same posts, each account its own; nobody has none', () => {
  assert.deepEqual(postsOf('ada'), postsOf('ada'));
  const ids = ['ada', 'grace'].flatMap((account) => (postsOf(account) ?? []).map(({ postId }) => postId));
  assert.ok(ids.length >= 6);
  assert.equal(new Set(ids).size, ids.length);
  assert.equal(postsOf('nobody'), undefined);
  assert.equal(postsOf('unknown.person'), undefined);
});
