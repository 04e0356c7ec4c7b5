import assert from 'node:assert/strict';
import { test } from 'node:test';
// Pure functions whose published vectors do not pass through the front door: the service has six digits and one algorithm.
import { fromBase32, toBase32 } from '../src/second-factors/base32.ts';
import { stepAt, stepOfCode, totpCode } from '../src/second-factors/totp.ts';

test('makes the codes of RFC 6238, Appendix B', () => {
  const seeds = {
    sha1: Buffer.from('12345678901234567890'),
    sha256: Buffer.from('12345678901234567890123456789012'),
    sha512: Buffer.from('1234567890123456789012345678901234567890123456789012345678901234'),
  };
  const vectors = [
    [59, 'sha1', '94287082'],
    [59, 'sha256', '46119246'],
    [59, 'sha512', '90693936'],
    [1111111109, 'sha1', '07081804'],
    [1111111109, 'sha256', '68084774'],
    [1111111109, 'sha512', '25091201'],
    [1111111111, 'sha1', '14050471'],
    [1111111111, 'sha256', '67062674'],
    [1111111111, 'sha512', '99943326'],
    [1234567890, 'sha1', '89005924'],
    [1234567890, 'sha256', '91819424'],
    [1234567890, 'sha512', '93441116'],
    [2000000000, 'sha1', '69279037'],
    [2000000000, 'sha256', '90698825'],
    [2000000000, 'sha512', '38618901'],
    [20000000000, 'sha1', '65353130'],
    [20000000000, 'sha256', '77737706'],
    [20000000000, 'sha512', '47863826'],
  ] as const;
  for (const [seconds, algorithm, code] of vectors) {
    const made = totpCode(seeds[algorithm], stepAt(seconds * 1_000), { digits: 8, algorithm });
    assert.equal(made, code, `${algorithm} at ${seconds}`);
  }
});

test('accepts the code of the step before and after, and of no other', () => {
  const seed = Buffer.from('12345678901234567890');
  const nowMs = 1_111_111_111_000;
  const step = stepAt(nowMs);
  for (const [distance, accepted] of [
    [-2, false],
    [-1, true],
    [0, true],
    [1, true],
    [2, false],
  ] as const) {
    const code = totpCode(seed, step + distance);
    assert.equal(stepOfCode(seed, code, nowMs), accepted ? step + distance : undefined, String(distance));
  }
  assert.equal(stepOfCode(seed, '', nowMs), undefined);
});

test('writes and reads the base32 of RFC 4648, section 10', () => {
  const vectors = {
    '': '',
    f: 'MY',
    fo: 'MZXQ',
    foo: 'MZXW6',
    foob: 'MZXW6YQ',
    fooba: 'MZXW6YTB',
    foobar: 'MZXW6YTBOI',
  };
  for (const [text, base32] of Object.entries(vectors)) {
    assert.equal(toBase32(Buffer.from(text)), base32);
    assert.equal(fromBase32(base32).toString(), text);
  }
  assert.throws(() => fromBase32('M1'), TypeError);
});
