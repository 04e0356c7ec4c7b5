import { randomUUID } from 'node:crypto';
import type { Sql } from '@banyan/banyan';
import { handleHash, newHandle } from '../keys/handle.ts';
import { givenUp, type Login, newLogin, submitted } from './login-workflow.ts';

/** Whose tries an attempt has taken. */
export interface LoginSubjects {
  readonly loginSubject: string;
  readonly clientSubject: string | undefined;
}

interface LoginRow extends Omit<Login, 'accountId'> {
  readonly accountId: string | null;
  readonly attemptId: string | null;
  readonly loginSubject: string | null;
  readonly clientSubject: string | null;
  readonly isAbandoned: boolean;
}

export interface StoredLogin {
  readonly login: Login;
  /** Of the attempt under way. */
  readonly attemptId: string | undefined;
  readonly subjects: LoginSubjects;
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
  return toStored(await selectLogin(sql, hash, sql``));
}

/** The same, and nobody else changes it until the transaction ends. */
export async function lockLogin(sql: Sql, hash: string): Promise<StoredLogin | undefined> {
  return toStored(await selectLogin(sql, hash, sql`for update`));
}

export type Beginning =
  | { readonly kind: 'begun'; readonly attemptId: string }
  | { readonly kind: 'none' }
  | { readonly kind: 'under_way' }
  | { readonly kind: 'over' };

/** Begins an attempt, unless one is under way. In a transaction. */
export async function beginAttempt(sql: Sql, hash: string, subjects: LoginSubjects): Promise<Beginning> {
  const row = await selectLogin(sql, hash, sql`for update`);
  const stored = toStored(row);
  if (row === undefined || stored === undefined) return { kind: 'none' };
  let { login } = stored;
  if (login.state === 'checking' && row.isAbandoned) login = givenUp(login);
  if (login.state === 'checking') return { kind: 'under_way' };
  if (login.state !== 'open') return { kind: 'over' };
  const attemptId = randomUUID();
  await writeLogin(sql, hash, submitted(login));
  await sql`
    update logins set attempt_id = ${attemptId}, checking_since = now(), login_subject = ${subjects.loginSubject},
      client_subject = ${subjects.clientSubject ?? null}
    where handle_hash = ${hash}`;
  return { kind: 'begun', attemptId };
}

export async function writeLogin(sql: Sql, hash: string, login: Login): Promise<void> {
  await sql`
    update logins set state = ${login.state}, attempt = ${login.attempt}, auth_failed = ${login.authFailed},
      account_id = ${login.accountId ?? null}, visited = ${sql.array(login.visited, 'text')}
    where handle_hash = ${hash}`;
}

/** Takes the account of a login that has succeeded: of several who ask for it, one gets it. */
export async function useLogin(sql: Sql, hash: string): Promise<string | undefined> {
  const [used] = await sql<{ accountId: string }>`
    update logins set state = 'used' where handle_hash = ${hash} and state = 'succeeded' and expires_at > now()
    returning account_id`;
  return used?.accountId;
}

export async function forgetOldLogins(sql: Sql): Promise<void> {
  await sql`delete from logins where expires_at < now() - interval '1 hour'`;
}

async function selectLogin(sql: Sql, hash: string, lock: ReturnType<Sql>): Promise<LoginRow | undefined> {
  const [row] = await sql<LoginRow>`
    select state, attempt, auth_failed, account_id, visited, attempt_id, login_subject, client_subject,
      coalesce(checking_since < now() - make_interval(secs => ${abandonedAfterS}), false) as is_abandoned
    from logins where handle_hash = ${hash} and expires_at > now() and state <> 'used' ${lock}`;
  return row;
}

function toStored(row: LoginRow | undefined): StoredLogin | undefined {
  if (row === undefined) return undefined;
  const { state, attempt, authFailed, accountId, visited } = row;
  return {
    login: { state, attempt, authFailed, accountId: accountId ?? undefined, visited },
    attemptId: row.attemptId ?? undefined,
    subjects: { loginSubject: row.loginSubject ?? '', clientSubject: row.clientSubject ?? undefined },
  };
}
