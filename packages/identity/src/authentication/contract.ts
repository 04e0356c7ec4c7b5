import { contract, event, operation } from '@banyan/banyan';
import { z } from 'zod';
import { NewLoginId } from '../login-ids/login-key.ts';
import { Credentials, SessionKind } from '../sessions/contract.ts';
import { NewUser } from '../user-info/contract.ts';
import {
  AccountId,
  AttemptId,
  GivenCode,
  GivenLoginId,
  GivenPassword,
  Handle,
  PasswordRevision,
  PhoneNumber,
  SealedPassword,
  SecondFactorMethodName,
  Timestamp,
  WeakPassword,
} from '../vocabulary.ts';
import { loginStates, loginSteps } from './login-workflow.ts';

const weakPassword = { status: 422, data: WeakPassword } as const;
const wrongPassword = { status: 403 } as const;
const wrongCode = { status: 403 } as const;
const tooManyTries = {
  status: 429,
  description: 'Too many tries. Without `retryAfterS`, only a new password helps.',
  data: z.object({ retryAfterS: z.int().optional() }),
} as const;
const noSuchRegistration = { status: 410, description: 'Never begun, finished, or too late.' } as const;
const noSuchLogin = { status: 410, description: 'Never begun, used, or too late.' } as const;

/** Where the request comes from, as the gateway says. */
const Client = z.string().max(64).optional();
const Nothing = z.object({});
const Registration = z.object({ registration: Handle });
const WorkflowId = z.object({ workflowId: Handle });
const LoginProof = WorkflowId.extend({
  method: SecondFactorMethodName.optional(),
  code: GivenCode.optional(),
});
const proofErrors = {
  noSuchLogin,
  codeNeeded: {
    status: 401,
    data: z.object({ methods: z.array(SecondFactorMethodName), phoneEnding: z.string().optional() }),
  },
  wrongCode,
  tooManyTries,
} as const;
const Login = z.object({
  state: z.enum(loginStates),
  attemptsLeft: z.int(),
  /** What the workflow has gone through, the same for an unknown login id and a wrong password. */
  visited: z.array(z.enum(loginSteps)),
});
const RecoveryCodes = z.object({
  /** Shown this once; each works once, in place of any other code. */
  recoveryCodes: z.array(z.string()),
});
const NewSecondFactor = z.object({
  /** Of a new authenticator app: shown this once. */
  seed: z.string().optional(),
  /** The same for a QR code. */
  uri: z.string().optional(),
  /** Of the code that was sent to the telephone. */
  expiresAt: Timestamp.optional(),
});

