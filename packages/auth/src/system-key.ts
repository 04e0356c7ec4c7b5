import { randomBytes } from 'node:crypto';

const minimumBytes = 32;

/** A new signing key for a system: 32 random bytes, base64url. Whoever holds it can be any service of the system. */
export function generateSystemKey(): string {
  return randomBytes(minimumBytes).toString('base64url');
}

/** True for base64url of at least 256 bits. */
export function isSystemKey(text: string): boolean {
  return isBase64url(text) && Buffer.from(text, 'base64url').length >= minimumBytes;
}

/** @throws TypeError unless `key` is base64url of at least 256 bits, the least that HS256 is safe with (RFC 7518, 3.2) */
export function parseSystemKey(key: string): Uint8Array {
  if (typeof key !== 'string' || !isBase64url(key)) {
    throw new TypeError('The system key must be base64url text; make one with generateSystemKey().');
  }
  const bytes = Buffer.from(key, 'base64url');
  if (bytes.length < minimumBytes) {
    throw new TypeError(
      `The system key has ${bytes.length * 8} bits; it needs at least 256. Make one with generateSystemKey().`,
    );
  }
  return new Uint8Array(bytes);
}

function isBase64url(text: string): boolean {
  return /^[A-Za-z0-9_-]+$/.test(text);
}
