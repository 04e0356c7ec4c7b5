import { service } from '@banyan/banyan';
import { handleHash, newHandle } from '../keys/handle.ts';
import { messageSender } from '../message-sender/contract.ts';
import { passwords } from '../passwords/contract.ts';
import { secondFactors } from '../second-factors/contract.ts';
import { userInfo } from './contract.ts';

interface User {
  readonly name: string;
  readonly email: string;
  readonly emailVerified: boolean;
}

/** Keeps `userInfo`: verifies addresses, and tells owners by mail of changes to their account. */
export const userInfoService = service(userInfo, {
  uses: { messageSender, passwords, secondFactors },
  migrations: new URL('./migrations/', import.meta.url),
  operations: {
    async put({ accountId, name, email }, { tx, call }) {
      const token = newHandle();
      const isVerified = await tx(async ({ sql }) => {
        const [before] =
          await sql<User>`select email, email_verified from users where account_id = ${accountId} for update`;
        await sql`
          insert into users (account_id, name, email) values (${accountId}, ${name}, ${email})
          on conflict (account_id) do update set name = excluded.name, email = excluded.email,
            email_verified = users.email_verified and users.email = excluded.email`;
        if (before?.emailVerified === true && before.email === email) return true;
        await sql`
          insert into email_verifications (account_id, token_hash, email, expires_at)
          values (${accountId}, ${handleHash(token)}, ${email}, now() + interval '1 day')
          on conflict (account_id) do update
            set token_hash = excluded.token_hash, email = excluded.email, expires_at = excluded.expires_at`;
        return false;
      });
      if (isVerified) return {};
      // Should this fail, the next attempt to store the address makes a new token and sends it.
      await call.messageSender.send({
        messageId: `verify-${handleHash(token)}`,
        to: { email },
        subject: 'Is this your address?',
        text: `If you have just given this address, confirm it with this code: ${token}`,
      });
      return {};
    },

    async get({ accountId }, { sql, fail }) {
      const [user] = await sql<User>`
        select name, email, email_verified from users where account_id = ${accountId}`;
      return user ?? fail('noSuchUser');
    },

    async verifyEmail({ token }, { tx, fail }) {
      return tx(async ({ sql }) => {
        const verified = await sql`
          with used as (
            delete from email_verifications where token_hash = ${handleHash(token)} returning account_id, email, expires_at
          )
          update users set email_verified = true from used
          where users.account_id = used.account_id and users.email = used.email and used.expires_at > now()
          returning users.account_id`;
        return verified.length > 0 ? {} : fail('noSuchVerification');
      });
    },

    async forget({ accountId }, { sql }) {
      await sql`delete from users where account_id = ${accountId}`;
      return {};
    },
  },
  // Whoever did not do it should know at once (ASVS 6.3.7).
  on: {
    'passwords.changed': async ({ accountId }, { sql, call, event }) => {
      const [user] = await sql<User>`select email from users where account_id = ${accountId}`;
      if (user !== undefined) await call.messageSender.send(notice(user.email, 'password', event.id));
    },
    'secondFactors.changed': async ({ accountId }, { sql, call, event }) => {
      const [user] = await sql<User>`select email from users where account_id = ${accountId}`;
      if (user !== undefined) await call.messageSender.send(notice(user.email, 'second factor', event.id));
    },
  },
});

function notice(email: string, what: string, eventId: string) {
  return {
    messageId: `notice-${eventId}`,
    to: { email },
    subject: `Your ${what} has changed`,
    text: `The ${what} of your account has changed. If that was not you, recover your account now.`,
  };
}
