import { isServiceError } from '@banyan/core';
import { failed, type Outcome } from '../plan/outcome.ts';

const commonCodes: ReadonlySet<string> = new Set(['unavailable', 'aborted', 'cancelled']);

/** Says something about the piece of work itself, not about the transaction it shared. */
export function isOwnFailure(outcome: Outcome): boolean {
  if (outcome.ok) return false;
  const { error } = outcome;
  if (error.declared) return true;
  return !commonCodes.has(error.code) && error.reason !== 'transaction_failed';
}

/** What a failed transaction of one instance alone says about its piece. */
export function toOwnFailure(name: string, error: unknown): Outcome {
  const isRollback = isServiceError(error) && error.reason === 'transaction_failed';
  return failed(name, 'do', isRollback && error.cause !== undefined ? error.cause : error);
}
