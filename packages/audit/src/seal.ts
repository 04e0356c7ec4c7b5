import { createHash } from 'node:crypto';

/** A record as it is stored. */
export interface StoredRecord {
  readonly seq: number;
  readonly record: string;
}

/** Says what a number of records were, and which seal came before: changing any of them later shows. */
export interface Seal {
  /** 1, 2, 3 … */
  readonly number: number;
  /** RFC 3339 UTC. */
  readonly sealedAt: string;
  /** Of the records in it, in order. */
  readonly seqs: readonly number[];
  /** 64 hexadecimal digits. */
  readonly hash: string;
}

/** What the first seal follows. */
export const noSeal = { number: 0, hash: '0'.repeat(64) } as const;

/**
 * SHA-256 over the seal before, this one's number and time, and each record with its number and length: nothing can be moved from one to the next unseen.
 * (Haber and Stornetta, How to time-stamp a digital document, 1991.)
 */
export function hashOf(
  before: Pick<Seal, 'hash'>,
  seal: Pick<Seal, 'number' | 'sealedAt'>,
  records: readonly StoredRecord[],
): string {
  const hash = createHash('sha256').update(
    `${before.hash}\n${seal.number} ${seal.sealedAt} ${records.length}\n`,
  );
  for (const { seq, record } of records) hash.update(`${seq} ${Buffer.byteLength(record)} ${record}\n`);
  return hash.digest('hex');
}
