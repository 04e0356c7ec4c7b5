import { ServiceError, type Sql } from '@banyan/core';
import type { OutboxBacklog } from '@banyan/events';
import { findFirstSince, outboxTable } from './timed-table.ts';

const pruneStep = 5_000;

/**
 * Moves the confirmed place back and fences the relay off. What was committed late and not read yet stays late, because `seen` stays.
 * @returns how many events come again
 */
export async function rewindOutbox(sql: Sql, since: string): Promise<number> {
  const [row] = await sql<{ count: number }>`
    with again as (
      select min(seq) - 1 as after_seq from banyan.outbox where appended_at >= ${since}::timestamptz
    ), moved as (
      update banyan.outbox_relay as r set
        after_seq = least(r.after_seq, coalesce(again.after_seq, r.after_seq)), token = r.token + 1
      from again returning r.after_seq
    )
    select count(*)::int8 as count from moved join banyan.outbox as o on o.seq > moved.after_seq`;
  return row?.count ?? 0;
}

/**
 * Rows do not know when they were published. So each call notes how far the relay is, and deletes up to where it was so long ago; never what is still to be
 * published, late or again.
 */
export async function pruneOutbox(sql: Sql, olderThanMs: number): Promise<number> {
  await sql`
    insert into banyan.outbox_mark (confirmed_at, after_seq)
    select confirmed_at, after_seq from banyan.outbox_relay on conflict do nothing`;
  const [old] = await sql<{ first: string | null; last: string | null }>`
    with mark as (
      select m.confirmed_at, m.after_seq from banyan.outbox_mark as m
      where m.confirmed_at <= clock_timestamp() - ${olderThanMs}::float8 * interval '1 millisecond'
      order by m.confirmed_at desc limit 1
    ), gone as (
      delete from banyan.outbox_mark using mark where outbox_mark.confirmed_at < mark.confirmed_at
    )
    select (select min(seq) from banyan.outbox)::text as first,
      (select least(mark.after_seq, relay.after_seq) from mark, banyan.outbox_relay as relay)::text as last`;
  if (old?.first == null || old.last === null) return 0;
  let total = 0;
  // By ranges of the primary key, so that no step looks at what an earlier one deleted.
  for (let from = BigInt(old.first); from <= BigInt(old.last); from += BigInt(pruneStep)) {
    const to = from + BigInt(pruneStep) - 1n;
    const gone = await sql`
      delete from banyan.outbox as o using banyan.outbox_relay as r
      where o.seq >= ${from.toString()}::int8 and o.seq <= least(${to.toString()}::int8, ${old.last}::int8, r.after_seq)
        and (o.seq <= r.since or pg_visible_in_snapshot(o.xid, r.seen))
      returning 1`;
    total += gone.length;
  }
  return total;
}

/**
 * Of an outbox that consumers read: if a relay takes over one day, because a broker was configured, it begins with what is younger than this. Consumers
 * recognise what they know; what is older they are taken to have read. Returns 0: rows stay for their readers.
 */
export async function moveRelay(sql: Sql, olderThanMs: number): Promise<number> {
  const [state] = await sql<{ start: number; end: number; time: string }>`
    select least(after_seq, greatest(after_seq, (select max(seq) from banyan.outbox)))::int8 as start,
      greatest(after_seq, (select max(seq) from banyan.outbox))::int8 as "end",
      clock_timestamp() - ${olderThanMs}::float8 * interval '1 millisecond' as time
    from banyan.outbox_relay`;
  if (state === undefined || state.end === state.start) return 0;
  const last = (await findFirstSince(sql, outboxTable(sql), state)) - 1;
  await sql`
    update banyan.outbox_relay set after_seq = ${last}::int8, seen = pg_current_snapshot(), seen_limit = pg_current_xact_id(),
      home = state.home, since = state.since
    from banyan.outbox_state as state where after_seq < ${last}::int8 and owner is null`;
  return 0;
}

/** Nothing waits to be published in an outbox that consumers read. */
export async function standingOfLog(sql: Sql): Promise<OutboxBacklog> {
  const [row] = await sql<{ delayed: number }>`select count(*)::int8 as delayed from banyan.outbox_delayed`;
  return { count: 0, oldestAgeMs: 0, delayed: row?.delayed ?? 0, dead: 0 };
}

export function nothingPublished(): ServiceError {
  return new ServiceError(
    'Consumers read this outbox themselves, so nothing can be published again: replay it to the consumer that needs it.',
    { code: 'failed_precondition', reason: 'not_supported' },
  );
}
