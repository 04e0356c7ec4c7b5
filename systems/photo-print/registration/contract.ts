import { contract, operation } from '@banyan/banyan';
import { z } from 'zod';
import { LoginId, NewPassword } from '../authentication/contract.ts';
import { Address } from '../vocabulary/address.ts';
import { Id, lineOfText } from '../vocabulary/text.ts';

const Profile = z.object({
  name: lineOfText(120),
  email: z.email().max(254),
  phone: z.string().regex(/^\+?[0-9][0-9 ()./-]{4,28}[0-9]$/, 'must be a telephone number'),
  address: Address,
});
export type Profile = z.infer<typeof Profile>;

export const registration = contract('registration', {
  version: '1.0.0',
  description: 'Customer accounts.',
  operations: {
    register: operation('POST /accounts', {
      summary: 'Sign up.',
      input: Profile.extend({ loginId: LoginId, password: NewPassword }),
      output: z.object({ accountId: Id, loginId: z.string() }),
      errors: { loginIdTaken: { status: 409 } },
      location: '/accounts/me',
    }),
    getMyAccount: operation('GET /accounts/me', {
      summary: 'The profile of whoever asks.',
      input: z.object({}),
      output: Profile.extend({ accountId: Id, loginId: z.string() }),
      errors: { noAccount: { status: 404, description: 'Sign-up was never completed.' } },
    }),
  },
});