/** Sign-up, sign-in, change and reset, as owners of accounts ask for them. What the world reaches of identity, beside `oauth`, sessions and public keys. */
export const authentication = contract('authentication', {
  version: '1.0.0',
  description: 'Signing up, signing in, and what an owner does with an account.',
  operations: {
    beginRegistration: operation('POST /registrations', {
      summary: 'Sign-up, 1 of 5: takes a login id, for half an hour.',
      input: z.object({ loginId: NewLoginId, client: Client }),
      headers: { client: 'banyan-client' },
      output: Registration.extend({ expiresAt: Timestamp }),
      status: 201,
      errors: { loginIdTaken: { status: 409 }, tooManyTries },
    }),
    setPassword: operation('PUT /registrations/:registration/password', {
      summary: 'Sign-up, 2 of 5. A password of 8 to 14 characters needs a second factor beside it.',
      input: Registration.extend({ password: GivenPassword }),
      output: z.object({ needsSecondFactor: z.boolean() }),
      errors: { noSuchRegistration, weakPassword },
    }),
    setRecoveryInformation: operation('PUT /registrations/:registration/recovery-information', {
      summary: 'Sign-up, 3 of 5: how to reach the owner when the password is lost.',
      input: Registration.extend(NewUser.shape),
      output: Nothing,
      errors: { noSuchRegistration },
    }),
    setUpSecondFactor: operation('POST /registrations/:registration/second-factor', {
      summary:
        'Sign-up, 4 of 5: an authenticator app, or a telephone number, to which a code is sent. May be left out.',
      input: Registration.extend({ phone: PhoneNumber.optional() }),
      output: NewSecondFactor,
      errors: { noSuchRegistration, tooManyTries },
    }),
    confirmRegistration: operation('POST /registrations/:registration/confirmation', {
      summary: 'Sign-up, 5 of 5: with a code of the second factor, if one was set up.',
      input: Registration.extend({ code: GivenCode.optional() }),
      output: RecoveryCodes.extend({ accountId: AccountId, loginId: z.string() }),
      status: 201,
      errors: {
        noSuchRegistration,
        registrationIncomplete: {
          status: 409,
          data: z.object({
            missing: z.array(z.enum(['password', 'recoveryInformation', 'secondFactor', 'code'])),
          }),
        },
        wrongCode,
        tooManyTries,
      },
    }),

    beginLogin: operation('POST /logins', {
      summary: 'Begins a login workflow: three attempts within ten minutes.',
      input: Nothing,
      output: WorkflowId,
      status: 201,
    }),
    attemptLogin: operation('POST /logins/:workflowId/attempts', {
      summary: 'Login id and password. The answer is the same whichever of them is wrong.',
      input: WorkflowId.extend({ loginId: GivenLoginId, password: GivenPassword, client: Client }),
      headers: { client: 'banyan-client' },
      output: Login,
      errors: {
        noSuchLogin,
        attemptUnderWay: { status: 409 },
        loginOver: { status: 409, description: 'It has succeeded or failed; begin another one.' },
        tooManyTries,
      },
    }),
    getLogin: operation('GET /logins/:workflowId', {
      summary: 'Where a login workflow stands, and what it has gone through.',
      input: WorkflowId,
      output: Login,
      errors: { noSuchLogin },
    }),
    sendLoginCode: operation('POST /logins/:workflowId/codes', {
      summary: 'Sends a code to the telephone of whoever has given the right password.',
      input: WorkflowId,
      output: z.object({ expiresAt: Timestamp }),
      status: 202,
      errors: { noSuchLogin, noPhone: { status: 409 }, tooManyTries },
    }),
    confirmLogin: operation('POST /logins/:workflowId/confirmation', {
      summary: 'Ends a login that has succeeded, with a code if the account has a second factor. Once.',
      input: LoginProof.extend({
        /** `cookie` for browsers: the answer sets one, and has no token. */
        as: SessionKind.default('token'),
      }),
      output: Credentials.extend({ accountId: AccountId }),
      status: 201,
      errors: proofErrors,
    }),
    proveLogin: operation('POST /logins/:workflowId/proof', {
      summary: 'The same for a service that has sessions of its own.',
      input: LoginProof,
      output: z.object({
        accountId: AccountId,
        signedInAt: Timestamp,
        passwordRevision: PasswordRevision.optional(),
      }),
      errors: proofErrors,
    }),

    askPasswordReset: operation('POST /password-resets', {
      summary:
        'Sends a token to the verified e-mail address of the account, if there is one. The answer never tells.',
      input: z.object({ loginId: GivenLoginId, client: Client }),
      headers: { client: 'banyan-client' },
      output: Nothing,
      status: 202,
      errors: { tooManyTries },
    }),
    resetPassword: operation('POST /password-resets/completion', {
      summary: 'A new password for whoever has the token. Signing in asks for the second factor as before.',
      input: z.object({ token: Handle, password: GivenPassword }),
      output: Nothing,
      errors: { noSuchReset: { status: 410, description: 'Wrong, used or too late.' }, weakPassword },
    }),
    verifyEmail: operation('POST /email-verifications', {
      summary: 'The token from a message shows that the address is right.',
      input: z.object({ token: Handle }),
      output: Nothing,
      errors: { noSuchVerification: { status: 410 } },
    }),

    getMyAccount: operation('GET /account', {
      summary: 'What is stored about whoever asks. Name and address are missing while they cannot be had.',
      input: Nothing,
      output: z.object({
        accountId: AccountId,
        loginId: z.string(),
        name: z.string().optional(),
        email: z.string().optional(),
        emailVerified: z.boolean().optional(),
        secondFactors: z.array(SecondFactorMethodName),
        recoveryCodesLeft: z.int(),
      }),
    }),
    changePassword: operation('PUT /account/password', {
      input: z.object({ current: GivenPassword, password: GivenPassword }),
      output: Nothing,
      errors: { wrongPassword, weakPassword, tooManyTries },
    }),
    beginSecondFactor: operation('POST /account/second-factor', {
      summary: 'A new authenticator app, or a new telephone number, to which a code is sent.',
      input: z.object({ password: GivenPassword, phone: PhoneNumber.optional() }),
      output: NewSecondFactor,
      errors: { wrongPassword, tooManyTries },
    }),
    confirmSecondFactor: operation('POST /account/second-factor/confirmation', {
      summary: 'The new one counts from now on.',
      input: z.object({ method: z.enum(['totp', 'phone']), code: GivenCode }),
      output: RecoveryCodes,
      errors: { wrongCode, tooManyTries },
    }),
  },
  events: {
    registered: event('AccountRegistered', {
      data: z.object({ accountId: AccountId, loginId: z.string() }),
      key: 'accountId',
    }),
    loginSubmitted: event('LoginSubmitted', {
      description: 'Choreographed form: login id and password of an attempt have come.',
      data: z.object({ attemptId: AttemptId, loginId: GivenLoginId, sealedPassword: SealedPassword }),
      key: 'attemptId',
    }),
    loginSucceeded: event('LoginSucceeded', {
      description: 'Login id and password of an attempt were right. A second factor may still be asked for.',
      data: z.object({ attemptId: AttemptId, accountId: AccountId }),
      key: 'attemptId',
    }),
    attemptFailed: event('LoginAttemptFailed', {
      description: 'Login id or password of an attempt was wrong; the workflow goes on.',
      data: z.object({ attemptId: AttemptId, attemptsLeft: z.int() }),
      key: 'attemptId',
    }),
    loginFailed: event('LoginFailed', {
      description: 'The last attempt of a workflow was wrong, too.',
      data: z.object({ attemptId: AttemptId }),
      key: 'attemptId',
    }),
    submissionKeyAsked: event('SubmissionKeyAsked', {
      description: 'Choreographed form: an instance needs a key to seal passwords with.',
      data: z.object({ askedBy: z.string() }),
      key: 'askedBy',
    }),
    resetAsked: event('PasswordResetAsked', {
      description: 'Somebody has forgotten the password of this login id, which need not exist.',
      data: z.object({ loginId: z.string() }),
      key: 'loginId',
    }),
  },
});
