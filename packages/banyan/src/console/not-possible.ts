import { ServiceError } from '@banyan/core';

/** What was asked for cannot be done now, or not here; `message` says why. */
export function notPossible(message: string): ServiceError {
  return new ServiceError(message, { code: 'failed_precondition', reason: 'not_possible' });
}
