import type { Sql } from '@banyan/core';
import type { Place } from './cursor.ts';
import type { EventRow } from './stored-event.ts';

/** A filter of whatever event types. */
interface AnyFilter {
  readonly types?: readonly string[] | undefined;
  readonly categories?: readonly string[];
  readonly partition?: { readonly index: number; readonly of: number };
}

export interface RawPage {
  readonly rows: readonly EventRow[];
  readonly passed: number;
  readonly next: Place;
  readonly more: boolean;
  /** Whether what comes next was likely committed before `next` took its snapshot. */
  readonly isFarBehind: boolean;
}

/** What the first row tells of the page as a whole. */
interface Head {
  readonly seen: string;
  readonly limit: string | null;
  readonly era: string;
  readonly last: string | null;
  readonly count: number;
}

/** One page of the log behind `place`; events that were committed late first, then new ones. `limit` counts what the filter drops as well. */
export async function readPage(
  sql: Sql,
  place: Place,
  { limit, filter = {} }: { readonly limit: number; readonly filter?: AnyFilter | undefined },
): Promise<RawPage> {
  const [first, ...rows] = await query(sql, place, limit, filter);
  const head = toHead(first as EventRow);
  const next = toNext(place, head, limit);
  const isFull = head.count >= limit;
  return {
    rows,
    passed: head.count,
    next,
    more: isFull || place.late !== undefined || next.late !== undefined,
    isFarBehind: isFull && next.late === undefined && isUnfiltered(filter),
  };
}

function isUnfiltered({ types, categories, partition }: AnyFilter): boolean {
  return types === undefined && categories === undefined && (partition?.of ?? 1) === 1;
}

/**
 * The next events behind `place` that its snapshot shows, by a plain statement, which is cheaper than {@link readPage}. It leaves the snapshot as it is, and so
 * what it skips is late: the next call of `readPage` finds it. Nothing skipped was seen by an append whose event is on this page, because that was committed
 * before the snapshot. No rows in another cluster than that of `place`. It looks at no more than twice `limit` events, however many came after the snapshot.
 */
export async function readShownPage(sql: Sql, place: Place, limit: number): Promise<RawPage> {
  const { after, seen, era } = place;
  const oldest = seen.slice(0, seen.indexOf(':'));
  const rows = await sql<EventRow>`
    select position, revision, recorded_at, version, stream, type, data::text, metadata::text, tags from (
      select * from banyan.event
      where position > ${after}::int8 and (select max(era) from banyan.event_era) = ${era}::int4
      order by position limit ${2 * limit}::int4
    ) as next
    where xid < ${oldest}::xid8 or position <= (select max(since) from banyan.event_era) or pg_visible_in_snapshot(xid, ${seen}::pg_snapshot)
    order by position limit ${limit}::int4`;
  const next = { ...place, after: String(rows.at(-1)?.position ?? after) };
  return { rows, passed: rows.length, next, more: true, isFarBehind: rows.length === limit };
}

function toHead({ position, revision, version, stream, type }: EventRow): Head {
  const last = position === null ? null : String(position);
  return { last, count: revision, era: String(version), seen: stream, limit: type };
}

/** Shows every transaction of whatever cluster. */
const everything = '9000000000000000000:9000000000000000000:';

function toNext(place: Place, { seen, limit, era, last, count }: Head, pageSize: number): Place {
  const isLate = last !== null && BigInt(last) <= BigInt(place.after);
  if (isLate && count >= pageSize) {
    // A snapshot of this cluster hides what one with higher ids wrote.
    const end = place.late?.seen ?? (place.era === era ? seen : everything);
    return { ...place, late: { seen: end, after: last } };
  }
  if (place.late !== undefined) return { ...place, seen: place.late.seen, late: undefined };
  if (last === null || isLate) {
    // The limit of another cluster means nothing in this one; no event up to `after` can come late any more.
    return { ...place, seen, limit: place.era === era ? place.limit : '0', era };
  }
  return { after: last, seen, limit: limit ?? '0', era, late: undefined };
}

function query(sql: Sql, place: Place, limit: number, filter: AnyFilter): Promise<EventRow[]> {
  const { after, seen, limit: xidLimit, era, late } = place;
  const { types, categories, partition } = filter;
  const texts = (values: readonly string[] | undefined) =>
    values === undefined ? sql`null::text[]` : sql.array(values, 'text');
  return sql<EventRow>`
    select * from banyan.read_events(${limit}::int4, ${after}::int8, ${seen}::pg_snapshot, ${xidLimit}::xid8, ${era}::int4,
      ${late?.seen ?? null}::pg_snapshot, ${late?.after ?? null}::int8,
      ${texts(types)}, ${texts(categories)}, ${partition?.index ?? 0}::int4, ${partition?.of ?? 1}::int4)`;
}
