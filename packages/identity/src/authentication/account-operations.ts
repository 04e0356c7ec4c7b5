import { onRefusal } from '@banyan/banyan';
import { keyRingOf } from '../keys/open-key-ring.ts';
import { ownerOf } from '../owner.ts';
import { passwords } from '../passwords/contract.ts';
import { secondFactors } from '../second-factors/contract.ts';
import { userInfo } from '../user-info/contract.ts';
import type { AuthenticationOperations } from './definition.ts';
import { forgetTries, takeTry } from './throttle.ts';
import {
  clientLimits,
  clientSubject,
  loginLimits,
  loginSubject,
  resetLimits,
  resetSubject,
  retryAfter,
} from './tries.ts';

type AccountOperations = Pick<
  AuthenticationOperations,
  | 'askPasswordReset'
  | 'resetPassword'
  | 'verifyEmail'
  | 'getMyAccount'
  | 'changePassword'
  | 'beginSecondFactor'
  | 'confirmSecondFactor'
>;
type ContextOf<Name extends keyof AccountOperations> = Parameters<AccountOperations[Name]>[1];
type Calls = ContextOf<'getMyAccount'>['call'];

export const accountOperations: AccountOperations = {
  async askPasswordReset({ loginId, client }, context) {
    const { sql, tx, config, fail } = context;
    const ring = await keyRingOf(context);
    const clientWaitS =
      client && (await takeTry(sql, clientSubject(ring, client), clientLimits(config.triesPerClient)));
    const waitS = clientWaitS || (await takeTry(sql, resetSubject(ring, loginId), resetLimits));
    if (waitS) return fail('tooManyTries', retryAfter(waitS));
    // Whether the login id exists is found out later, so that neither the answer nor its time tells.
    await tx(async ({ emit }) => emit('resetAsked', { loginId }));
    return {};
  },

  async resetPassword({ token, password }, context) {
    const { call, sql, fail } = context;
    const { findRecovery, recover } = passwords.operations;
    const { accountId } = await call.passwords
      .findRecovery({ token })
      .catch(onRefusal(findRecovery, 'noSuchRecovery', () => fail('noSuchReset')));
    const person = await describePerson(accountId, call);
    await call.passwords
      .recover({ token, password, contextWords: wordsOf(person), secondFactor: person.methods.length > 0 })
      .catch(onRefusal(recover, 'weakPassword', (data) => fail('weakPassword', data)))
      .catch(onRefusal(recover, 'noSuchRecovery', () => fail('noSuchReset')));
    await forgetTries(sql, loginSubject(await keyRingOf(context), person.loginId));
    return {};
  },

  async verifyEmail({ token }, { call, fail }) {
    return call.userInfo
      .verifyEmail({ token })
      .catch(
        onRefusal(userInfo.operations.verifyEmail, 'noSuchVerification', () => fail('noSuchVerification')),
      );
  },

  async getMyAccount(_input, { call, caller }) {
    const accountId = ownerOf(caller);
    const { loginId, person, methods, recoveryCodesLeft } = await describePerson(accountId, call);
    return { accountId, loginId, ...person, secondFactors: methods, recoveryCodesLeft };
  },

  async changePassword({ current, password }, context) {
    const { call, sql, caller, fail } = context;
    const accountId = ownerOf(caller);
    const person = await describePerson(accountId, call);
    const subject = loginSubject(await keyRingOf(context), person.loginId);
    const waitS = await takeTry(sql, subject, loginLimits);
    if (waitS !== undefined) return fail('tooManyTries', retryAfter(waitS));
    const { change } = passwords.operations;
    await call.passwords
      .change({
        accountId,
        current,
        password,
        contextWords: wordsOf(person),
        secondFactor: person.methods.length > 0,
      })
      .catch(onRefusal(change, 'wrongPassword', () => fail('wrongPassword')))
      .catch(onRefusal(change, 'weakPassword', (data) => fail('weakPassword', data)));
    await forgetTries(sql, subject);
    return {};
  },

  async beginSecondFactor({ password, phone }, context) {
    const { call, sql, config, caller, fail } = context;
    const accountId = ownerOf(caller);
    const { loginId } = await call.loginIds.describe({ accountId });
    const subject = loginSubject(await keyRingOf(context), loginId);
    const waitS = await takeTry(sql, subject, loginLimits);
    if (waitS !== undefined) return fail('tooManyTries', retryAfter(waitS));
    const { fits } = await call.passwords.check({ accountId, password });
    if (!fits) return fail('wrongPassword');
    await forgetTries(sql, subject);
    if (phone === undefined) {
      return call.secondFactors.beginTotp({ accountId, issuer: config.name, label: loginId });
    }
    return call.secondFactors
      .beginPhone({ accountId, phone })
      .catch(
        onRefusal(secondFactors.operations.beginPhone, 'tooManyCodes', (data) => fail('tooManyTries', data)),
      );
  },

  async confirmSecondFactor({ method, code }, { call, caller, fail }) {
    const name = method === 'totp' ? 'confirmTotp' : 'confirmPhone';
    return call.secondFactors[name]({ accountId: ownerOf(caller), code })
      .catch(onRefusal(secondFactors.operations[name], 'wrongCode', () => fail('wrongCode')))
      .catch(onRefusal(secondFactors.operations[name], 'tooManyCodes', (data) => fail('tooManyTries', data)));
  },
};

/** What is known about somebody. Name and address may be missing: nothing that matters for signing in waits for them. */
async function describePerson(accountId: string, call: Calls) {
  const [{ loginId }, { methods, recoveryCodesLeft }, person] = await Promise.all([
    call.loginIds.describe({ accountId }),
    call.secondFactors.describe({ accountId }),
    call.userInfo.get({ accountId }, { timeoutMs: 1_000 }).catch(() => undefined),
  ]);
  return { loginId, methods, recoveryCodesLeft, person };
}

function wordsOf({ loginId, person }: Awaited<ReturnType<typeof describePerson>>): string[] {
  return person === undefined ? [loginId] : [loginId, person.name, person.email];
}
