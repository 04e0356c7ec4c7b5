import { isServiceError, type TransactionOptions } from '@banyan/core';
import { postgresError } from './errors.ts';

const isolationLevels = ['read committed', 'repeatable read', 'serializable'] as const;

/** The text that opens a transaction; throws on options that are none of the documented ones. */
export function beginText({ isolation, readOnly = false }: TransactionOptions): string {
  if (isolation !== undefined && !isolationLevels.includes(isolation)) {
    throw new TypeError(`isolation is one of ${isolationLevels.join(', ')}.`);
  }
  if (isolation === undefined && !readOnly) return 'begin';
  return `begin isolation level ${isolation ?? 'read committed'}${readOnly ? ' read only' : ''}`;
}

/** What a transaction whose signal has aborted rejects with: the signal's own `ServiceError`, or one by its kind. */
export function toAbortError(reason: unknown): Error {
  if (isServiceError(reason)) return reason;
  const isTimeout = reason instanceof Error && reason.name === 'TimeoutError';
  return postgresError(isTimeout ? 'transaction_timeout' : 'transaction_cancelled', { cause: reason });
}
