import type { Sql } from '@banyan/banyan';
import { handleHash, newHandle } from '../keys/handle.ts';
import type { Lifetimes, Session, SignIn } from './session.ts';
import { type Ended, idsOf, insertSession, markUsed } from './session-rows.ts';

/* Sessions whose clients have tokens. They are always in the service's own database: a refresh token counts once, whatever fails. */

/** In a transaction. @returns undefined if the sign-in no longer counts; then it has to be undone */
export async function beginTokenSession(sql: Sql, signIn: SignIn, lifetimes: Lifetimes) {
  const session = await insertSession(sql, {
    ...signIn,
    ...lifetimes,
    kind: 'token',
    referenceHash: undefined,
  });
  return session && { session, refreshToken: await insertRefreshToken(sql, session.sessionId) };
}

export type Refreshing =
  | { readonly kind: 'refreshed'; readonly session: Session; readonly refreshToken: string }
  /** The session has ended. */
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
    await sql`delete from sessions where session_id = ${session.sessionId}`;
    return { kind: 'reused', session };
  }
  await sql`update refresh_tokens set used = true where token_hash = ${handleHash(refreshToken)}`;
  await markUsed(sql, session.sessionId, idleSeconds);
  return { kind: 'refreshed', session, refreshToken: await insertRefreshToken(sql, session.sessionId) };
}

/** Whichever token of the session it is. @returns the ids of what has ended */
export async function endByRefreshToken(sql: Sql, refreshToken: string): Promise<readonly string[]> {
  return idsOf(
    await sql<Ended>`
      delete from sessions using refresh_tokens
      where refresh_tokens.session_id = sessions.session_id and token_hash = ${handleHash(refreshToken)}
      returning sessions.session_id`,
  );
}

async function insertRefreshToken(sql: Sql, sessionId: string): Promise<string> {
  const token = newHandle();
  await sql`insert into refresh_tokens (token_hash, session_id) values (${handleHash(token)}, ${sessionId})`;
  return token;
}
