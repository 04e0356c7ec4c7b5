-- The log of @banyan/event-store. Within a stream revisions run 0, 1, 2 …; positions rise over all streams, with gaps.
create sequence banyan.event_position;

create table banyan.event (
  position bigint not null default nextval('banyan.event_position'),
  -- The transaction that wrote the row: readers tell by it what a snapshot could not show yet.
  xid xid8 not null default pg_current_xact_id(),
  revision bigint not null,
  recorded_at timestamptz not null default clock_timestamp(),
  version int not null,
  stream text collate "C" not null,
  type text collate "C" not null,
  data json not null,
  metadata json,
  tags text[],
  primary key (stream, revision)
);
create unique index event_by_position on banyan.event (position);
create index event_by_xid on banyan.event (xid);

-- One row for each tag of an event: what conditions and queries look at.
create table banyan.event_tag (
  tag text collate "C" not null,
  xid xid8 not null default pg_current_xact_id(),
  position bigint not null,
  primary key (tag, xid, position)
);

create function banyan.refuse_event_change() returns trigger language plpgsql as $$
begin
  raise exception 'events are append-only: % on banyan.% is refused', tg_op, tg_table_name using errcode = 'restrict_violation';
end $$;
create trigger append_only before update or delete or truncate on banyan.event
  for each statement execute function banyan.refuse_event_change();
create trigger append_only before update or delete or truncate on banyan.event_tag
  for each statement execute function banyan.refuse_event_change();

-- Ids of transactions mean something in one cluster only. After a restore into another one, what lies up to `since` is old.
create table banyan.event_era (
  era int primary key,
  system text not null,
  since bigint not null
);
insert into banyan.event_era select 0, system_identifier::text, 0 from pg_control_system();

create table banyan.event_snapshot (
  stream text collate "C" primary key,
  shape text not null,
  revision bigint not null,
  recorded_at timestamptz not null,
  subjects text[] not null default '{}',
  state json not null
);
create index event_snapshot_by_subject on banyan.event_snapshot using gin (subjects) where subjects <> '{}';

-- How far each reader is: its own place, in its own transaction, and who may move it.
create table banyan.event_subscription (
  name text not null,
  partition int not null,
  partitions int not null,
  cursor text not null,
  token bigint not null default 0,
  owner text,
  lease_until timestamptz,
  moved_at timestamptz not null default clock_timestamp(),
  primary key (name, partition)
);

create table banyan.event_projection (
  name text primary key,
  version int not null,
  switched_at timestamptz not null default clock_timestamp()
);

-- The key of each person whose data is in events. Without it nobody can read them.
create table banyan.event_key (
  subject text primary key,
  kek text not null,
  wrapped bytea,
  created_at timestamptz not null default clock_timestamp(),
  forgotten_at timestamptz
);

-- Appends for one or more callers ("members"), each with a verdict: 0 appended, 1 wrong revision, 2 busy, 3 condition failed,
-- 4 a condition outside of `read committed`.
--
-- Every append locks its streams, and its tags shared; a condition locks its tags alone, or everything if it names none. Locks are
-- held until the commit. Each statement in here sees what was committed before it began, so after the locks are held nothing
-- that matters can change (in `read committed`; in stricter isolation the primary key refuses instead).
--
-- An impatient call waits for no stream and no tag: a member that would have to is busy. So one forgotten transaction cannot hold up
-- the callers that share a statement with those it does concern, and two such calls cannot wait for each other.
--
-- Settings: tables that were empty a moment ago have plans for empty tables, and a plan that avoids something costs so much that it would be compiled.
--
-- expected: -1 no stream, -2 any, -3 the stream exists, else the revision of the stream's last event. Later members of a stream
-- that another member of the same call writes to must expect any.
create function banyan.append_events(
  patient boolean,
  streams text[], expected bigint[], counts int[],
  members int[], offsets int[], types text[], versions int[], contents text[], metas text[],
  tag_events int[], event_tags text[],
  condition json, seen pg_snapshot, after bigint
) returns table (member int, verdict int, head bigint, last_position bigint)
language plpgsql set jit = off set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_mergejoin = off set enable_nestloop = off as $$
#variable_conflict use_column
declare
  busy int[] := '{}';
  found_at bigint;
