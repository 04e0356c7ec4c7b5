import type { Sql } from '@banyan/banyan';
import { lockLogin, type StoredLogin, writeLogin } from './login-store.ts';
import { givenUp, type Login, loginChecked, maxAttempts, passwordChecked } from './login-workflow.ts';
import { forgetTries, giveTryBack } from './throttle.ts';

/** One attempt of one workflow. */
export interface AttemptRef {
  /** Hash of the workflow's handle. */
  readonly hash: string;
  readonly attemptId: string;
}

/** Each records what is known about an attempt, in a transaction; what is said about an earlier attempt comes too late and changes nothing. */
export async function recordLoginCheck(
  sql: Sql,
  attempt: AttemptRef,
  accountId: string | undefined,
): Promise<void> {
  await record(sql, attempt, ({ login }) => loginChecked(login, accountId));
}

export async function recordPasswordCheck(
  sql: Sql,
  attempt: AttemptRef,
  fits: boolean,
): Promise<Login | undefined> {
  const stored = await record(sql, attempt, ({ login }) => passwordChecked(login, fits));
  if (stored?.login.state !== 'succeeded') return stored?.login;
  const { loginSubject, clientSubject } = stored.subjects;
  await forgetTries(sql, loginSubject);
  if (clientSubject !== undefined) await giveTryBack(sql, clientSubject);
  return stored.login;
}

export async function recordGivingUp(sql: Sql, attempt: AttemptRef): Promise<void> {
  const stored = await record(sql, attempt, ({ login }) => givenUp(login));
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

async function record(
  sql: Sql,
  { hash, attemptId }: AttemptRef,
  change: (stored: StoredLogin) => Login,
): Promise<StoredLogin | undefined> {
  const stored = await lockLogin(sql, hash);
  if (stored === undefined || stored.attemptId !== attemptId || stored.login.state !== 'checking')
    return undefined;
  const login = change(stored);
  await writeLogin(sql, hash, login);
  return { ...stored, login };
}
