import { ServiceError } from '@banyan/core';

/** A variable that makes no sense. */
export function invalid(message: string): ServiceError {
  return new ServiceError(message, { code: 'failed_precondition', reason: 'invalid_configuration' });
}
