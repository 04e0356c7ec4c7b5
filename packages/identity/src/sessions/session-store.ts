import type { Sql } from '@banyan/banyan';
import { handleHash, newHandle } from '../keys/handle.ts';
import { revoke } from './revocations.ts';

export interface Lifetimes {
  /** A session ends when nothing was heard of it for so long. */
  readonly idleSeconds: number;
  /** And after so long in any case. */
  readonly maxSeconds: number;
}

/** Where a session comes from. */
export interface SignIn {
  readonly accountId: string;
  /** Default: now. */
  readonly signedInAt?: string | undefined;
  /** Which of the account's passwords it was, if it was one. */
  readonly passwordRevision?: number | undefined;
}

export interface Session {
  readonly sessionId: string;
  readonly accountId: string;
  readonly endsAt: string;
}

/** A session whose client has a reference only. In a transaction. @returns it, and the reference, which is stored nowhere; undefined if the sign-in no longer counts */
export async function beginCookieSession(sql: Sql, signIn: SignIn, lifetimes: Lifetimes) {
  const reference = newHandle();
  const session = await insertSession(sql, { ...signIn, kind: 'cookie', reference, ...lifetimes });
  return session && { session, reference };
}

/** A session whose client has tokens. In a transaction. @returns undefined if the sign-in no longer counts */
export async function beginTokenSession(sql: Sql, signIn: SignIn, lifetimes: Lifetimes) {
  const session = await insertSession(sql, { ...signIn, kind: 'token', reference: undefined, ...lifetimes });
  return session && { session, refreshToken: await insertRefreshToken(sql, session.sessionId) };
}

/** The session behind a reference, if it has not ended; it counts as used. */
export async function useReference(
  sql: Sql,
  reference: string,
  { idleSeconds }: Lifetimes,
): Promise<Session | undefined> {
  const [session] = await sql<Session & { readonly wasUsedLately: boolean }>`
    select session_id, account_id, ends_at, last_used_at > now() - least(interval '1 minute', make_interval(secs => ${idleSeconds} / 4.0)) as was_used_lately
    from live_sessions where reference_hash = ${handleHash(reference)}`;
  // Reading is what happens at every other request; writing once a minute is enough.
  if (session !== undefined && !session.wasUsedLately) await markUsed(sql, session.sessionId, idleSeconds);
  return session;
}

export type Refreshing =
  | { readonly kind: 'refreshed'; readonly session: Session; readonly refreshToken: string }
  | { readonly kind: 'reused'; readonly session: Session }
  | { readonly kind: 'unknown' };

/**
 * Exchanges a refresh token for the next one. A token that was used before is in two hands, and nobody can tell which is the owner's, so
 * the whole session ends (RFC 9700, 4.14.2). In a transaction, which has to commit in any case.
 */
export async function refreshSession(
  sql: Sql,
  refreshToken: string,
  { idleSeconds }: Lifetimes,
): Promise<Refreshing> {
  const [found] = await sql<Session & { readonly used: boolean }>`
    select session_id, account_id, ends_at, used from refresh_tokens join live_sessions using (session_id)
    where token_hash = ${handleHash(refreshToken)}
    for update`;
  if (found === undefined) return { kind: 'unknown' };
  const { used, ...session } = found;
  if (used) {
    await endSession(sql, session.sessionId);
    return { kind: 'reused', session };
  }
  await sql`update refresh_tokens set used = true where token_hash = ${handleHash(refreshToken)}`;
  await markUsed(sql, session.sessionId, idleSeconds);
  return { kind: 'refreshed', session, refreshToken: await insertRefreshToken(sql, session.sessionId) };
}

export async function endReference(sql: Sql, reference: string): Promise<void> {
  await forgetTokens(
    sql,
    await sql<Ended>`delete from sessions where reference_hash = ${handleHash(reference)} returning session_id`,
  );
}

/** Whichever token of the session it is. */
export async function endByRefreshToken(sql: Sql, refreshToken: string): Promise<void> {
  await forgetTokens(
    sql,
    await sql<Ended>`
      delete from sessions using refresh_tokens
      where refresh_tokens.session_id = sessions.session_id and token_hash = ${handleHash(refreshToken)}
      returning sessions.session_id`,
  );
}

