import { ServiceError } from '@banyan/core';
import { type FeedsReason, feedsErrors } from './errors.ts';

interface ErrorOptions {
  readonly cause?: unknown;
  readonly status?: number;
  readonly retryAfterMs?: number;
}

/** The error of that reason; its text says what happened here. */
export function feedsError(reason: FeedsReason, text: string, options: ErrorOptions = {}): ServiceError {
  return new ServiceError(text, { code: feedsErrors[reason].code, reason, ...options });
}
