import { contract, event, operation } from '@banyan/banyan';
import { z } from 'zod';
import { AccountId, AttemptId, GivenLoginId, SealedPassword, Timestamp } from '../vocabulary.ts';
import { NewLoginId } from './login-key.ts';

const Account = z.object({ accountId: AccountId, loginId: z.string() });

/** Which login id belongs to which account: reserve, confirm, release, find. For the other services of identity alone. */
export const loginIds = contract('login-ids', {
  version: '1.0.0',
  description:
    'Which name belongs to which account. For services, not for the world: it says who is registered.',
  operations: {
    reserve: operation('POST /login-ids', {
      summary: 'Takes a login id for a registration that has begun.',
      input: z.object({ loginId: NewLoginId, until: Timestamp }),
      output: Account,
      status: 201,
      errors: { loginIdTaken: { status: 409 } },
    }),
    confirm: operation('PUT /login-ids/:accountId/confirmation', {
      summary: 'Makes a reserved login id a registered one.',
      input: z.object({ accountId: AccountId }),
      output: z.object({}),
      errors: {
        reservationOver: { status: 409, description: 'It took too long, and the login id is gone.' },
      },
    }),
    release: operation('DELETE /login-ids/:accountId', {
      summary: 'Gives up a reserved login id; a registered one stays.',
      input: z.object({ accountId: AccountId }),
      output: z.object({}),
    }),
    find: operation('POST /login-id-searches', {
      summary: 'The account that signs in with this login id.',
      input: z.object({ loginId: GivenLoginId }),
      output: Account,
      idempotent: true,
      errors: { noRegisteredUser: { status: 404 } },
    }),
    describe: operation('GET /login-ids/:accountId', {
      summary: 'The login id of an account, reserved or registered.',
      input: z.object({ accountId: AccountId }),
      output: Account,
      errors: { noRegisteredUser: { status: 404 } },
    }),
  },
  events: {
    loginChecked: event('LoginChecked', {
      description: "Choreographed form: the login id of an attempt is somebody's, or nobody's.",
      data: z.object({
        attemptId: AttemptId,
        accountId: AccountId.optional(),
        sealedPassword: SealedPassword,
      }),
      key: 'attemptId',
    }),
  },
});
