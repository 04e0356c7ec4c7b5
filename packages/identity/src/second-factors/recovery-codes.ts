import { createHash, randomBytes } from 'node:crypto';
import { toBase32 } from './base32.ts';

const codesPerAccount = 10;

/** Codes to keep on paper, 120 random bits each: too many to guess, so a fast hash is enough for what is stored. */
export function newRecoveryCodes(): string[] {
  return Array.from({ length: codesPerAccount }, () =>
    (toBase32(randomBytes(15)).match(/.{6}/g) ?? []).join('-'),
  );
}

/** What is stored of a code. Hyphens, spaces and small letters are a matter of taste. */
export function recoveryCodeHash(code: string): string {
  const bare = code.replaceAll(/[\s-]/g, '').toUpperCase();
  return createHash('sha256').update(bare).digest('base64url');
}
