import { ServiceError } from '@banyan/core';

export function callerNotAllowed(caller: string, callee: string): ServiceError {
  return new ServiceError(`'${caller}' may not call '${callee}': it does not name it in 'uses'.`, {
    code: 'permission_denied',
    reason: 'caller_not_allowed',
  });
}
