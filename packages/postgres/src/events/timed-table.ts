import type { Sql, SqlFragment } from '@banyan/core';

/** A log's table: positions and times rise together, and old rows are forgotten. */
export interface TimedTable {
  readonly table: SqlFragment;
  readonly position: SqlFragment;
  readonly time: SqlFragment;
  /** The table of one row that says in `pruned_to` up to where rows are forgotten. */
  readonly state: SqlFragment;
}

/** The log tables of the platform's database. */
export function logTable(sql: Sql): TimedTable {
  return {
    table: sql`banyan.event_log`,
    position: sql`position`,
    time: sql`published_at`,
    state: sql`banyan.event_log_state`,
  };
}

/** An outbox that consumers read. Transactions that append at the same time may be in another order than their times, by milliseconds. */
export function outboxTable(sql: Sql): TimedTable {
  return {
    table: sql`banyan.outbox`,
    position: sql`seq`,
    time: sql`appended_at`,
    state: sql`banyan.outbox_state`,
  };
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
  { table, position, time: column }: TimedTable,
  { time, start, end }: TimeRange,
): Promise<number> {
  let low = start + 1;
  let high = end + 1;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const [row] = await sql<{ position: number; isLater: boolean }>`
      select ${position} as position, ${column} >= ${time}::timestamptz as is_later from ${table}
      where ${position} >= ${middle} order by ${position} limit 1`;
    // Numbers are missing where an event was published twice, or a transaction rolled back.
    if (row === undefined || row.isLater) high = middle;
    else low = row.position + 1;
  }
  return low;
}

const pruneStep = 5_000;

/**
 * Forgets rows older than this; returns how many. The place is moved first, so that no reader takes a half-deleted page for a whole one. What an open
 * transaction has appended to an outbox stays, and is read when it is committed.
 */
export async function pruneTable(sql: Sql, where: TimedTable, olderThanMs: number): Promise<number> {
  const { table, position, state } = where;
  const [range] = await sql<TimeRange>`
    select pruned_to as start, greatest(pruned_to, (select max(${position}) from ${table}))::int8 as "end",
      clock_timestamp() - ${olderThanMs}::float8 * interval '1 millisecond' as time
    from ${state}`;
  if (range === undefined) return 0;
  const last = (await findFirstSince(sql, where, range)) - 1;
  let total = 0;
  for (let from = range.start; from < last; from += pruneStep) {
    const to = Math.min(from + pruneStep, last);
    const [row] = await sql<{ count: number }>`
      with moved as (
        update ${state} set pruned_to = greatest(pruned_to, ${to}::int8)
      ), gone as (
        delete from ${table} where ${position} > ${from}::int8 and ${position} <= ${to}::int8 returning 1
      )
      select count(*) as count from gone`;
    total += row?.count ?? 0;
  }
  return total;
}
