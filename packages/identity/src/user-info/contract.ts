import { contract, operation } from '@banyan/banyan';
import { z } from 'zod';
import { AccountId, EmailAddress, Handle } from '../vocabulary.ts';

export const NewUser = z.object({
  name: z.string().trim().min(1).max(120),
  /** Where to reach the owner when the password is lost. */
  email: EmailAddress,
});

/** Name and e-mail address of accounts. For the other services of identity alone. */
export const userInfo = contract('user-info', {
  version: '1.0.0',
  description: 'What is known about the person behind an account.',
  operations: {
    put: operation('PUT /users/:accountId', {
      summary: 'Stores who somebody is. A new e-mail address is unverified, and gets a message with a token.',
      input: NewUser.extend({ accountId: AccountId }),
      output: z.object({}),
    }),
    get: operation('GET /users/:accountId', {
      input: z.object({ accountId: AccountId }),
      output: NewUser.extend({ emailVerified: z.boolean() }),
      errors: { noSuchUser: { status: 404 } },
    }),
    verifyEmail: operation('POST /email-verifications', {
      summary: 'Shows that a message to the e-mail address has arrived. A token works once.',
      input: z.object({ token: Handle }),
      output: z.object({}),
      errors: {
        noSuchVerification: {
          status: 410,
          description: 'Wrong, used, too late, or the address is another one now.',
        },
      },
    }),
    forget: operation('DELETE /users/:accountId', {
      input: z.object({ accountId: AccountId }),
      output: z.object({}),
    }),
  },
});
