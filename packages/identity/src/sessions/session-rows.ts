import type { Sql } from '@banyan/banyan';
import {
  endRememberedMinutes,
  type Lifetimes,
  type Session,
  type SessionOverview,
  type SignIn,
} from './session.ts';

/* The table that has the sessions of both kinds, unless those of browsers are in Redis. */

export type SessionKind = SessionOverview['kind'];

export interface NewSession extends Lifetimes, SignIn {
  readonly kind: SessionKind;
  readonly referenceHash: string | undefined;
}

/** In a transaction, which has to be undone if the sign-in no longer counts: then the answer is undefined. */
export async function insertSession(sql: Sql, session: NewSession): Promise<Session | undefined> {
  const { accountId, signedInAt, passwordRevision, kind, referenceHash, idleSeconds, maxSeconds } = session;
  const [stored] = await sql<{ sessionId: string }>`
    insert into sessions (account_id, signed_in_at, password_revision, kind, reference_hash, idle_at, ends_at)
    values (${accountId}, coalesce(${signedInAt ?? null}::timestamptz, now()), ${passwordRevision ?? null},
            ${kind}, ${referenceHash ?? null},
            now() + make_interval(secs => ${idleSeconds}), now() + make_interval(secs => ${maxSeconds}))
    returning session_id`;
  const [live] = await sql<Session>`
    select session_id, account_id, ends_at from live_sessions where session_id = ${stored?.sessionId ?? null}`;
  return live;
}

export async function markUsed(sql: Sql, sessionId: string, idleSeconds: number): Promise<void> {
  await sql`
    update sessions set last_used_at = now(), idle_at = now() + make_interval(secs => ${idleSeconds})
    where session_id = ${sessionId}`;
}

export async function listSessions(
  sql: Sql,
  kind: SessionKind,
  accountId: string,
): Promise<readonly SessionOverview[]> {
  return sql<SessionOverview>`
    select session_id, kind, began_at, last_used_at from live_sessions
    where account_id = ${accountId} and kind = ${kind} order by began_at desc limit 100`;
}

/** Ends those that there are. @returns their ids */
export async function deleteAll(sql: Sql, kind: SessionKind, accountId: string): Promise<readonly string[]> {
  return idsOf(
    await sql<Ended>`
      delete from sessions where account_id = ${accountId} and kind = ${kind} returning session_id`,
  );
}

/** Ends those that did not come of this password or a later one. @returns their ids */
export async function deleteBefore(
  sql: Sql,
  kind: SessionKind,
  { accountId, passwordRevision }: { readonly accountId: string; readonly passwordRevision: number },
): Promise<readonly string[]> {
  return idsOf(
    await sql<Ended>`
      delete from sessions where account_id = ${accountId} and kind = ${kind}
        and coalesce(password_revision < ${passwordRevision}, true)
      returning session_id`,
  );
}

/** Sign-ins until then no longer count. @param endedAt default: now @returns when that is */
export async function rememberEnd(sql: Sql, accountId: string, endedAt?: string): Promise<string> {
  const [remembered] = await sql<{ endedAt: string }>`
    insert into ended_accounts as known (account_id, ended_at, remembered_until)
    values (${accountId}, coalesce(${endedAt ?? null}::timestamptz, clock_timestamp()), ${rememberedUntil(sql)})
    on conflict (account_id) do update set
      ended_at = greatest(known.ended_at, excluded.ended_at), remembered_until = excluded.remembered_until
    returning ended_at`;
  return remembered?.endedAt ?? '';
}

/** Sign-ins with an older password no longer count. */
export async function rememberRevision(sql: Sql, accountId: string, passwordRevision: number): Promise<void> {
  await sql`
    insert into ended_accounts as known (account_id, password_revision, remembered_until)
    values (${accountId}, ${passwordRevision}, ${rememberedUntil(sql)})
    on conflict (account_id) do update set
      password_revision = greatest(known.password_revision, excluded.password_revision),
      remembered_until = excluded.remembered_until`;
}

export async function forgetOldSessions(sql: Sql): Promise<void> {
  await sql`delete from sessions where least(idle_at, ends_at) < now() - interval '1 hour'`;
  await sql`delete from sessions where session_id in (select session_id from ended_sessions)`;
  await sql`delete from ended_accounts where remembered_until < now()`;
}

export interface Ended {
  readonly sessionId: string;
}

export function idsOf(ended: readonly Ended[]): readonly string[] {
  return ended.map(({ sessionId }) => sessionId);
}

function rememberedUntil(sql: Sql) {
  return sql`now() + make_interval(mins => ${endRememberedMinutes})`;
}
