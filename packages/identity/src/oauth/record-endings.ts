import type { Sql } from '@banyan/banyan';
import { endRememberedMinutes } from '../sessions/session.ts';

export interface Ending {
  readonly accountId: string;
  /** What comes of an older password of the account ends. */
  readonly passwordRevision?: number | undefined;
  /** What was signed in until then ends; now, if neither is given. */
  readonly endedAt?: string | undefined;
}

/**
 * Ends what comes of a sign-in that no longer counts. A request that is under way may write such a record after its end, so the end is remembered,
 * and looked at whenever a record is read. In a transaction. @returns what tokens name the grants by that were ended
 */
export async function endSignIns(
  sql: Sql,
  { accountId, passwordRevision, endedAt }: Ending,
): Promise<readonly string[]> {
  const everything = passwordRevision === undefined && endedAt === undefined;
  await sql`
    insert into ended_accounts as known (account_id, ended_at, password_revision, remembered_until)
    values (${accountId}, coalesce(${endedAt ?? null}::timestamptz, case when ${everything} then clock_timestamp() else '-infinity' end),
            ${passwordRevision ?? 0}, now() + make_interval(mins => ${endRememberedMinutes}))
    on conflict (account_id) do update set
      ended_at = greatest(known.ended_at, excluded.ended_at),
      password_revision = greatest(known.password_revision, excluded.password_revision),
      remembered_until = excluded.remembered_until`;
  const ended = await sql<{ kind: string; idHash: string }>`
    delete from records using marked_records marked
    where marked.kind = records.kind and marked.id_hash = records.id_hash
      and marked.account_id = ${accountId} and marked.is_ended
    returning records.kind, records.id_hash`;
  return ended.filter(({ kind }) => kind === 'Grant').map(({ idHash }) => idHash);
}

export async function forgetOldRecords(sql: Sql): Promise<void> {
  await sql`delete from records where expires_at < now() - interval '1 hour'`;
  // No request and no sign-in takes as long as an end is remembered. What such a one has written goes first, or else it would come to life again.
  await sql`
    delete from records using marked_records marked
    where marked.kind = records.kind and marked.id_hash = records.id_hash and marked.is_ended`;
  // A record that comes in between is of a password that was restored from a backup, and counts from now on.
  await sql`delete from ended_accounts where remembered_until < now()`;
}
