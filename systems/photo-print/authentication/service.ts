import { service } from '@banyan/banyan';
import { z } from 'zod';
import { authentication, PublicJwk } from './contract.ts';
import { loginKey } from './login-key.ts';
import { createPasswords, decoyHash } from './passwords.ts';
import { tokenSigner } from './token-signer.ts';

const passwords = createPasswords({ maxConcurrent: 2, maxQueued: 100 });

interface Credentials {
  readonly accountId: string;
  readonly passwordHash: string;
}

export const authenticationService = service(authentication, {
  config: z.object({ tokenMinutes: z.int().min(1).max(1_440).default(60) }),
  migrations: new URL('./migrations/', import.meta.url),
  audited: { createSession: ({ loginId }) => loginId },
  operations: {
    async createSession({ loginId, password }, { sql, config, fail }) {
      const [known] = await sql<Credentials>`
        select account_id, password_hash from credentials where login_key = ${loginKey(loginId)}`;
      // An unknown login id costs the same time and gets the same answer as a wrong password.
      const matches = await passwords.verify(known?.passwordHash ?? decoyHash, password);
      if (known === undefined || !matches) return fail('wrongCredentials');

      if (passwords.isOutdated(known.passwordHash)) {
        const passwordHash = await passwords.hash(password);
        await sql`update credentials set password_hash = ${passwordHash} where account_id = ${known.accountId}`;
      }
      const signer = await tokenSigner(sql, config.tokenMinutes);
      return signer.sign({ id: known.accountId, scopes: ['customer'] });
    },

    async createCredentials({ loginId, password }, { sql, fail }) {
      const passwordHash = await passwords.hash(password);
      const [created] = await sql<{ accountId: string }>`
        insert into credentials (login_key, password_hash) values (${loginKey(loginId)}, ${passwordHash})
        on conflict (login_key) do nothing
        returning account_id`;
      if (created !== undefined) return created;

      // Whoever knows the password is the customer whose earlier attempt did not get to its end.
      const [existing] = await sql<Credentials>`
        select account_id, password_hash from credentials where login_key = ${loginKey(loginId)}`;
      if (existing === undefined || !(await passwords.verify(existing.passwordHash, password))) {
        return fail('loginIdTaken');
      }
      return { accountId: existing.accountId };
    },

    async publicKeys(_input, { sql, config }) {
      const signer = await tokenSigner(sql, config.tokenMinutes);
      const { keys } = await signer.jwks();
      return { keys: keys.map((key) => PublicJwk.parse(key)) };
    },
  },
});
