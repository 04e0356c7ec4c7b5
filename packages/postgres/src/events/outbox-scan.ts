import type { Sql } from '@banyan/core';
import { freshPlan } from './fresh-plan.ts';
import type { Place } from './outbox-cursor.ts';
import { homeColumn, toHome } from './outbox-home.ts';
import type { OutboxStanding } from './outbox-places.ts';
import { pageOf, placeBehind } from './outbox-read.ts';

/** One row behind a place. Rows that nobody asked for have no `event`: they only move the place. */
export interface ScannedRow {
  readonly seq: string;
  /** Of the transaction that wrote it. */
  readonly xid: string;
  /** Null in rows that are older than the column. */
  readonly partition: number | null;
  readonly event: string | null;
}

export interface ScanOptions {
  readonly topics: readonly string[];
  readonly partitions: readonly number[];
  readonly limit: number;
  /** Only whether there is an event: `event` is empty then. */
  readonly isCounting?: boolean;
}

export interface Scan {
  readonly rows: readonly ScannedRow[];
  /** Behind the rows. */
  readonly place: Place;
  /** True if reading on at once may give more. */
  readonly more: boolean;
  /** The last row that is forgotten. */
  readonly prunedTo: number;
  readonly standing: OutboxStanding;
}

/** Of the page as a whole. */
interface Head {
  readonly prunedTo: number;
  readonly last: string;
  readonly snapshot: string;
  /** Id of a transaction that begins now; null if the page is empty. */
  readonly limit: string | null;
  readonly home: string;
}

interface Row extends ScannedRow {
  /** In the first row, which has nothing else. */
  readonly head: Head | null;
}

/**
 * At most `limit` rows behind `place`, those committed late among them. One statement, and so one snapshot. Its plan is kept, because making it costs more
 * than reading a small page: call it with connections of `OutboxSource`, which make none that is bad for a longer table.
 */
export async function scanOutbox(sql: Sql, place: Place, options: ScanOptions): Promise<Scan> {
  const { topics, partitions, limit, isCounting = false } = options;
  const columns = sql`seq, xid, partition,
    case when topic = any(${sql.array(topics, 'text')}) and (partition is null or partition = any(${sql.array(partitions, 'int2')}))
      then ${isCounting ? sql`''` : sql`event`} end as event`;
  const [first, ...rows] = await sql<Row>`
    with page as materialized (${pageOf(sql, place, { columns, limit })})
    select json_build_object('prunedTo', pruned_to,
        'last', greatest(pruned_to, (select max(seq) from banyan.outbox))::text,
        'snapshot', pg_current_snapshot()::text,
        'limit', case when exists (select from page) then pg_current_xact_id()::text end,
        'home', ${homeColumn(sql)}) as head,
      null::text as seq, null::text as xid, null::int2 as partition, null::text as event
    from banyan.outbox_state as state
    union all
    select null, seq::text, xid::text, partition, event from page ${place.late === undefined ? sql`` : freshPlan}`;
  const head = first?.head;
  if (head == null) throw new Error('banyan.outbox_state has lost its row.');
  const isFull = rows.length >= limit;
  const { prunedTo, last, snapshot } = head;
  const home = toHome(head.home);
  const next = placeBehind(place, {
    last: rows.at(-1)?.seq,
    isFull,
    snapshot,
    limit: head.limit ?? '',
    home,
  });
  return {
    rows,
    place: next,
    more: isFull || place.late !== undefined || next.late !== undefined,
    prunedTo,
    standing: { home, last, snapshot },
  };
}
