import { ServiceError } from '@banyan/core';

/** True for a text that travels unchanged in an HTTP header: 1 to 255 printable ASCII characters. */
export function isIdempotencyKey(value: unknown): value is string {
  return typeof value === 'string' && /^[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?$/.test(value);
}

/** True for a key that a saga makes: `saga/…`, or `void:…` for one that it gives up. Nobody else may bring one. */
export function isSagaKey(key: string): boolean {
  return /^(?:saga\/|void:)/.test(key);
}

/** @throws ServiceError `invalid_argument` `invalid_idempotency_key` */
export function checkIdempotencyKey(key: string | undefined): void {
  if (key === undefined || isIdempotencyKey(key)) return;
  throw new ServiceError('An idempotency key has 1 to 255 printable ASCII characters.', {
    code: 'invalid_argument',
    reason: 'invalid_idempotency_key',
  });
}
