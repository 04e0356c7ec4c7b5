import { contract, event, operation } from '@banyan/banyan';
import { z } from 'zod';
import {
  AccountId,
  AttemptId,
  ContextWords,
  GivenPassword,
  Handle,
  PasswordRevision,
  Timestamp,
  WeakPassword,
} from '../vocabulary.ts';

const weakPassword = { status: 422, data: WeakPassword } as const;
const NewPassword = z.object({
  password: GivenPassword,
  contextWords: ContextWords,
  /** True if a second factor is asked for at every sign-in: then 8 characters are enough, otherwise 15. */
  secondFactor: z.boolean(),
});
const noSuchBackup = { status: 404, description: 'There is no such back-up.' } as const;
const damagedBackup = {
  status: 409,
  description: 'The back-up is damaged, or of another key: nothing was put back.',
} as const;
const BackupId = z.string().regex(/^[0-9a-z-]{1,80}$/);
const Accounts = z.array(AccountId);

/**
 * Passwords of accounts: create, change, check and recover; back-ups and checks for operators. For the other services of identity and `banyan
 * passwords`.
 */
export const passwords = contract('passwords', {
  version: '1.0.0',
  description: 'Passwords, and how they are looked after. For services, not for the world.',
  operations: {
    create: operation('POST /passwords', {
      summary: 'Gives an account its first password; again with the same account replaces it.',
      input: NewPassword.extend({ accountId: AccountId }),
      output: z.object({ needsSecondFactor: z.boolean() }),
      errors: { weakPassword },
      idempotent: true,
    }),
    change: operation('PUT /passwords/:accountId', {
      summary: 'Replaces the password, for somebody who knows the present one.',
      input: NewPassword.extend({ accountId: AccountId, current: GivenPassword }),
      output: z.object({}),
      errors: { weakPassword, wrongPassword: { status: 403 } },
      idempotent: false,
    }),
    check: operation('POST /password-checks', {
      summary:
        'Whether this is the password of the account. Without an account, or for one without password, takes as long and says no.',
      input: z.object({ accountId: AccountId.optional(), password: GivenPassword }),
      output: z.object({ fits: z.boolean(), revision: PasswordRevision.optional() }),
      idempotent: true,
    }),
    beginRecovery: operation('POST /password-recoveries', {
      summary:
        'A token with which the password can be replaced once, the same for the same request. Replaces that of an earlier one.',
      input: z.object({
        accountId: AccountId,
        request: z.string().min(1).max(200),
        minutes: z.int().min(1).max(60),
      }),
      output: z.object({ token: Handle, expiresAt: Timestamp }),
      idempotent: true,
    }),
    findRecovery: operation('POST /password-recovery-searches', {
      summary: 'The account that a recovery token is for. The token stays usable.',
      input: z.object({ token: Handle }),
      output: z.object({ accountId: AccountId }),
      errors: { noSuchRecovery: { status: 410 } },
      idempotent: true,
    }),
    recover: operation('POST /password-recoveries/completion', {
      summary: 'Replaces the password, for somebody with a recovery token, which is used up.',
      input: NewPassword.extend({ token: Handle }),
      output: z.object({ accountId: AccountId }),
      errors: { weakPassword, noSuchRecovery: { status: 410 } },
    }),
    checkValidity: operation('POST /password-validity-checks', {
      summary: 'What speaks against a password that somebody thinks of.',
      input: NewPassword,
      output: WeakPassword.extend({ needsSecondFactor: z.boolean() }),
      idempotent: true,
    }),
    remove: operation('DELETE /passwords/:accountId', {
      summary: 'Forgets the password of an account, for good.',
      input: z.object({ accountId: AccountId }),
      output: z.object({}),
    }),
    backUp: operation('POST /password-backups', {
      summary: 'Writes all password records, encrypted, to a file in the backup folder.',
      input: z.object({}),
      output: z.object({ backupId: BackupId, records: z.int() }),
      status: 201,
      timeoutMs: 600_000,
    }),
    listBackups: operation('GET /password-backups', {
      summary: 'The backups in the folder, newest first.',
      input: z.object({}),
      output: z.object({ backups: z.array(z.object({ backupId: BackupId, bytes: z.int() })) }),
    }),
    restore: operation('POST /password-backups/:backupId/restoration', {
      summary:
        'Puts every record of a backup back, whatever is stored now. Records that it does not have stay.',
      input: z.object({ backupId: BackupId }),
      output: z.object({ restored: z.int() }),
      errors: { noSuchBackup, damagedBackup },
      timeoutMs: 600_000,
      idempotent: true,
    }),
    checkIntegrity: operation('POST /password-integrity-checks', {
      summary:
        'Records that somebody else than this service has changed, and records of the newest backup that are gone.',
      input: z.object({}),
      output: z.object({ checked: z.int(), damaged: Accounts, missing: Accounts }),
      errors: { damagedBackup },
      timeoutMs: 600_000,
      idempotent: true,
    }),
    repair: operation('POST /password-repairs', {
      summary:
        'Puts damaged and missing records back from the newest backup. What has changed since then is left to recovery by its owner.',
      input: z.object({}),
      output: z.object({ repaired: Accounts, needRecovery: Accounts }),
      errors: { damagedBackup },
      timeoutMs: 600_000,
      idempotent: true,
    }),
  },
  events: {
    passwordChecked: event('PasswordChecked', {
      description:
        'Choreographed form: the password of an attempt fits the account, or not. Without an account it does not.',
      data: z.object({
        attemptId: AttemptId,
        accountId: AccountId.optional(),
        fits: z.boolean(),
        revision: PasswordRevision.optional(),
      }),
      key: 'attemptId',
    }),
    submissionKeyOffered: event('SubmissionKeyOffered', {
      description: 'Choreographed form: a public key to seal passwords with.',
      data: z.object({ keyId: z.uuid(), publicKey: z.string(), madeAt: Timestamp }),
      key: 'keyId',
    }),
    changed: event('PasswordChanged', {
      data: z.object({
        accountId: AccountId,
        by: z.enum(['owner', 'recovery']),
        revision: PasswordRevision.optional(),
      }),
      key: 'accountId',
      description: 'An account has another password than before. Its sessions should end.',
    }),
  },
});
