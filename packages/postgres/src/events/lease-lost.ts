import { ServiceError } from '@banyan/core';

export function leaseLost(message = 'Another instance has the lease now, or it is over.'): ServiceError {
  return new ServiceError(message, { code: 'aborted', reason: 'lease_lost' });
}
