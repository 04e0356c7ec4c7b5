import { createHash } from 'node:crypto';
import { uuidv7 } from '@banyan/core';

/** With an idempotency key the id is made of it, so that the same key is the same saga. */
export function sagaIdOf(saga: string, idempotencyKey: string | undefined): string {
  if (idempotencyKey === undefined) return uuidv7();
  const hash = createHash('sha256').update(`${saga}\n${idempotencyKey}`).digest('hex');
  // Version 8 of RFC 9562: made by our own rule.
  const variant = ((Number.parseInt(hash.slice(16, 17), 16) & 3) | 8).toString(16);
  return `${hash.slice(0, 8)}-${hash.slice(8, 12)}-8${hash.slice(13, 16)}-${variant}${hash.slice(17, 20)}-${hash.slice(20, 32)}`;
}
