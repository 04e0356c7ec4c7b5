import type { Sql, SqlFragment } from '@banyan/core';
import type { OutboxPage } from '@banyan/events';
import { freshPlan } from './fresh-plan.ts';
import { type EventRow, type Place, toCursor, toEncoded, toRunning } from './outbox-cursor.ts';
import { homeColumn, isSameHome, type OutboxHome, toHome } from './outbox-home.ts';

export interface PageHead {
  /** Until the next delayed message is due; null if there is none. */
  readonly dueInMs: number | null;
}

/** Of the page as a whole. */
interface Head extends PageHead {
  readonly snapshot: string;
  /** Id of a transaction that begins now; null if the page is empty. */
  readonly limit: string | null;
  readonly home: string;
}

interface Row extends EventRow {
  /** In the first row, which has nothing else: so one statement, and so one snapshot, answers everything. */
  readonly head: Head | null;
  readonly seq: string;
}

export async function readPage(
  sql: Sql,
  place: Place,
  limit: number,
): Promise<{ readonly head: PageHead; readonly page: OutboxPage }> {
  const [first, ...rows] = await query(sql, place, limit);
  const head = first?.head;
  if (head == null) throw new Error('banyan.outbox_state has lost its row.');
  const events = rows.map(toEncoded);
  const next = placeBehind(place, {
    last: rows.at(-1)?.seq,
    isFull: rows.length >= limit,
    snapshot: head.snapshot,
    limit: head.limit ?? '',
    home: toHome(head.home),
  });
  return {
    head,
    page: {
      events,
      cursor: toCursor(next),
      more: events.length >= limit || place.late !== undefined || next.late !== undefined,
    },
  };
}

/** What a page tells beside its rows: the snapshot that it was read with, and the id of a transaction that began then. */
interface PageEnd {
  readonly last: string | undefined;
  readonly isFull: boolean;
  readonly snapshot: string;
  readonly limit: string;
  readonly home: OutboxHome;
}

/** Shows every transaction of whatever cluster. */
const everything = '9000000000000000000:9000000000000000000:';

/** The place behind a page of {@link pageOf}. */
export function placeBehind(place: Place, { last, isFull, snapshot, limit, home }: PageEnd): Place {
  const isAtHome = isSameHome(place.home, home);
  const isLate = last !== undefined && BigInt(last) <= BigInt(place.after);
  if (isLate && isFull) {
    const seen = place.late?.seen ?? (isAtHome ? snapshot : everything);
    return { ...place, late: { seen, after: last } };
  }
  if (place.late !== undefined) return { ...place, seen: place.late.seen, late: undefined };
  // The limit of another cluster means nothing in this one: whatever was committed late there came with this page.
  if (last === undefined || isLate)
    return { ...place, seen: snapshot, limit: isAtHome ? place.limit : '0', home };
  return { after: last, seen: snapshot, limit, home, late: undefined };
}

/** The rows of the next page as a table expression: what was committed late comes first, because its numbers are lower. */
export function pageOf(
  sql: Sql,
  { after, seen, limit: xidLimit, home, late }: Place,
  { columns, limit }: { readonly columns: SqlFragment; readonly limit: number },
): SqlFragment {
  const { xmax, running } = toRunning(seen);
  // `+ 0` keeps the primary key out of it: nearly every row lies below, and the planner would collect them all to find the few of the transactions named.
  const isLate =
    late === undefined
      ? sql`seq + 0 <= ${after}::int8 and seq + 0 > ${home.since}::int8`
      : sql`seq + 0 <= ${after}::int8 and seq > ${late.after}::int8 and pg_visible_in_snapshot(xid, ${late.seen}::pg_snapshot)`;
  const fresh =
    late === undefined
      ? sql`(select ${columns} from banyan.outbox where seq > ${after}::int8 order by seq limit ${limit})`
      : sql`(select ${columns} from banyan.outbox where false)`;
  const wereRunning =
    running.length === 0
      ? sql``
      : sql`(select ${columns} from banyan.outbox where xid = any(${sql.array(running, 'xid8')}) and ${isLate}) union all`;
  return sql`
    select * from (
      ${wereRunning}
      (select ${columns} from banyan.outbox
       where xid >= ${xmax}::xid8 and xid < ${xidLimit}::xid8 and ${isLate})
      union all ${fresh}
    ) as rows
    order by rows.seq limit ${limit}`;
}

function query(sql: Sql, place: Place, limit: number): Promise<Row[]> {
  const columns = sql`seq, id::text, topic, key, event_time, event`;
  return sql<Row>`
    with page as materialized (${pageOf(sql, place, { columns, limit })})
    select json_build_object('snapshot', pg_current_snapshot()::text,
        'limit', case when exists (select from page) then pg_current_xact_id()::text end,
        'home', ${homeColumn(sql)},
        'dueInMs', (select (extract(epoch from min(due_at) - clock_timestamp()) * 1000)::float8 from banyan.outbox_delayed)) as head,
      null::text as seq, null::text as id, null::text as topic, null::text as key, null::text as event_time, null::text as event
    from banyan.outbox_state as state
    union all
    select null, seq::text, id, topic, key, event_time, event from page ${freshPlan}`;
}
