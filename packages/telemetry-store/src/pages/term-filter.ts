import type { Sql, SqlFragment } from '@banyan/core';

/**
 * A Bloom filter (Bloom, 1970) of the terms of a page: it never misses one that was added, and takes about one of five hundred others for one that was. Its
 * size is a power of two, so that a bit's place in any size is the low bits of one number.
 */
const bitsPerTerm = 14;
const probes = 4;
const minBytes = 16;
const maxBytes = 4_096;

export function filterOf(terms: ReadonlySet<string>): Buffer {
  const wanted = (terms.size * bitsPerTerm) / 8;
  let bytes = minBytes;
  while (bytes < wanted && bytes < maxBytes) bytes *= 2;
  const filter = Buffer.alloc(bytes);
  const mask = bytes * 8 - 1;
  for (const term of terms) {
    const { first, second } = hash(term);
    for (let probe = 0; probe < probes; probe += 1) {
      const bit = placeOf(first, second, probe) & mask;
      filter[bit >> 3] = (filter[bit >> 3] ?? 0) | (1 << (bit & 7));
    }
  }
  return filter;
}

/** A condition on the column `terms`: it may have them all. */
export function mayHave(sql: Sql, terms: readonly string[]): SqlFragment {
  let condition = sql`true`;
  for (const term of terms) {
    const { first, second } = hash(term);
    for (let probe = 0; probe < probes; probe += 1) {
      const place = placeOf(first, second, probe) & (maxBytes * 8 - 1);
      condition = sql`${condition} and get_bit(terms, ${place}::int4 & (length(terms) * 8 - 1)) = 1`;
    }
  }
  return condition;
}

function placeOf(first: number, second: number, probe: number): number {
  return (first + Math.imul(probe, second)) >>> 0;
}

/** Two hashes from one walk (FNV-1a with two primes, then the mixing of MurmurHash3). */
function hash(term: string): { readonly first: number; readonly second: number } {
  let first = 0x811c9dc5;
  let second = 0x9747b28c;
  for (let index = 0; index < term.length; index += 1) {
    const code = term.charCodeAt(index);
    first = Math.imul(first ^ code, 0x01000193);
    second = Math.imul(second ^ code, 0x85ebca6b);
  }
  return { first: mix(first), second: mix(second) | 1 };
}

function mix(value: number): number {
  let mixed = value ^ (value >>> 16);
  mixed = Math.imul(mixed, 0x85ebca6b);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
