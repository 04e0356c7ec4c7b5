import { isServiceError, ServiceError } from '@banyan/core';

/** The error for a deadline that passed. */
export function deadlinePassed(): ServiceError {
  return new ServiceError('The deadline passed before the answer came.', {
    code: 'deadline_exceeded',
    reason: 'deadline_passed',
  });
}

/** Whatever an `AbortSignal` was aborted with, as the error that a cancelled call rejects with. */
export function toCancellation(reason: unknown): ServiceError {
  if (isServiceError(reason)) return reason;
  return new ServiceError('The caller cancelled the call.', {
    code: 'cancelled',
    reason: 'call_cancelled',
    cause: reason,
  });
}
