import { onRefusal, service } from '@banyan/banyan';
import { authentication } from '../authentication/contract.ts';
import { customerOf } from '../vocabulary/customer.ts';
import { type Profile, registration } from './contract.ts';

export const registrationService = service(registration, {
  uses: { authentication },
  migrations: new URL('./migrations/', import.meta.url),
  operations: {
    async register({ loginId, password, ...profile }, { call, sql, idempotencyKey, fail }) {
      // First the login id, then the account. Dying between the two leaves a login id that only its password's owner can
      // use: their next attempt gets the same account id here and completes the account below.
      const { accountId } = await call.authentication
        .createCredentials({ loginId, password })
        .catch(
          onRefusal(authentication.operations.createCredentials, 'loginIdTaken', () => fail('loginIdTaken')),
        );

      const created = await sql`
        insert into accounts (account_id, login_id, name, email, phone, address, idempotency_key)
        values (${accountId}, ${loginId}, ${profile.name}, ${profile.email}, ${profile.phone},
                ${sql.json(profile.address)}, ${idempotencyKey ?? null})
        on conflict (account_id) do nothing
        returning account_id`;
      if (created.length > 0) return { accountId, loginId };

      const sameRequest = await sql`
        select 1 from accounts where account_id = ${accountId} and idempotency_key = ${idempotencyKey ?? null}`;
      return sameRequest.length > 0 ? { accountId, loginId } : fail('loginIdTaken');
    },

    async getMyAccount(_input, { sql, caller, fail }) {
      const [account] = await sql<Profile & { accountId: string; loginId: string }>`
        select account_id, login_id, name, email, phone, address from accounts
        where account_id = ${customerOf(caller)}`;
      return account ?? fail('noAccount');
    },
  },
});
