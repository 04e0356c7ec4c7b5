import { isServiceError } from '@banyan/core';
import { failed, type Outcome } from '../plan/outcome.ts';
import type { Phase } from '../state.ts';

const commonCodes: ReadonlySet<string> = new Set(['aborted', 'cancelled']);
/** The database is away, for all; whatever else a piece of work finds away is its own. */
const databaseReasons: ReadonlySet<string | undefined> = new Set([
  'database_unavailable',
  'database_closed',
  'session_ended',
  'commit_outcome_unknown',
]);

/** Says something about the piece of work itself, not about the transaction it shared. */
export function isOwnFailure(outcome: Outcome): boolean {
  if (outcome.ok) return false;
  const { error } = outcome;
  if (error.declared) return true;
  if (error.code === 'unavailable') return !databaseReasons.has(error.reason);
  return !commonCodes.has(error.code) && error.reason !== 'transaction_failed';
}

/** What a failed transaction with nothing else in it says about the piece of work it was for. */
export function toOwnFailure(step: string, phase: Phase, error: unknown): Outcome {
  const isRollback = isServiceError(error) && error.reason === 'transaction_failed';
  return failed(step, phase, isRollback && error.cause !== undefined ? error.cause : error);
}
