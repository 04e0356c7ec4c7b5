import { isServiceError } from '@banyan/core';
import type { chassisErrors } from './errors.ts';

const finalReasons: ReadonlySet<string> = new Set<keyof typeof chassisErrors>([
  'claim_expired',
  'unexpected_reply',
  'callback_refused',
  'callback_rejected',
]);

/** True for what no later delivery can end differently: an operator has to look at it. */
export function isFinalError(error: unknown): boolean {
  return isServiceError(error) && finalReasons.has(error.reason);
}