/** In a transaction, as each that ends sessions. @returns how many there were; what was signed in until `endedAt` no longer counts */
export async function endAllSessions(
  sql: Sql,
  accountId: string,
): Promise<{ readonly ended: number; readonly endedAt: string }> {
  const [{ endedAt } = { endedAt: '' }] = await sql<{ endedAt: string }>`
    insert into ended_accounts as known (account_id, ended_at, remembered_until)
    values (${accountId}, clock_timestamp(), ${rememberedUntil(sql)})
    on conflict (account_id) do update set
      ended_at = greatest(known.ended_at, excluded.ended_at), remembered_until = excluded.remembered_until
    returning ended_at`;
  const ended = await sql<Ended>`delete from sessions where account_id = ${accountId} returning session_id`;
  await forgetTokens(sql, ended);
  return { ended: ended.length, endedAt };
}

/** The password has this revision since: sessions of the ones before end, and sign-ins with them no longer count. */
export async function endSessionsBefore(
  sql: Sql,
  accountId: string,
  revision: number | undefined,
): Promise<void> {
  if (revision === undefined) return void (await endAllSessions(sql, accountId));
  await sql`
    insert into ended_accounts as known (account_id, password_revision, remembered_until)
    values (${accountId}, ${revision}, ${rememberedUntil(sql)})
    on conflict (account_id) do update set
      password_revision = greatest(known.password_revision, excluded.password_revision),
      remembered_until = excluded.remembered_until`;
  await forgetTokens(
    sql,
    await sql<Ended>`
      delete from sessions where account_id = ${accountId} and coalesce(password_revision < ${revision}, true)
      returning session_id`,
  );
}

/** Longer than from a sign-in to its session. */
function rememberedUntil(sql: Sql) {
  return sql`now() + interval '15 minutes'`;
}

export async function endSession(sql: Sql, sessionId: string): Promise<void> {
  await forgetTokens(
    sql,
    await sql<Ended>`delete from sessions where session_id = ${sessionId} returning session_id`,
  );
}

interface Ended {
  readonly sessionId: string;
}

/** Access tokens that are out already are valid for minutes. In the transaction that ends their sessions. */
async function forgetTokens(sql: Sql, ended: readonly Ended[]): Promise<void> {
  await revoke(
    sql,
    'session',
    ended.map(({ sessionId }) => sessionId),
  );
}

export interface SessionOverview {
  readonly sessionId: string;
  readonly kind: 'cookie' | 'token';
  readonly beganAt: string;
  readonly lastUsedAt: string;
}

/** The newest first. */
export async function sessionsOf(sql: Sql, accountId: string): Promise<SessionOverview[]> {
  return sql<SessionOverview>`
    select session_id, kind, began_at, last_used_at from live_sessions
    where account_id = ${accountId} order by began_at desc limit 100`;
}

export async function forgetOldSessions(sql: Sql): Promise<void> {
  await sql`delete from sessions where least(idle_at, ends_at) < now() - interval '1 hour'`;
  await sql`delete from sessions where session_id in (select session_id from ended_sessions)`;
  await sql`delete from ended_accounts where remembered_until < now()`;
}

interface NewSession extends Lifetimes, SignIn {
  readonly kind: 'cookie' | 'token';
  readonly reference: string | undefined;
}

async function insertSession(
  sql: Sql,
  { accountId, signedInAt, passwordRevision, kind, reference, idleSeconds, maxSeconds }: NewSession,
): Promise<Session | undefined> {
  const [stored] = await sql<{ sessionId: string }>`
    insert into sessions (account_id, signed_in_at, password_revision, kind, reference_hash, idle_at, ends_at)
    values (${accountId}, coalesce(${signedInAt ?? null}::timestamptz, now()), ${passwordRevision ?? null},
            ${kind}, ${reference === undefined ? null : handleHash(reference)},
            now() + make_interval(secs => ${idleSeconds}), now() + make_interval(secs => ${maxSeconds}))
    returning session_id`;
  const [session] = await sql<Session>`
    select session_id, account_id, ends_at from live_sessions where session_id = ${stored?.sessionId ?? null}`;
  return session;
}

async function insertRefreshToken(sql: Sql, sessionId: string): Promise<string> {
  const token = newHandle();
  await sql`insert into refresh_tokens (token_hash, session_id) values (${handleHash(token)}, ${sessionId})`;
  return token;
}

async function markUsed(sql: Sql, sessionId: string, idleSeconds: number): Promise<void> {
  await sql`
    update sessions set last_used_at = now(), idle_at = now() + make_interval(secs => ${idleSeconds})
    where session_id = ${sessionId}`;
}
