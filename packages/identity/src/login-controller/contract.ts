import { contract, operation } from '@banyan/banyan';
import { z } from 'zod';
import { AccountId, GivenLoginId, GivenPassword, PasswordRevision } from '../vocabulary.ts';

/** The orchestrated login: one question about login id and password. For `authentication` alone, not for the world. */
export const loginController = contract('login-controller', {
  version: '1.0.0',
  description: 'The orchestrated login: one service asks the others in turn.',
  operations: {
    check: operation('POST /login-checks', {
      summary:
        'Whether the password is the one of the login id. Takes as long for a login id that nobody has.',
      input: z.object({ loginId: GivenLoginId, password: GivenPassword }),
      output: z.object({
        accountId: AccountId.optional(),
        fits: z.boolean(),
        revision: PasswordRevision.optional(),
      }),
      idempotent: true,
    }),
  },
});
