import { type ErrorCode, isServiceError, toServiceError } from '@banyan/core';

/** What a failed call says about the callee: `none` is an answer, `cancelled` says nothing. */
export type OutcomeKind = 'timeout' | 'error' | 'cancelled' | 'none';

const outcomeOfCode = {
  invalid_argument: 'none',
  failed_precondition: 'none',
  unauthenticated: 'none',
  permission_denied: 'none',
  not_found: 'none',
  already_exists: 'none',
  aborted: 'none',
  // The callee answers, and quickly: keeping callers away for seconds would turn a rate limit into an outage.
  resource_exhausted: 'none',
  unimplemented: 'none',
  cancelled: 'cancelled',
  deadline_exceeded: 'timeout',
  unavailable: 'error',
  internal: 'error',
  unknown: 'error',
  data_loss: 'error',
} as const satisfies Record<ErrorCode, OutcomeKind>;

const transientCodes: readonly ErrorCode[] = ['unavailable', 'resource_exhausted', 'deadline_exceeded'];

/** Sorts a failed call for a circuit breaker. A refusal that the contract declares is an answer, whatever its code. */
export function failureKindOf(error: unknown): OutcomeKind {
  const known = toServiceError(error);
  return known.declared ? 'none' : outcomeOfCode[known.code];
}

/**
 * Decides by code whether repeating a failed call may help and does no harm. `unavailable`, `resource_exhausted` and
 * `deadline_exceeded` may pass; since the work may have run, they are repeated only if that is harmless (`idempotent`) or
 * the error says that it never started. Everything else is final, a declared refusal always.
 *
 * @param idempotent true if repeating the call has the effect of one
 */
export function isRetryable(error: unknown, idempotent: boolean): boolean {
  if (!isServiceError(error) || error.declared) return false;
  return transientCodes.includes(error.code) && (idempotent || error.notStarted);
}
