import { randomUUID } from 'node:crypto';
import { onRefusal } from '@banyan/banyan';
import { handleHash } from '../keys/handle.ts';
import { keyRingOf } from '../keys/open-key-ring.ts';
import { secondFactors } from '../second-factors/contract.ts';
import { sessions } from '../sessions/contract.ts';
import type { SecondFactorMethod } from '../vocabulary.ts';
import type { AuthenticationOperations } from './definition.ts';
import { isChoreographed, type Submission, submissionKey, submitLogin } from './login-choreography.ts';
import { describeLogin, recordGivingUp, recordPasswordCheck } from './login-outcome.ts';
import { beginAttempt, insertLogin, readLogin, useLogin } from './login-store.ts';
import { takeTry } from './throttle.ts';
import { clientLimits, clientSubject, loginLimits, loginSubject, retryAfter } from './tries.ts';

type LoginOperations = Pick<
  AuthenticationOperations,
  'beginLogin' | 'attemptLogin' | 'getLogin' | 'sendLoginCode' | 'confirmLogin' | 'proveLogin'
>;
type ContextOf<Name extends keyof LoginOperations> = Parameters<LoginOperations[Name]>[1];

const checkTimeoutMs = 5_000;

export const loginOperations: LoginOperations = {
  async beginLogin(_input, context) {
    const { sql } = context;
    // Said now rather than after somebody has typed a password.
    if (isChoreographed(context)) await submissionKey(sql);
    return { workflowId: await insertLogin(sql) };
  },

  async attemptLogin({ workflowId, loginId, password, client }, context) {
    const { tx, sql, fail } = context;
    const hash = handleHash(workflowId);
    const known = await readLogin(sql, hash);
    // Before a try is taken: asking too often, or too late, is no guess.
    refuse(known === undefined ? 'none' : known.refusal, context);
    const subjects = await takeTries(loginId, client, context);
    const attemptId = randomUUID();
    const beginning = await tx(async (transaction) => {
      const begun = await beginAttempt(transaction.sql, { hash, attemptId, ...subjects });
      if (begun === 'begun' && isChoreographed(context)) {
        await submitLogin(transaction, { attemptId, loginId, password });
      }
      return begun;
    });
    if (beginning !== 'begun') refuse(beginning, context);
    if (!isChoreographed(context)) await orchestrate({ attemptId, loginId, password }, context);
    const { login } = (await readLogin(sql, hash)) ?? fail('noSuchLogin');
    return describeLogin(login);
  },

  async getLogin({ workflowId }, { sql, fail }) {
    const { login } = (await readLogin(sql, handleHash(workflowId))) ?? fail('noSuchLogin');
    return describeLogin(login);
  },

  async sendLoginCode({ workflowId }, { sql, call, fail }) {
    const stored = await readLogin(sql, handleHash(workflowId));
    const accountId = stored?.login.state === 'succeeded' ? stored.login.accountId : undefined;
    if (accountId === undefined) return fail('noSuchLogin');
    return call.secondFactors
      .sendCode({ accountId })
      .catch(onRefusal(secondFactors.operations.sendCode, 'noPhone', () => fail('noPhone')))
      .catch(
        onRefusal(secondFactors.operations.sendCode, 'tooManyCodes', (data) => fail('tooManyTries', data)),
      );
  },

  async confirmLogin({ as, ...proof }, context) {
    const { call, fail } = context;
    const signIn = await proveLogin(proof, context);
    const credentials = await call.sessions
      .open({ ...signIn, as })
      .catch(onRefusal(sessions.operations.open, 'signInOver', () => fail('noSuchLogin')));
    return { accountId: signIn.accountId, ...credentials };
  },

  proveLogin,
};

interface LoginProof {
  readonly workflowId: string;
  readonly method?: SecondFactorMethod | undefined;
  readonly code?: string | undefined;
}

/** @returns the account of a login that has succeeded, once */
async function proveLogin({ workflowId, method, code }: LoginProof, context: ContextOf<'proveLogin'>) {
  const { sql, tx, fail } = context;
  const hash = handleHash(workflowId);
  const stored = await readLogin(sql, hash);
  if (stored?.login.state !== 'succeeded' || stored.login.accountId === undefined) return fail('noSuchLogin');
  await checkSecondFactor(stored.login.accountId, { method, code }, context);
  return tx(async ({ sql, audit }) => {
    const { passwordRevision, ...signIn } = (await useLogin(sql, hash)) ?? fail('noSuchLogin');
    audit('signIn', { subject: signIn.accountId, details: { secondFactor: method ?? 'none' } });
    return passwordRevision === null ? signIn : { ...signIn, passwordRevision };
  });
}

function refuse(why: 'none' | 'under_way' | 'over' | undefined, { fail }: ContextOf<'attemptLogin'>): void {
  if (why === 'none') fail('noSuchLogin');
  if (why === 'under_way') fail('attemptUnderWay');
  if (why === 'over') fail('loginOver');
}

/** One try of the login id and one of the client, taken before anything is looked at. */
async function takeTries(loginId: string, client: string | undefined, context: ContextOf<'attemptLogin'>) {
  const { sql, config, fail } = context;
  const ring = await keyRingOf(context);
  const subjects = {
    loginSubject: loginSubject(ring, loginId),
    clientSubject: client === undefined ? undefined : clientSubject(ring, client),
  };
  const clientWaitS =
    subjects.clientSubject &&
    (await takeTry(sql, subjects.clientSubject, clientLimits(config.triesPerClient)));
  const waitS = clientWaitS || (await takeTry(sql, subjects.loginSubject, loginLimits));
  if (waitS) return fail('tooManyTries', retryAfter(waitS));
  return subjects;
}

/** The orchestrated form: the controller is asked, and its answer recorded. */
async function orchestrate(
  { attemptId, loginId, password }: Submission,
  { tx, call }: ContextOf<'attemptLogin'>,
): Promise<void> {
  try {
    const checked = await call.loginController.check(
      { loginId, password },
      // Less than the operation itself has, so that there is time to record that nobody answered.
      { timeoutMs: checkTimeoutMs },
    );
    await tx((transaction) => recordPasswordCheck(transaction, attemptId, checked));
  } catch (error) {
    await tx(({ sql }) => recordGivingUp(sql, attemptId));
    throw error;
  }
}

async function checkSecondFactor(
  accountId: string,
  given: { readonly method: SecondFactorMethod | undefined; readonly code: string | undefined },
  { call, fail }: ContextOf<'proveLogin'>,
): Promise<void> {
  const { methods, phoneEnding } = await call.secondFactors.describe({ accountId });
  if (methods.length === 0) return;
  const { method, code } = given;
  if (method === undefined || code === undefined) return fail('codeNeeded', { methods, phoneEnding });
  const { accepted } = await call.secondFactors
    .check({ accountId, method, code })
    .catch(onRefusal(secondFactors.operations.check, 'tooManyCodes', (data) => fail('tooManyTries', data)));
  if (!accepted) fail('wrongCode');
}
