import type { Sql } from '@banyan/core';

const pruneStep = 5_000;

/** The first position at or after `time` (RFC 3339), or the one behind `end`. Positions and times rise together, so the range is halved until it is found. */
export async function findFirstSince(sql: Sql, time: string, start: number, end: number): Promise<number> {
  let low = start + 1;
  let high = end + 1;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const [row] = await sql<{ position: number; isLater: boolean }>`
      select position, published_at >= ${time}::timestamptz as is_later from banyan.event_log
      where position >= ${middle} order by position limit 1`;
    // Numbers are missing where an event was published twice.
    if (row === undefined || row.isLater) high = middle;
    else low = row.position + 1;
  }
  return low;
}

/** The place is moved first, so that no reader takes a half-deleted page for a whole one. */
export async function pruneLog(sql: Sql, olderThanMs: number): Promise<number> {
  const [state] = await sql<{ start: number; end: number; before: string }>`
    select pruned_to as start, greatest(pruned_to, (select max(position) from banyan.event_log))::int8 as "end",
      clock_timestamp() - ${olderThanMs}::float8 * interval '1 millisecond' as before
    from banyan.event_log_state`;
  if (state === undefined) return 0;
  const last = (await findFirstSince(sql, state.before, state.start, state.end)) - 1;
  let total = 0;
  for (let from = state.start; from < last; from += pruneStep) {
    const to = Math.min(from + pruneStep, last);
    const [row] = await sql<{ count: number }>`
      with moved as (
        update banyan.event_log_state set pruned_to = greatest(pruned_to, ${to}::int8)
      ), gone as (
        delete from banyan.event_log where position > ${from}::int8 and position <= ${to}::int8 returning 1
      )
      select count(*) as count from gone`;
    total += row?.count ?? 0;
  }
  return total;
}
