import type { Sql } from '@banyan/banyan';

/** Wrong codes in a row before the first pause. With six digits and a window of three codes, a pause of minutes makes guessing hopeless. */
const freeTries = 5;
const firstPauseS = 60;
const longestPauseS = 3_600;

/**
 * Takes one try for a code of the account, before the code is looked at, so that tries at the same time count, too.
 * @returns seconds to wait if there is no try left; undefined if there was one
 */
export async function takeTry(sql: Sql, accountId: string): Promise<number | undefined> {
  const [taken] = await sql`
    insert into wrong_codes as tries (account_id, in_a_row) values (${accountId}, 1)
    on conflict (account_id) do update
      set in_a_row = tries.in_a_row + 1,
        blocked_until = case when tries.in_a_row + 1 >= ${freeTries} then now() + make_interval(secs =>
          least(${longestPauseS}, ${firstPauseS} * power(2, least(tries.in_a_row + 1 - ${freeTries}, 20)))) end
      where tries.blocked_until is null or tries.blocked_until <= now()
    returning account_id`;
  if (taken !== undefined) return undefined;
  const [blocked] = await sql<{ retryAfterS: number }>`
    select greatest(1, ceil(extract(epoch from blocked_until - now())))::int as retry_after_s
    from wrong_codes where account_id = ${accountId}`;
  return blocked?.retryAfterS ?? 1;
}

/** After a right code. */
export async function forgetTries(sql: Sql, accountId: string): Promise<void> {
  await sql`delete from wrong_codes where account_id = ${accountId}`;
}
