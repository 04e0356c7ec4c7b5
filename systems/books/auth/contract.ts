import { contract, operation } from '@banyan/banyan';
import { z } from 'zod';
import { PageRequest, PageResponse } from '../vocabulary/page.ts';

const Nothing = z.object({});
const page = { input: PageRequest, output: PageResponse };

const register = operation('POST /readers', {
  summary: 'A new reader. What a good password is, see packages/identity.',
  input: z.object({ name: z.string().regex(/^[a-z][a-z0-9-]{0,39}$/), password: z.string().min(1).max(200) }),
  output: z.object({ name: z.string() }),
  errors: { nameTaken: { status: 409 } },
  status: 201,
});
const login = operation('POST /pages/login', { summary: 'The page, and the form on it.', ...page });

/** Stages 2 and 3: pages, and a cookie of the service's own. */
export const auth = contract('auth', {
  version: '1.0.0',
  operations: {
    register,
    login,
    logOut: operation('POST /pages/logout', page),
    me: operation('POST /pages/me', page),
  },
});

/** Stage 4: the cookie is the gateway's, which exchanges it for a token that it alone sees. */
export const authWithTokens = contract('auth', {
  version: '2.0.0',
  operations: {
    register,
    login,
    logOut: operation('POST /logout', {
      input: z.object({ session: z.string().optional() }),
      headers: { session: 'banyan-session' },
      output: Nothing,
    }),
    exchange: operation('POST /session-exchanges', {
      summary: 'For the gateway: a token for the reference in a cookie.',
      input: z.object({ session: z.string() }),
      output: z.object({ token: z.string(), expiresAt: z.string() }),
      errors: { sessionOver: { status: 401 } },
      idempotent: true,
    }),
    publicKeys: operation('GET /.well-known/jwks.json', {
      input: Nothing,
      output: z.object({ keys: z.array(z.record(z.string(), z.unknown())) }),
    }),
  },
});
