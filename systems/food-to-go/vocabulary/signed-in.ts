import { type Caller, ServiceError } from '@banyan/banyan';

/** What somebody can be here; the gateway asks for it as the scope of their token. */
export const roles = ['consumer', 'restaurant', 'courier', 'staff'] as const;
export type Role = (typeof roles)[number];

/**
 * The id of whoever is signed in: a consumer's, a restaurant's or a courier's, as the scope of their token says.
 * @throws ServiceError `unauthenticated` `not_signed_in`
 */
export function signedIn(caller: Caller): string {
  if (caller.user === undefined) {
    throw new ServiceError('Sign in first.', { code: 'unauthenticated', reason: 'not_signed_in' });
  }
  return caller.user.id;
}
