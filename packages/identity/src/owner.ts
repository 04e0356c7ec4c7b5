import { type Caller, ServiceError } from '@banyan/banyan';

/** The account of whoever is signed in. */
export function ownerOf(caller: Caller): string {
  if (caller.user !== undefined) return caller.user.id;
  throw new ServiceError('Sign in first.', { code: 'unauthenticated', reason: 'not_signed_in' });
}