begin
  if condition is not null and current_setting('transaction_isolation') <> 'read committed' then
    return query select m.number::int, 4, null::bigint, null::bigint from unnest(streams) with ordinality as m (stream, number);
    return;
  end if;
  perform pg_current_xact_id();
  if condition is not null and exists (
    select from json_array_elements(condition) as i where coalesce(json_array_length(i -> 'tags'), 0) = 0
  ) then
    perform pg_advisory_xact_lock(6450791, 0);
  else
    perform pg_advisory_xact_lock_shared(6450791, 0);
  end if;
  if patient then
    perform pg_advisory_xact_lock(6450789, h.hash)
    from (select distinct hashtext(s) as hash from unnest(streams) as s order by 1) as h;
    -- One tag of each item is enough, because whatever matches the item has it.
    perform case when h.alone then pg_advisory_xact_lock(6450804, h.hash) else pg_advisory_xact_lock_shared(6450804, h.hash) end
    from (
      select u.hash, bool_or(u.alone) as alone from (
        select hashtext(t) as hash, false as alone from unnest(event_tags) as t
        union all
        select hashtext(i -> 'tags' ->> 0), true from json_array_elements(condition) as i
        where json_array_length(i -> 'tags') > 0
      ) as u group by u.hash order by u.hash
    ) as h;
  else
    select coalesce(array_agg(m.number), '{}') into busy
    from unnest(streams) with ordinality as m (stream, number)
    where not pg_try_advisory_xact_lock(6450789, hashtext(m.stream));
    if cardinality(event_tags) > 0 then
      busy := busy || array(
        select members[t.event] from unnest(tag_events, event_tags) as t (event, tag)
        where not pg_try_advisory_xact_lock_shared(6450804, hashtext(t.tag))
      );
    end if;
  end if;
  if condition is not null then
    select min(f.position) into found_at from json_array_elements(condition) as i, lateral (
      select t.position from banyan.event_tag as t
      where json_array_length(i -> 'tags') > 0 and t.tag = i -> 'tags' ->> 0
        and t.xid >= pg_snapshot_xmin(seen) and not pg_visible_in_snapshot(t.xid, seen)
        and (t.xid <> pg_current_xact_id() or t.position > after)
        and t.position > coalesce((select max(since) from banyan.event_era), 0)
        and (
          select e.tags @> array(select json_array_elements_text(i -> 'tags'))
            and (coalesce(json_array_length(i -> 'types'), 0) = 0 or e.type in (select json_array_elements_text(i -> 'types')))
          from banyan.event as e where e.position = t.position
        )
      union all
      select e.position from banyan.event as e
      where coalesce(json_array_length(i -> 'tags'), 0) = 0
        and e.xid >= pg_snapshot_xmin(seen) and not pg_visible_in_snapshot(e.xid, seen)
        and (e.xid <> pg_current_xact_id() or e.position > after)
        and e.position > coalesce((select max(since) from banyan.event_era), 0)
        and (coalesce(json_array_length(i -> 'types'), 0) = 0 or e.type in (select json_array_elements_text(i -> 'types')))
    ) as f;
    if found_at is not null then
      return query select m.number::int, 3, null::bigint, found_at from unnest(streams) with ordinality as m (stream, number);
      return;
    end if;
  end if;
  return query
  with given as materialized (
    select m.stream, m.expected, m.count, m.number::int as number, coalesce((
      select e.revision from banyan.event as e where e.stream = m.stream order by e.revision desc limit 1
    ), -1) as head
    from unnest(streams, expected, counts) with ordinality as m (stream, expected, count, number)
    where not m.number = any(busy)
  ), judged as (
    select g.*, case g.expected when -2 then true when -3 then g.head >= 0 else g.head = g.expected end as ok from given as g
  ), placed as materialized (
    select j.*, (j.head + coalesce(sum(case when j.ok then j.count else 0 end) over (
      partition by j.stream order by j.number rows between unbounded preceding and 1 preceding
    ), 0))::bigint as base from judged as j
  ), numbered as materialized (
    select nextval('banyan.event_position') as position, s.* from (
      select e.number::int as number, p.number as member, p.stream, p.base + e.place as revision, e.type, e.version, e.content, e.meta
      from unnest(members, offsets, types, versions, contents, metas)
        with ordinality as e (member, place, type, version, content, meta, number)
      join placed as p on p.number = e.member and p.ok order by e.number
    ) as s
  ), appended as (
    insert into banyan.event (position, revision, version, stream, type, data, metadata, tags)
    select n.position, n.revision, n.version, n.stream, n.type, n.content::json, nullif(n.meta, '')::json,
      case when cardinality(event_tags) > 0 then nullif(array(
        select t.tag from unnest(tag_events, event_tags) as t (event, tag) where t.event = n.number
      ), '{}') end
    from numbered as n order by n.number
  ), tagged as (
    insert into banyan.event_tag (tag, position)
    select distinct t.tag, n.position from unnest(tag_events, event_tags) as t (event, tag) join numbered as n on n.number = t.event
  )
  select p.number, case when p.ok then 0 else 1 end, case when p.ok then p.base + p.count else p.base end, l.position
  from placed as p left join (select n.member, max(n.position) as position from numbered as n group by n.member) as l on l.member = p.number
  union all
  select distinct b, 2, null::bigint, null::bigint from unnest(busy) as b;
