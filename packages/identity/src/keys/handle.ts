import { createHash, randomBytes } from 'node:crypto';

/** A new secret to hand out: 256 random bits, base64url. */
export function newHandle(): string {
  return randomBytes(32).toString('base64url');
}

/** What is stored of a handle, so that whoever reads the database has none of them. No salt and no slow hash: there is nothing to guess. */
export function handleHash(handle: string): string {
  return createHash('sha256').update(handle).digest('base64url');
}
