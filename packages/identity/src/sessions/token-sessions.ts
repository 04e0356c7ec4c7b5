import type { Sql } from '@banyan/banyan';
import { handleHash, newHandle } from '../keys/handle.ts';
import type { KeyRing } from '../keys/key-ring.ts';
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
  if (session === undefined) return undefined;
  const refreshToken = newHandle();
  await insertRefreshToken(sql, session.sessionId, refreshToken);
  return { session, refreshToken };
}

export type Refreshing =
  | { readonly kind: 'refreshed'; readonly session: Session; readonly refreshToken: string }
  /** The session has ended. */
  | { readonly kind: 'reused'; readonly session: Session }
  | { readonly kind: 'unknown' };

export interface Refresh {
  readonly refreshToken: string;
  /** The client's own for this exchange; with it the exchange may be repeated. */
  readonly retryKey: string | undefined;
}

/**
 * Exchanges a refresh token for the next one. A token that was used before is in two hands, and nobody can tell which is the owner's, so
 * the whole session ends (RFC 9700, 4.14.2), unless it comes with the key that it was used with: then the answer was lost, and the same token is
 * the answer again, as long as that was not used. In a transaction, which has to commit in any case.
 */
export async function refreshSession(
  { sql, ring }: { readonly sql: Sql; readonly ring: KeyRing },
  { refreshToken, retryKey }: Refresh,
  { idleSeconds }: Lifetimes,
): Promise<Refreshing> {
  const [found] = await sql<Session & { readonly used: boolean; readonly retryHash: string | null }>`
    select session_id, account_id, ends_at, used, retry_hash
    from refresh_tokens join live_sessions using (session_id)
    where token_hash = ${handleHash(refreshToken)}
    for update`;
  if (found === undefined) return { kind: 'unknown' };
  const { used, retryHash, ...session } = found;
  const next = retryKey === undefined ? newHandle() : successorOf(ring, refreshToken, retryKey);
  if (used && retryKey !== undefined && retryHash === handleHash(retryKey)) {
    const [unused] = await sql`
      select 1 as found from refresh_tokens
      where token_hash = ${handleHash(next)} and session_id = ${session.sessionId} and not used`;
    return unused === undefined ? { kind: 'unknown' } : { kind: 'refreshed', session, refreshToken: next };
  }
  if (used) {
    await sql`delete from sessions where session_id = ${session.sessionId}`;
    return { kind: 'reused', session };
  }
  await sql`
    update refresh_tokens set used = true, retry_hash = ${retryKey === undefined ? null : handleHash(retryKey)}
    where token_hash = ${handleHash(refreshToken)}`;
  await markUsed(sql, session.sessionId, idleSeconds);
  await insertRefreshToken(sql, session.sessionId, next);
  return { kind: 'refreshed', session, refreshToken: next };
}

/** The same whenever it is asked for, so that it need not be stored. */
function successorOf(ring: KeyRing, refreshToken: string, retryKey: string): string {
  const [, token = ''] = ring.mac(JSON.stringify([refreshToken, retryKey]), 'refresh token').split('.');
  return token;
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

async function insertRefreshToken(sql: Sql, sessionId: string, token: string): Promise<void> {
  await sql`insert into refresh_tokens (token_hash, session_id) values (${handleHash(token)}, ${sessionId})`;
}
