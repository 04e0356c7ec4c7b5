import assert from 'node:assert/strict';
import { test } from 'node:test';
import { commonPasswords } from '../src/passwords/common-passwords.ts';
import { decoyHash, hashPassword, isOutdated, passwordFits } from '../src/passwords/hashing.ts';
// A pure function with more cases than anybody wants to send through the front door.
import { problemsOfPassword } from '../src/passwords/password-rules.ts';

const common = await commonPasswords();
const alone = { secondFactor: false, contextWords: [], common };
const beside = { ...alone, secondFactor: true };

test('asks for 15 code points alone and 8 beside a second factor', () => {
  assert.deepEqual(problemsOfPassword('quiet otters 1', alone), ['tooShort']); // 14
  assert.deepEqual(problemsOfPassword('quiet otters 12', alone), []); // 15
  assert.deepEqual(problemsOfPassword('otters1', beside), ['tooShort']); // 7
  assert.deepEqual(problemsOfPassword('otters12', beside), []); // 8
});

test('counts code points, not bytes or UTF-16 units, after composing accents', () => {
  assert.deepEqual(problemsOfPassword('🦦🐟🦦🐟🌊🦦🐟', beside), ['tooShort']); // 7 points, 14 units, 28 bytes
  assert.deepEqual(problemsOfPassword('🦦🐟🦦🐟🌊🦦🐟🌿', beside), []);
  assert.deepEqual(problemsOfPassword('łódźłód'.normalize('NFD'), beside), ['tooShort']); // 7, more when decomposed
});

test('accepts 64 characters and far more, and any character', () => {
  assert.deepEqual(problemsOfPassword('otter'.padEnd(64, ' lutra'), alone), []);
  assert.deepEqual(
    problemsOfPassword(
      Array.from({ length: 1_000 }, (_, i) => String.fromCodePoint(0x4e00 + i)).join(''),
      alone,
    ),
    [],
  );
  assert.deepEqual(
    problemsOfPassword(
      Array.from({ length: 1_001 }, (_, i) => String.fromCodePoint(0x4e00 + i)).join(''),
      alone,
    ),
    ['tooLong'],
  );
  assert.deepEqual(problemsOfPassword('                \u0000 ~ ~~', alone), []);
});

test('asks for no kinds of characters', () => {
  assert.deepEqual(problemsOfPassword('severalquietotters', alone), []);
  assert.deepEqual(problemsOfPassword('83920174658301927', alone), []);
});

test('refuses the best-known passwords as a whole, in any case, and repetitions', () => {
  assert.ok(common.size >= 3_000, 'ASVS 6.2.4 wants the top 3,000');
  for (const password of ['password', 'PassWord', 'trustno1', '1qaz2wsx']) {
    assert.deepEqual(problemsOfPassword(password, beside), ['common'], password);
  }
  for (const password of ['aaaaaaaaaaaaaaaa', 'abcabcabcabcabcabc', 'passwordpassword']) {
    assert.deepEqual(problemsOfPassword(password, alone), ['common'], password);
  }
  assert.deepEqual(problemsOfPassword('my password is long', alone), [], 'a part of one is fine');
});

test('refuses what is made of the own names', () => {
  const ada = { ...alone, contextWords: ['ada.lovelace@example.org', 'Ada Lovelace', 'Photo Print'] };
  for (const password of ['ada.lovelace@example.org', 'LovelaceAda2026', 'photoprintlovelace!']) {
    assert.deepEqual(problemsOfPassword(password, ada), ['personal'], password);
  }
  assert.deepEqual(problemsOfPassword('lovelace wrote the first programs', ada), []);
});

test('a hash fits its password and no other, also past 72 bytes, and only with its pepper', async () => {
  const cost = { memoryKib: 8_192, passes: 1, lanes: 1 };
  const pepper = Buffer.alloc(32, 1);
  const seventyTwo = 'p'.repeat(72);
  const hash = await hashPassword(`${seventyTwo}a`, cost, pepper);
  assert.equal(await passwordFits(`${seventyTwo}a`, hash, pepper), true);
  assert.equal(await passwordFits(`${seventyTwo}b`, hash, pepper), false);
  assert.equal(await passwordFits(seventyTwo, hash, pepper), false);
  assert.equal(await passwordFits(`${seventyTwo}a`, hash, Buffer.alloc(32, 2)), false);
});

test('hashes say their own cost; the decoy has the same, and is never outdated', async () => {
  const cost = { memoryKib: 19_456, passes: 2, lanes: 1 };
  const hash = await hashPassword('several quiet otters', cost, Buffer.alloc(32));
  assert.match(hash, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
  assert.equal(decoyHash(cost).length, hash.length);
  assert.equal(await passwordFits('several quiet otters', decoyHash(cost), Buffer.alloc(32)), false);
  assert.equal(isOutdated(hash, cost), false);
  assert.equal(isOutdated(hash, { ...cost, passes: 3 }), true);
});
