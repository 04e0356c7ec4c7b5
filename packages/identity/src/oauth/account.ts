import { onRefusal } from '@banyan/banyan';
import type { Account } from 'oidc-provider';
import { loginIds } from '../login-ids/contract.ts';
import { currentRequest } from './current-request.ts';

/** What is told of an account, as far as the scopes go that its owner has agreed to; undefined if there is no such account. */
export async function findAccount(accountId: string): Promise<Account | undefined> {
  const { call } = currentRequest();
  const found = await call.loginIds
    .describe({ accountId })
    .catch(onRefusal(loginIds.operations.describe, 'noRegisteredUser', () => undefined));
  if (found === undefined) return undefined;
  return {
    accountId,
    async claims(_use, scope) {
      const wanted = new Set(scope.split(' '));
      if (!wanted.has('profile') && !wanted.has('email')) return { sub: accountId };
      // Nobody's sign-in waits for a name.
      const person = await call.userInfo.get({ accountId }, { timeoutMs: 1_000 }).catch(() => undefined);
      return {
        sub: accountId,
        preferred_username: found.loginId,
        ...(person && { name: person.name, email: person.email, email_verified: person.emailVerified }),
      };
    },
  };
}
