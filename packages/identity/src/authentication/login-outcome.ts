import type { Sql, Tx } from '@banyan/banyan';
import type { authentication } from './contract.ts';
import { lockAttempt, type StoredLogin, writeLogin, writeRevision } from './login-store.ts';
import { givenUp, type Login, loginChecked, maxAttempts, passwordChecked } from './login-workflow.ts';
import { forgetTries, giveTryBack, waitOf } from './throttle.ts';
import { retryAfter } from './tries.ts';

/** The transaction of an operation or of an event. */
type OutcomeTx = Pick<Tx<typeof authentication>, 'sql' | 'emit' | 'audit'>;

/** Each records what is known about an attempt, in a transaction; what is said about an earlier attempt comes too late and changes nothing. */
export async function recordLoginCheck(
  sql: Sql,
  attemptId: string,
  accountId: string | undefined,
): Promise<void> {
  await record(sql, attemptId, ({ login }) => (knowsLogin(login) ? login : loginChecked(login, accountId)));
}

export interface CheckedPassword {
  readonly accountId?: string | undefined;
  readonly fits: boolean;
  /** Which of the account's passwords it was. */
  readonly revision?: number | undefined;
}

/** Of two events the later one may come first, so this one has both. */
export async function recordPasswordCheck(
  { sql, emit, audit }: OutcomeTx,
  attemptId: string,
  { accountId, fits, revision }: CheckedPassword,
): Promise<void> {
  const stored = await record(sql, attemptId, ({ login }) =>
    passwordChecked(knowsLogin(login) ? login : loginChecked(login, accountId), fits),
  );
  if (stored === undefined) return;
  const { login, subjects } = stored;
  if (login.state === 'succeeded') {
    await writeRevision(sql, stored.hash, revision);
    await forgetTries(sql, subjects.loginSubject);
    if (subjects.clientSubject !== undefined) await giveTryBack(sql, subjects.clientSubject);
    emit('loginSucceeded', { attemptId, accountId: login.accountId ?? '' });
    return;
  }
  // Whom it was about, as far as there is somebody; what was typed may be a password in the wrong place.
  const about = accountId === undefined ? {} : { subject: accountId };
  audit('signInFailed', about);
  const waitS = await waitOf(sql, subjects.loginSubject);
  if (waitS !== undefined) audit('lockedOut', { ...about, details: retryAfter(waitS) });
  if (login.state === 'failed') emit('loginFailed', { attemptId });
  else emit('attemptFailed', { attemptId, attemptsLeft: describeLogin(login).attemptsLeft });
}

export async function recordGivingUp(sql: Sql, attemptId: string): Promise<void> {
  const stored = await record(sql, attemptId, ({ login }) => givenUp(login));
  if (stored === undefined) return;
  const { loginSubject, clientSubject } = stored.subjects;
  await giveTryBack(sql, loginSubject);
  if (clientSubject !== undefined) await giveTryBack(sql, clientSubject);
}

export function describeLogin({ state, attempt, visited }: Login) {
  const over = state !== 'open' && state !== 'checking';
  return {
    state,
    attemptsLeft: over ? 0 : maxAttempts - attempt + (state === 'open' ? 1 : 0),
    visited: [...visited],
  };
}

/** False until the login id of the attempt under way has been checked. */
function knowsLogin({ visited }: Login): boolean {
  return visited.at(-1) !== 'getLogin';
}

async function record(
  sql: Sql,
  attemptId: string,
  change: (stored: StoredLogin) => Login,
): Promise<StoredLogin | undefined> {
  const stored = await lockAttempt(sql, attemptId);
  if (stored?.login.state !== 'checking') return undefined;
  const login = change(stored);
  await writeLogin(sql, stored.hash, login);
  return { ...stored, login };
}
