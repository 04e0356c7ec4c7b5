import { contract, event, operation } from '@banyan/banyan';
import { z } from 'zod';
import { AccountId, GivenCode, PhoneNumber, SecondFactorMethodName, Timestamp } from '../vocabulary.ts';

const Account = z.object({ accountId: AccountId });
const tooManyCodes = {
  status: 429,
  description: 'Too many wrong codes, or too many codes sent.',
  data: z.object({ retryAfterS: z.int() }),
} as const;

/** Second factors of accounts: enrol, send a code, check one. For the other services of identity alone. */
export const secondFactors = contract('second-factors', {
  version: '1.0.0',
  description:
    'What proves somebody beside the password: codes from an app, codes to the phone, recovery codes.',
  operations: {
    describe: operation('GET /second-factors/:accountId', {
      summary: 'What the account has. A sign-in needs a code as soon as `methods` is not empty.',
      input: Account,
      output: z.object({
        methods: z.array(SecondFactorMethodName),
        /** Last digits of the telephone number, so that its owner knows which one. */
        phoneEnding: z.string().optional(),
        recoveryCodesLeft: z.int(),
      }),
    }),
    beginTotp: operation('POST /second-factors/:accountId/totp', {
      summary:
        'A new seed for an authenticator app. It is shown here and nowhere else, and counts once a code of it has come.',
      input: Account.extend({ issuer: z.string().max(100), label: z.string().max(256) }),
      output: z.object({ seed: z.string(), uri: z.string() }),
      status: 201,
    }),
    confirmTotp: operation('POST /second-factors/:accountId/totp/confirmation', {
      summary: 'Makes the new seed the one that counts, and gives new recovery codes, shown once.',
      input: Account.extend({ code: GivenCode }),
      output: z.object({ recoveryCodes: z.array(z.string()) }),
      errors: { wrongCode: { status: 403 }, tooManyCodes },
    }),
    beginPhone: operation('POST /second-factors/:accountId/phone', {
      summary: 'Sends a code to a new telephone number, which counts once the code has come back.',
      input: Account.extend({ phone: PhoneNumber }),
      output: z.object({ expiresAt: Timestamp }),
      status: 202,
      errors: { tooManyCodes },
    }),
    confirmPhone: operation('POST /second-factors/:accountId/phone/confirmation', {
      summary:
        'Makes the new telephone number the one that counts, and gives new recovery codes if the account has none.',
      input: Account.extend({ code: GivenCode }),
      output: z.object({ recoveryCodes: z.array(z.string()) }),
      errors: { wrongCode: { status: 403 }, tooManyCodes },
    }),
    sendCode: operation('POST /second-factors/:accountId/codes', {
      summary: 'Sends a code to the telephone. An earlier one stops working.',
      input: Account,
      output: z.object({ expiresAt: Timestamp }),
      status: 202,
      errors: { noPhone: { status: 409 }, tooManyCodes },
    }),
    check: operation('POST /second-factors/:accountId/checks', {
      summary: 'Whether the code is right. Each code is right once, however often and however fast it comes.',
      input: Account.extend({ method: SecondFactorMethodName, code: GivenCode }),
      output: z.object({ accepted: z.boolean() }),
      errors: { tooManyCodes },
    }),
    forget: operation('DELETE /second-factors/:accountId', {
      summary: 'Forgets everything about an account.',
      input: Account,
      output: z.object({}),
    }),
  },
  events: {
    changed: event('SecondFactorChanged', {
      data: z.object({ accountId: AccountId, method: SecondFactorMethodName }),
      key: 'accountId',
      description: 'An account has a new authenticator app or telephone number.',
    }),
  },
});
