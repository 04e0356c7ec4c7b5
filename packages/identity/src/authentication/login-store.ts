import type { Sql } from '@banyan/banyan';
import { handleHash, newHandle } from '../keys/handle.ts';
import { givenUp, type Login, newLogin, submitted } from './login-workflow.ts';

/** Whose tries an attempt has taken. */
export interface LoginSubjects {
  readonly loginSubject: string;
  readonly clientSubject: string | undefined;
}

interface LoginRow extends Omit<Login, 'accountId'> {
  readonly handleHash: string;
  readonly accountId: string | null;
  readonly loginSubject: string | null;
  readonly clientSubject: string | null;
  readonly isAbandoned: boolean;
}

export interface StoredLogin {
  /** Of the workflow's handle. */
  readonly hash: string;
  readonly login: Login;
  readonly subjects: LoginSubjects;
  /** Why no attempt can begin now; undefined if one can. */
  readonly refusal: 'under_way' | 'over' | undefined;
}

/** An attempt that has had no outcome for so long never will: somebody died over it. */
const abandonedAfterS = 30;

export async function insertLogin(sql: Sql): Promise<string> {
  const workflowId = newHandle();
  const { state, attempt, authFailed, visited } = newLogin;
  await sql`
    insert into logins (handle_hash, state, attempt, auth_failed, visited, expires_at)
    values (${handleHash(workflowId)}, ${state}, ${attempt}, ${authFailed}, ${sql.array(visited, 'text')},
            now() + interval '10 minutes')`;
  return workflowId;
}

/** Undefined if there is none, or it has been used, or is over. */
export async function readLogin(sql: Sql, hash: string): Promise<StoredLogin | undefined> {
  return toStored(await selectLogin(sql, sql`handle_hash = ${hash}`, sql``));
}

/** The workflow that this is the latest attempt of; nobody else changes it until the transaction ends. */
export async function lockAttempt(sql: Sql, attemptId: string): Promise<StoredLogin | undefined> {
  return toStored(await selectLogin(sql, sql`attempt_id = ${attemptId}`, sql`for update`));
}

export interface NewAttempt extends LoginSubjects {
  /** Of the workflow's handle. */
  readonly hash: string;
  readonly attemptId: string;
}

/** Begins an attempt, unless one is under way. In a transaction. */
export async function beginAttempt(
  sql: Sql,
  { hash, attemptId, loginSubject, clientSubject }: NewAttempt,
): Promise<'begun' | 'none' | 'under_way' | 'over'> {
  const stored = toStored(await selectLogin(sql, sql`handle_hash = ${hash}`, sql`for update`));
  if (stored === undefined) return 'none';
  const { login, refusal } = stored;
  if (refusal !== undefined) return refusal;
  await writeLogin(sql, hash, submitted(login.state === 'checking' ? givenUp(login) : login));
  await sql`
    update logins set attempt_id = ${attemptId}, checking_since = now(), login_subject = ${loginSubject},
      client_subject = ${clientSubject ?? null}
    where handle_hash = ${hash}`;
  return 'begun';
}

export async function writeLogin(sql: Sql, hash: string, login: Login): Promise<void> {
  await sql`
    update logins set state = ${login.state}, attempt = ${login.attempt}, auth_failed = ${login.authFailed},
      account_id = ${login.accountId ?? null}, visited = ${sql.array(login.visited, 'text')}
    where handle_hash = ${hash}`;
}

/** Somebody who has signed in. */
export interface SignIn {
  readonly accountId: string;
  /** When login id and password were given. */
  readonly signedInAt: string;
  /** Which of the account's passwords it was. */
  readonly passwordRevision: number | null;
}

/** Takes the account of a login that has succeeded: of several who ask for it, one gets it. */
export async function useLogin(sql: Sql, hash: string): Promise<SignIn | undefined> {
  const [used] = await sql<SignIn>`
    update logins set state = 'used' where handle_hash = ${hash} and state = 'succeeded' and expires_at > now()
    returning account_id, checking_since as signed_in_at, password_revision`;
  return used;
}

export async function writeRevision(sql: Sql, hash: string, revision: number | undefined): Promise<void> {
  await sql`update logins set password_revision = ${revision ?? null} where handle_hash = ${hash}`;
}

/** What has succeeded with an older password than this one leads nowhere. */
export async function endLoginsBefore(
  sql: Sql,
  accountId: string,
  revision: number | undefined,
): Promise<void> {
  await sql`
    delete from logins where account_id = ${accountId} and state = 'succeeded'
      and coalesce(password_revision < ${revision ?? null}::integer, true)`;
}

/** What has begun until then leads nowhere. */
export async function endLoginsUntil(
  sql: Sql,
  accountId: string,
  endedAt: string | undefined,
): Promise<void> {
  await sql`
    delete from logins where account_id = ${accountId} and state = 'succeeded'
      and checking_since <= coalesce(${endedAt ?? null}::timestamptz, now())`;
}

export async function forgetOldLogins(sql: Sql): Promise<void> {
  await sql`delete from logins where expires_at < now() - interval '1 hour'`;
}

async function selectLogin(
  sql: Sql,
  which: ReturnType<Sql>,
  lock: ReturnType<Sql>,
): Promise<LoginRow | undefined> {
  const [row] = await sql<LoginRow>`
    select handle_hash, state, attempt, auth_failed, account_id, visited, login_subject, client_subject,
      coalesce(checking_since < now() - make_interval(secs => ${abandonedAfterS}), false) as is_abandoned
    from logins where ${which} and expires_at > now() and state <> 'used' ${lock}`;
  return row;
}

function toStored(row: LoginRow | undefined): StoredLogin | undefined {
  if (row === undefined) return undefined;
  const { state, attempt, authFailed, accountId, visited } = row;
  const isUnderWay = state === 'checking' && !row.isAbandoned;
  return {
    refusal: isUnderWay ? 'under_way' : state === 'open' || state === 'checking' ? undefined : 'over',
    hash: row.handleHash,
    login: { state, attempt, authFailed, accountId: accountId ?? undefined, visited },
    subjects: { loginSubject: row.loginSubject ?? '', clientSubject: row.clientSubject ?? undefined },
  };
}
