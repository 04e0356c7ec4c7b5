import { contract, operation } from '@banyan/banyan';
import { z } from 'zod';
import { Id, Timestamp } from '../vocabulary/text.ts';
import { loginKey } from './login-key.ts';

/** What a customer signs in with: an e-mail address or any name without blanks. */
export const LoginId = z
  .string()
  .trim()
  .min(3)
  .max(128)
  .regex(/^[^\s\p{C}]*$/u, 'must not contain blanks or control characters')
  // Some single characters have compatibility forms of up to 18, and the key is indexed.
  .refine((loginId) => loginKey(loginId).length <= 256, 'is too long');

/** Length only (NIST SP 800-63B), counted in characters as people see code points; the whole of it is significant. */
export const NewPassword = z.string().regex(/^[\s\S]{8,200}$/u, 'must have 8 to 200 characters');

/** The public half only: what a schema does not name never leaves the service. */
export const PublicJwk = z.object({
  kty: z.string(),
  crv: z.string().optional(),
  x: z.string().optional(),
  kid: z.string().optional(),
  alg: z.string().optional(),
  use: z.string().optional(),
});

export const authentication = contract('authentication', {
  version: '1.0.0',
  description: 'Who someone is: passwords in, signed tokens out.',
  operations: {
    createSession: operation('POST /sessions', {
      summary: 'Sign in.',
      // Looser than `LoginId` and `NewPassword`: what could never be an account is simply wrong credentials.
      input: z.object({
        loginId: z
          .string()
          .max(256)
          .regex(/^\P{Cc}*$/u, 'must not contain control characters'),
        password: z.string().max(1_000),
      }),
      output: z.object({ token: z.string(), expiresAt: Timestamp }),
      status: 201,
      errors: {
        wrongCredentials: { status: 401, description: 'No such login id, or not its password.' },
      },
    }),
    createCredentials: operation('POST /credentials', {
      summary: 'Gives a login id to the customer with this password, or finds that it is theirs already.',
      input: z.object({ loginId: LoginId, password: NewPassword }),
      output: z.object({ accountId: Id }),
      errors: { loginIdTaken: { status: 409, description: 'Someone with another password has it.' } },
      idempotent: true,
    }),
    publicKeys: operation('GET /.well-known/jwks.json', {
      summary: 'The keys that verify the tokens (RFC 7517).',
      input: z.object({}),
      output: z.object({ keys: z.array(PublicJwk) }),
    }),
  },
});
