// Ids of spans must be unique, not secret: a call may not pay for a cryptographic generator (some 300 ns each).
const state = crypto.getRandomValues(new Int32Array(4));
let s0 = state[0] ?? 1;
let s1 = state[1] ?? 1;
let s2 = state[2] ?? 1;
// The generator would stand still at all zeros.
let s3 = (state[3] ?? 1) | 1;

/**
 * 32 random bits as a signed integer: xoshiro128**, seeded from the system. Not for secrets.
 * @see https://prng.di.unimi.it/xoshiro128starstar.c
 */
export function nextInt32(): number {
  const product = Math.imul(s1, 5);
  const result = Math.imul((product << 7) | (product >>> 25), 9);
  const shifted = s1 << 9;
  s2 ^= s0;
  s3 ^= s1;
  s1 ^= s2;
  s0 ^= s3;
  s2 ^= shifted;
  s3 = (s3 << 11) | (s3 >>> 21);
  return result;
}

/** As {@link nextInt32}, never 0: an id of zeros is invalid. */
export function nextNonZeroInt32(): number {
  return nextInt32() || 1;
}
