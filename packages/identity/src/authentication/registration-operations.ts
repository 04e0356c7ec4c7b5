import { onRefusal } from '@banyan/banyan';
import { keyRingOf } from '../keys/open-key-ring.ts';
import { loginIds } from '../login-ids/contract.ts';
import { passwords } from '../passwords/contract.ts';
import { secondFactors } from '../second-factors/contract.ts';
import { userInfo } from '../user-info/contract.ts';
import { type AuthenticationOperations, uses } from './definition.ts';
import {
  deleteRegistration,
  insertRegistration,
  missingIn,
  type Registration,
  readRegistration,
  registrationMinutes,
} from './registrations.ts';
import { takeTry } from './throttle.ts';
import { clientLimits, clientSubject, retryAfter } from './tries.ts';

type RegistrationOperations = Pick<
  AuthenticationOperations,
  'beginRegistration' | 'setPassword' | 'setRecoveryInformation' | 'setUpSecondFactor' | 'confirmRegistration'
>;

export const registrationOperations: RegistrationOperations = {
  async beginRegistration({ loginId, client }, context) {
    const { sql, call, config, fail } = context;
    if (client !== undefined) {
      const subject = clientSubject(await keyRingOf(context), client);
      const waitS = await takeTry(sql, subject, clientLimits(config.triesPerClient));
      if (waitS !== undefined) return fail('tooManyTries', retryAfter(waitS));
    }
    const expiresAt = new Date(Date.now() + registrationMinutes * 60_000).toISOString();
    const { accountId } = await call.loginIds
      .reserve({ loginId, until: expiresAt })
      .catch(onRefusal(loginIds.operations.reserve, 'loginIdTaken', () => fail('loginIdTaken')));
    return { registration: await insertRegistration(sql, { accountId, loginId, expiresAt }), expiresAt };
  },

  async setPassword({ registration, password }, { sql, call, fail }) {
    const found = (await readRegistration(sql, registration)) ?? fail('noSuchRegistration');
    const { accountId, loginId } = found;
    const person = await call.userInfo
      .get({ accountId })
      .catch(onRefusal(userInfo.operations.get, 'noSuchUser', () => undefined));
    const contextWords = person === undefined ? [loginId] : [loginId, person.name, person.email];
    // Whether there will be a second factor shows when the sign-up is confirmed; until then the lower floor counts.
    const { needsSecondFactor } = await call.passwords
      .create({ accountId, password, contextWords, secondFactor: true })
      .catch(onRefusal(passwords.operations.create, 'weakPassword', (data) => fail('weakPassword', data)));
    await sql`
      update registrations set password_set = true, needs_second_factor = ${needsSecondFactor}
      where account_id = ${accountId}`;
    return { needsSecondFactor };
  },

  async setRecoveryInformation({ registration, name, email }, { sql, call, fail }) {
    const { accountId } = (await readRegistration(sql, registration)) ?? fail('noSuchRegistration');
    await call.userInfo.put({ accountId, name, email });
    await sql`update registrations set recovery_information_set = true where account_id = ${accountId}`;
    return {};
  },

  async setUpSecondFactor({ registration, phone }, { sql, call, config, fail }) {
    const { accountId, loginId } = (await readRegistration(sql, registration)) ?? fail('noSuchRegistration');
    const offered =
      phone === undefined
        ? await call.secondFactors.beginTotp({ accountId, issuer: config.name, label: loginId })
        : await call.secondFactors
            .beginPhone({ accountId, phone })
            .catch(
              onRefusal(secondFactors.operations.beginPhone, 'tooManyCodes', (data) =>
                fail('tooManyTries', data),
              ),
            );
    await sql`
      update registrations set second_factor = ${phone === undefined ? 'totp' : 'phone'}
      where account_id = ${accountId}`;
    return offered;
  },

  async confirmRegistration({ registration, code }, { sql, tx, call, fail }) {
    const found = (await readRegistration(sql, registration)) ?? fail('noSuchRegistration');
    const missing = missingIn(found, code);
    if (missing.length > 0) return fail('registrationIncomplete', { missing });
    const { accountId, loginId } = found;
    const recoveryCodes = await confirmCode(found, code, { sql, call, fail });
    await call.loginIds
      .confirm({ accountId })
      .catch(onRefusal(loginIds.operations.confirm, 'reservationOver', () => fail('noSuchRegistration')));
    await tx(async ({ sql, emit }) => {
      await deleteRegistration(sql, accountId);
      emit('registered', { accountId, loginId });
    });
    return { accountId, loginId, recoveryCodes };
  },
};

type ConfirmContext = Pick<
  Parameters<RegistrationOperations['confirmRegistration']>[1],
  'sql' | 'call' | 'fail'
>;

/** Uses the code of the second factor, once: should something fail afterwards, the sign-up can be confirmed without it. */
async function confirmCode(
  { accountId, secondFactor, secondFactorConfirmed }: Registration,
  code: string | undefined,
  { sql, call, fail }: ConfirmContext,
): Promise<string[]> {
  if (secondFactor === null || secondFactorConfirmed || code === undefined) return [];
  const name = secondFactor === 'totp' ? 'confirmTotp' : 'confirmPhone';
  const { recoveryCodes } = await call.secondFactors[name]({ accountId, code })
    .catch(onRefusal(uses.secondFactors.operations[name], 'wrongCode', () => fail('wrongCode')))
    .catch(
      onRefusal(uses.secondFactors.operations[name], 'tooManyCodes', (data) => fail('tooManyTries', data)),
    );
  await sql`update registrations set second_factor_confirmed = true where account_id = ${accountId}`;
  return recoveryCodes;
}
