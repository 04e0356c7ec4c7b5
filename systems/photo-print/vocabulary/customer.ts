import { type Caller, ServiceError } from '@banyan/banyan';

/**
 * The account id of the customer on whose behalf a call or an event runs.
 * @throws ServiceError `unauthenticated` `not_signed_in`
 */
export function customerOf(caller: Caller): string {
  if (caller.user === undefined) {
    throw new ServiceError('Sign in first.', { code: 'unauthenticated', reason: 'not_signed_in' });
  }
  return caller.user.id;
}
