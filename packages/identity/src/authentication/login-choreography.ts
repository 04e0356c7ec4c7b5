import { setTimeout as sleep } from 'node:timers/promises';
import { ServiceError, type Sql, type Tx } from '@banyan/banyan';
import type { authentication } from './contract.ts';
import type { AuthenticationListeners, AuthenticationTask } from './definition.ts';
import { recordLoginCheck, recordPasswordCheck } from './login-outcome.ts';
import { keepKey, needsKey, newestKey, sealPassword } from './submission-keys.ts';

/*
 * The choreographed form: a submission is told, `login-ids` hears it and tells of the login id, `passwords` hears that and tells of the
 * password. Nobody is in charge; what is here tells the beginning, and writes down what it hears.
 */

export interface Submission {
  readonly attemptId: string;
  readonly loginId: string;
  readonly password: string;
}

export function isChoreographed({ config }: { readonly config: { readonly coordination: string } }): boolean {
  return config.coordination === 'choreography';
}

/** @throws ServiceError `unavailable` `submission_key_missing` */
export async function submissionKey(sql: Sql) {
  const key = await newestKey(sql);
  if (key !== undefined) return key;
  throw new ServiceError(
    'Nobody can sign in at the moment: the service of passwords has not been heard of.',
    {
      code: 'unavailable',
      reason: 'submission_key_missing',
      retryAfterMs: 1_000,
      notStarted: true,
    },
  );
}

/** Tells of an attempt. No event ever has a password that others than `passwords` could read. */
export async function submitLogin(
  { sql, emit }: Pick<Tx<typeof authentication>, 'sql' | 'emit'>,
  { attemptId, loginId, password }: Submission,
): Promise<void> {
  const sealedPassword = sealPassword(password, await submissionKey(sql), attemptId);
  emit('loginSubmitted', { attemptId, loginId, sealedPassword });
}

export const loginListeners: AuthenticationListeners = {
  async 'passwords.submissionKeyOffered'(key, { sql }) {
    await keepKey(sql, key);
  },
  async 'loginIds.loginChecked'({ attemptId, accountId }, { sql }) {
    await recordLoginCheck(sql, attemptId, accountId);
  },
  async 'passwords.passwordChecked'({ attemptId, ...checked }, transaction) {
    await recordPasswordCheck(transaction, attemptId, checked);
  },
};

const firstAskMs = 2_000;
const laterAskMs = 60_000;

/** Asks for a key as long as there is none, and for a new one in time. Nothing is asked in the orchestrated form. */
export const askForSubmissionKey: AuthenticationTask = async ({ config, sql, tx, instance, signal }) => {
  while (config.coordination === 'choreography' && !signal.aborted) {
    const asking = await needsKey(sql);
    if (asking) await tx(async ({ emit }) => emit('submissionKeyAsked', { askedBy: instance }));
    await sleep(asking ? firstAskMs : laterAskMs, undefined, { signal }).catch(() => undefined);
  }
};
