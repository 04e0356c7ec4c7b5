import type { Sql, SqlFragment } from '@banyan/core';

/** For {@link findFirstSince}; transactions that append at the same time may be in another order than their times, by milliseconds. */
export function outboxTable(sql: Sql): TimedTable {
  return { table: sql`banyan.outbox`, position: sql`seq`, time: sql`appended_at` };
}

const pruneStep = 5_000;

/** A table whose positions and times rise together. */
export interface TimedTable {
  readonly table: SqlFragment;
  readonly position: SqlFragment;
  readonly time: SqlFragment;
}

export interface TimeRange {
  /** RFC 3339. */
  readonly time: string;
  /** The last position before the range. */
  readonly start: number;
  readonly end: number;
}

/** The first position at or after a time, or the one behind the range: it is halved until it is found. */
export async function findFirstSince(
  sql: Sql,
  where: TimedTable,
  { time, start, end }: TimeRange,
): Promise<number> {
  let low = start + 1;
  let high = end + 1;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const [row] = await sql<{ position: number; isLater: boolean }>`
      select ${where.position} as position, ${where.time} >= ${time}::timestamptz as is_later from ${where.table}
      where ${where.position} >= ${middle} order by ${where.position} limit 1`;
    // Numbers are missing where an event was published twice, or a transaction rolled back.
    if (row === undefined || row.isLater) high = middle;
    else low = row.position + 1;
  }
  return low;
}

/** For {@link findFirstSince}. */
export function logTable(sql: Sql): TimedTable {
  return { table: sql`banyan.event_log`, position: sql`position`, time: sql`published_at` };
}

/** The place is moved first, so that no reader takes a half-deleted page for a whole one. */
export async function pruneLog(sql: Sql, olderThanMs: number): Promise<number> {
  const [state] = await sql<{ start: number; end: number; before: string }>`
    select pruned_to as start, greatest(pruned_to, (select max(position) from banyan.event_log))::int8 as "end",
      clock_timestamp() - ${olderThanMs}::float8 * interval '1 millisecond' as before
    from banyan.event_log_state`;
  if (state === undefined) return 0;
  const { before: time, start, end } = state;
  const last = (await findFirstSince(sql, logTable(sql), { time, start, end })) - 1;
  let total = 0;
  for (let from = start; from < last; from += pruneStep) {
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

/** As {@link pruneLog}, for an outbox that consumers read. What an open transaction has appended stays, and is read when it is committed. */
export async function pruneOutboxLog(sql: Sql, olderThanMs: number): Promise<number> {
  const [state] = await sql<{ start: number; end: number; before: string }>`
    select pruned_to as start, greatest(pruned_to, (select max(seq) from banyan.outbox))::int8 as "end",
      clock_timestamp() - ${olderThanMs}::float8 * interval '1 millisecond' as before
    from banyan.outbox_state`;
  if (state === undefined) return 0;
  const { before: time, start, end } = state;
  const last = (await findFirstSince(sql, outboxTable(sql), { time, start, end })) - 1;
  let total = 0;
  for (let from = start; from < last; from += pruneStep) {
    const to = Math.min(from + pruneStep, last);
    const [row] = await sql<{ count: number }>`
      with moved as (
        update banyan.outbox_state set pruned_to = greatest(pruned_to, ${to}::int8)
      ), gone as (
        delete from banyan.outbox where seq > ${from}::int8 and seq <= ${to}::int8 returning 1
      )
      select count(*) as count from gone`;
    total += row?.count ?? 0;
  }
  return total;
}