end $$;

-- One page of the log behind a cursor (after, seen, xid_limit, cursor_era, late_…), see cursor.ts of @banyan/event-store: a row that tells of the page as a
-- whole, then the events by position. One statement, and so one snapshot, answers everything. `page_size` counts what the filter drops as well.
--
-- `+ 0` keeps the index by position out of the search for late events, which are few: it would read the log from its start.
create function banyan.read_events(
  page_size int, after bigint, seen pg_snapshot, xid_limit xid8, cursor_era int, late_seen pg_snapshot, late_after bigint,
  wanted_types text[], categories text[], part int, parts int
) returns table (
  "position" bigint, revision bigint, recorded_at timestamptz, version int, stream text, type text, data text, metadata text, tags text[]
)
language plpgsql set jit = off set plan_cache_mode = force_generic_plan set enable_seqscan = off as $$
#variable_conflict use_column
declare
  running xid8[] := array(select pg_snapshot_xip(seen));
  era int;
  old bigint;
begin
  select coalesce(max(e.era), 0), coalesce(max(e.since), 0) into era, old from banyan.event_era as e;
  -- Ids of transactions from before a restore into another cluster look like later ones, unless the cursor is as old.
  if cursor_era < era then
    old := 0;
  end if;
  return query
  with late as materialized (
    select l.* from (
      select e.* from banyan.event as e where e.xid = any(running)
      union all
      select e.* from banyan.event as e where e.xid >= pg_snapshot_xmax(seen) and e.xid < xid_limit
    ) as l
    where l.position + 0 <= after and l.position + 0 > old
      and (late_seen is null or l.position + 0 > late_after and pg_visible_in_snapshot(l.xid, late_seen))
    order by l.position limit page_size
  ), scope as materialized (
    select count(*) as late, max(l.position) as last from late as l
  ), passed as materialized (
    select count(*) + (select s.late from scope as s) as count, coalesce(max(f.position), (select s.last from scope as s)) as last from (
      select e.position from banyan.event as e where e.position > after and late_seen is null order by e.position
      limit page_size - (select s.late from scope as s)
    ) as f
  )
  select p.last, p.count, null::timestamptz, era, pg_current_snapshot()::text, case when p.count > 0 then pg_current_xact_id()::text end,
    null, null, null::text[]
  from passed as p
  union all
  select e.position, e.revision, e.recorded_at, e.version, e.stream, e.type, e.data::text, e.metadata::text, e.tags
  from late as e
  where (wanted_types is null or e.type = any(wanted_types))
    and (categories is null or split_part(e.stream, '-', 1) = any(categories))
    and (parts = 1 or (hashtext(e.stream) & 2147483647) % parts = part)
  union all
  (select e.position, e.revision, e.recorded_at, e.version, e.stream, e.type, e.data::text, e.metadata::text, e.tags
   from banyan.event as e
   where e.position > after and e.position <= (select p.last from passed as p) and late_seen is null
     and (wanted_types is null or e.type = any(wanted_types))
     and (categories is null or split_part(e.stream, '-', 1) = any(categories))
     and (parts = 1 or (hashtext(e.stream) & 2147483647) % parts = part)
   order by e.position);
end $$;

-- Two statements, because the first may wait for a transaction that writes a snapshot, which the second must see.
create function banyan.forget_subject(who text) returns void language plpgsql as $$
begin
  insert into banyan.event_key as k (subject, kek, wrapped, forgotten_at) values (who, '', null, clock_timestamp())
  on conflict (subject) do update set wrapped = null, forgotten_at = coalesce(k.forgotten_at, excluded.forgotten_at);
  delete from banyan.event_snapshot where subjects @> array[who] and subjects <> '{}';
  perform pg_notify('banyan_event', 'forget');
end $$;

-- Documents of search indexes, of all versions that are kept. A removed one stays without content, so that its revision is known.
create table banyan.search_document (
  name text collate "C" not null,
  version int not null,
  id text collate "C" not null,
  revision bigint not null,
  content json,
  words tsvector not null,
  primary key (name, version, id)
);
create index search_document_by_words on banyan.search_document using gin (words) where content is not null;

create table banyan.search_live (
  name text primary key,
  version int not null
);
