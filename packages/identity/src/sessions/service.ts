import { createUserTokenSigner, service } from '@banyan/banyan';
import { z } from 'zod';
import { keyRingOf, keysSetting } from '../keys/open-key-ring.ts';
import { type PublicJwk, sessions } from './contract.ts';
import { signingKey } from './signing-key.ts';

/** Who issues access tokens, and whom they are for, unless configured. */
export const defaultIssuer = 'identity';

export const sessionsService = service(sessions, {
  config: z.object({
    keys: keysSetting,
    issuer: z.string().min(1).default(defaultIssuer).describe('`iss` of access tokens.'),
    audience: z.string().min(1).default(defaultIssuer).describe('`aud` of access tokens.'),
    scopes: z.array(z.string()).default(['user']).describe('What everybody who signs in may do.'),
    tokenSeconds: z.int().min(30).max(3_600).default(300).describe('How long an access token is valid.'),
  }),
  migrations: new URL('./migrations/', import.meta.url),
  operations: {
    async open({ accountId }, context) {
      const { issuer, audience, scopes, tokenSeconds } = context.config;
      const privateJwk = await signingKey(context.sql, await keyRingOf(context));
      const signer = createUserTokenSigner({ issuer, audience, privateJwk, lifetimeS: tokenSeconds });
      return signer.sign({ id: accountId, scopes });
    },

    async publicKeys(_input, context) {
      await signingKey(context.sql, await keyRingOf(context));
      const rows = await context.sql<{ publicJwk: z.output<typeof PublicJwk> }>`
        select public_jwk from signing_keys order by made_at desc`;
      return { keys: rows.map(({ publicJwk }) => publicJwk) };
    },
  },
});
