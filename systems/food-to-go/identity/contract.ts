import { contract, operation } from '@banyan/banyan';
import { z } from 'zod';
import { roles } from '../vocabulary/signed-in.ts';
import { lineOfText, Timestamp } from '../vocabulary/text.ts';

/** The public half only: what a schema does not name never leaves the service. */
export const PublicJwk = z.object({
  kty: z.string(),
  crv: z.string().optional(),
  x: z.string().optional(),
  kid: z.string().optional(),
  alg: z.string().optional(),
  use: z.string().optional(),
});

export const identity = contract('identity', {
  version: '1.0.0',
  description: 'Who someone is. A stand-in for development: it believes everybody.',
  operations: {
    createSession: operation('POST /sessions', {
      summary: 'Sign in as anybody you like.',
      input: z.object({
        role: z.enum(roles),
        /** Id of the consumer, restaurant or courier; of staff, a name. */
        id: lineOfText(100),
      }),
      output: z.object({ token: z.string(), expiresAt: Timestamp }),
      status: 201,
    }),
    publicKeys: operation('GET /.well-known/jwks.json', {
      summary: 'The keys that verify the tokens (RFC 7517).',
      input: z.object({}),
      output: z.object({ keys: z.array(PublicJwk) }),
    }),
  },
});
