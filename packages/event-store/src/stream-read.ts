import type { Sql } from '@banyan/core';
import type { ReadStreamOptions } from './event-store.ts';
import type { EventRow } from './stored-event.ts';

/** Rows of one stream, oldest first. */
export function readStream(
  sql: Sql,
  stream: string,
  { from = 0, to, recordedUntil }: ReadStreamOptions,
): Promise<EventRow[]> {
  const columns = sql`position, revision, recorded_at, version, stream, type, data::text, metadata::text, tags`;
  if (to === undefined && recordedUntil === undefined) {
    return sql<EventRow>`
      select ${columns} from banyan.event where stream = ${stream} and revision >= ${from}::int8 order by revision`;
  }
  // Up to the first later one: a clock that was set back must not leave a hole.
  return sql<EventRow>`
    select ${columns} from banyan.event as e
    where stream = ${stream} and revision >= ${from}::int8 and revision <= coalesce(${to ?? null}::int8, revision)
      and revision < coalesce((
        select min(later.revision) from banyan.event as later
        where later.stream = ${stream} and later.recorded_at > ${recordedUntil ?? null}::timestamptz
      ), revision + 1)
    order by revision`;
}

/** A query of whatever event types. */
export type AnyQuery = readonly { readonly types?: readonly string[]; readonly tags?: readonly string[] }[];

interface QueryRow extends EventRow {
  /** In the first row, which has nothing else. */
  readonly seen: string | null;
}

/**
 * Rows of all events that match, by position, and the snapshot that shows them. A snapshot does not name its own transaction among those that run; once a
 * later one has ended it would show whatever ours still appends. So our own id is added.
 */
export async function readQuery(
  sql: Sql,
  query: AnyQuery,
): Promise<{ readonly rows: EventRow[]; readonly seen: string; readonly era: string }> {
  const text = JSON.stringify(query);
  const [head, ...rows] = await sql<QueryRow>`
    with item as materialized (
      select array(select json_array_elements_text(i -> 'tags')) as tags,
        case when coalesce(json_array_length(i -> 'types'), 0) > 0 then array(select json_array_elements_text(i -> 'types')) end as types
      from json_array_elements(${text}::json) as i
    ), found as materialized (
      select e.position from item as i, banyan.event_tag as t join banyan.event as e on e.position = t.position
      where i.tags <> '{}' and t.tag = i.tags[1] and e.tags @> i.tags and (i.types is null or e.type = any(i.types))
      union
      select e.position from item as i, banyan.event as e
      where i.tags = '{}' and (i.types is null or e.type = any(i.types))
    )
    select null::int8 as position, null::int8 as revision, null::timestamptz as recorded_at,
      (select coalesce(max(era), 0) from banyan.event_era)::int4 as version, null as stream, null as type,
      null as data, null as metadata, null::text[] as tags, (
        select concat_ws(':', pg_snapshot_xmin(s), pg_snapshot_xmax(s), array_to_string(array(
          select x from (
            select pg_snapshot_xip(s) as x
            union select o from pg_current_xact_id_if_assigned() as o where pg_visible_in_snapshot(o, s)
          ) as running order by x
        ), ',')) from pg_current_snapshot() as s
      ) as seen
    union all
    (select e.position, e.revision, e.recorded_at, e.version, e.stream, e.type, e.data::text, e.metadata::text, e.tags, null
     from found join banyan.event as e on e.position = found.position order by e.position)`;
  return { rows, seen: head?.seen ?? '1:1:', era: String(head?.version ?? 0) };
}
