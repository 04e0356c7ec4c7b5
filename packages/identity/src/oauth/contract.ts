import { contract, operation } from '@banyan/banyan';
import { z } from 'zod';
import { PublicJwk } from '../vocabulary.ts';

/** OAuth 2.0 and OpenID Connect for other programs, as one operation that answers every request below its prefix, and the public keys. */
export const oauth = contract('oauth', {
  version: '1.0.0',
  description: 'OAuth 2.0 and OpenID Connect: other programs act for users who have agreed to it.',
  operations: {
    handle: operation('POST /requests', {
      summary: 'For the gateway: answers one HTTP request of the protocol, or of its pages.',
      input: z.object({
        method: z.string().max(16),
        path: z.string().max(8_192),
        query: z.string().max(16_384),
        headers: z.record(z.string(), z.string()),
        body: z.string().max(65_536),
        client: z.string().max(64),
      }),
      output: z.object({
        status: z.int(),
        headers: z.array(z.tuple([z.string(), z.string()])),
        body: z.string(),
      }),
    }),
    publicKeys: operation('GET /public-keys', {
      summary: 'For the gateway: who issues the tokens, and the keys that verify them.',
      input: z.object({}),
      output: z.object({ issuer: z.string(), keys: z.array(PublicJwk) }),
    }),
    rotateKeys: operation('POST /signing-keys', {
      summary:
        'For operators: a new signing key. Tokens of the others stay valid, unless they are withdrawn because one has leaked.',
      input: z.object({ withdrawOthers: z.boolean().default(false) }),
      output: z.object({ keyId: z.string() }),
      status: 201,
    }),
  },
});
