import { contract, operation } from '@banyan/banyan';
import { z } from 'zod';
import { AccountId, Timestamp } from '../vocabulary.ts';

/** The public half only: what a schema does not name never leaves the service. */
export const PublicJwk = z.object({
  kty: z.string(),
  crv: z.string().optional(),
  x: z.string().optional(),
  kid: z.string().optional(),
  alg: z.string().optional(),
  use: z.string().optional(),
});

export const AccessToken = z.object({ token: z.string(), expiresAt: Timestamp });

export const sessions = contract('sessions', {
  version: '1.0.0',
  description: 'Signed proof of who is signed in.',
  operations: {
    open: operation('POST /sessions', {
      summary: 'For a service that has made sure who it is.',
      input: z.object({ accountId: AccountId }),
      output: AccessToken,
      status: 201,
    }),
    publicKeys: operation('GET /.well-known/jwks.json', {
      summary: 'The keys that verify access tokens (RFC 7517).',
      input: z.object({}),
      output: z.object({ keys: z.array(PublicJwk) }),
    }),
  },
});
