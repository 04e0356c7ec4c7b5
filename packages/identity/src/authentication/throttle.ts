import type { Sql } from '@banyan/banyan';

export interface ThrottleLimits {
  /** Tries without success before the first pause. */
  readonly free: number;
  readonly firstPauseS: number;
  /** Each pause is twice as long as the one before, up to this. */
  readonly longestPauseS: number;
  /** From this many tries on there is no end to the pause. Default: never. */
  readonly lockedFrom?: number;
  /** Tries are forgotten after this long without one. */
  readonly forgottenAfterS: number;
}

/**
 * Takes one try of `subject`, before anything is looked at, so that tries at the same time count, too. Whether the subject exists plays no part.
 * @returns undefined if there was a try left, else how long to wait; `Infinity` if waiting does not help
 */
export async function takeTry(
  sql: Sql,
  subject: string,
  limits: ThrottleLimits,
): Promise<number | undefined> {
  const { free, firstPauseS, longestPauseS, lockedFrom = 2_147_483_647, forgottenAfterS } = limits;
  const age = sql`make_interval(secs => ${forgottenAfterS})`;
  const [taken] = await sql`
    insert into tries as t (subject, in_a_row, last_at) values (${subject}, 1, now())
    on conflict (subject) do update set
      last_at = now(),
      in_a_row = case when t.last_at < now() - ${age} then 1 else t.in_a_row + 1 end,
      blocked_until = case
        when t.last_at < now() - ${age} then null
        when t.in_a_row + 1 >= ${lockedFrom} then 'infinity'
        when t.in_a_row + 1 >= ${free} then now() + make_interval(secs =>
          least(${longestPauseS}, ${firstPauseS} * power(2, least(t.in_a_row + 1 - ${free}, 30)))) end
      where t.blocked_until is null or t.blocked_until <= now()
    returning subject`;
  if (taken !== undefined) return undefined;
  // Over in the meantime: a moment, then.
  return (await waitOf(sql, subject)) ?? 1;
}

/** Seconds before the next try; undefined if there is none to wait for. */
export async function waitOf(sql: Sql, subject: string): Promise<number | undefined> {
  const [blocked] = await sql<{ waitS: number | null }>`
    select case when isfinite(blocked_until) then greatest(1, ceil(extract(epoch from blocked_until - now())))::int end as wait_s
    from tries where subject = ${subject} and blocked_until > now()`;
  return blocked && (blocked.waitS ?? Number.POSITIVE_INFINITY);
}

/** After a success: the subject starts anew. */
export async function forgetTries(sql: Sql, subject: string): Promise<void> {
  await sql`delete from tries where subject = ${subject}`;
}

/** After a success of one of many behind the subject: this try has cost nothing, those of the others stay. */
export async function giveTryBack(sql: Sql, subject: string): Promise<void> {
  await sql`update tries set in_a_row = greatest(0, in_a_row - 1) where subject = ${subject}`;
}
