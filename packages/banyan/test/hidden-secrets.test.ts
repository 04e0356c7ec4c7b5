import assert from 'node:assert/strict';
import { test } from 'node:test';
// What pages of the console show is asked here without a console.
import { hideSecrets, restoreSecrets } from '../src/console/hidden-secrets.ts';

const original = {
  till: 'a',
  password: 'otter',
  nested: { apiKey: { id: 1 }, note: 'sent with Bearer abcdefgh', list: [1, 'token=xyz', null] },
  noKey: null,
};

test('secrets in data are hidden by name and by form, and nothing else is', () => {
  assert.deepEqual(hideSecrets(original), {
    till: 'a',
    password: '[redacted]',
    nested: {
      apiKey: '[redacted]',
      note: 'sent with Bearer [redacted]',
      list: [1, 'token=[redacted]', null],
    },
    noKey: null,
  });
});

test('data that somebody edited has its secrets again, unless they were written anew', () => {
  const shown = hideSecrets(original) as typeof original;
  assert.deepEqual(restoreSecrets(shown, original), original);
  const edited = { ...shown, till: 'b', password: 'badger' };
  assert.deepEqual(restoreSecrets(edited, original), { ...original, till: 'b', password: 'badger' });
});

test('a hidden secret that was moved is refused with its place', () => {
  const moved = { till: 'a', pass: '[redacted]' };
  assert.throws(() => restoreSecrets(moved, original), { reason: 'invalid_input', message: /^data\.pass:/ });
});
