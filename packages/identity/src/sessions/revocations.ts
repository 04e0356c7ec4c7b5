import type { Sql } from '@banyan/banyan';

/** `jti` of one access token, or `sid` of all those of one session or consent. */
export type RevocationKind = 'token' | 'session';

export interface Revocation {
  readonly kind: RevocationKind;
  readonly id: string;
  readonly until: string;
}

/** Longer than any access token lives. */
const keptMinutes = 65;

/** Again with the same names: nothing more happens. @returns how many are new */
export async function revoke(sql: Sql, kind: RevocationKind, ids: readonly string[]): Promise<number> {
  if (ids.length === 0) return 0;
  const added = await sql`
    insert into revocations (kind, id, until)
    select ${kind}, id, now() + make_interval(mins => ${keptMinutes}) from unnest(${sql.array([...ids], 'text')}) as id
    on conflict (kind, id) do nothing returning id`;
  return added.length;
}

/** What was revoked since then, or all. */
export async function revocationsSince(
  sql: Sql,
  since: string | undefined,
): Promise<{ readonly asOf: string; readonly revoked: readonly Revocation[] }> {
  const [{ asOf } = { asOf: '' }] = await sql<{ asOf: string }>`select clock_timestamp() as as_of`;
  const revoked = await sql<Revocation>`
    select kind, id, until from revocations
    where until > now() and (${since ?? null}::timestamptz is null or revoked_at >= ${since ?? null}::timestamptz)`;
  return { asOf, revoked };
}

export async function forgetOldRevocations(sql: Sql): Promise<void> {
  await sql`delete from revocations where until < now()`;
}
