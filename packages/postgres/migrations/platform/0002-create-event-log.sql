-- Every event of the system. `position` follows the commit order, because publishers take turns, and so does `published_at`: both can be searched
-- for by halving, without an index on the time. See docs/decisions/0008.
create table banyan.event_log (
  position bigint generated always as identity primary key,
  partition smallint not null,
  event_id uuid not null unique,
  topic text not null,
  published_at timestamptz not null default clock_timestamp(),
  -- text, not json: it was encoded by its emitter, and is passed on as it is.
  event text not null
);

-- Rows come and go at the two ends: vacuum by number, not by share.
alter table banyan.event_log set (
  autovacuum_vacuum_insert_threshold = 1000000, autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05
);

create table banyan.event_log_state (
  only_row boolean primary key default true check (only_row),
  -- Differs in a database that was made anew, so that nobody reads on at a place of the old one.
  id uuid not null default gen_random_uuid(),
  partitions smallint not null default 12,
  -- Everything up to here is forgotten.
  pruned_to bigint not null default 0
);

insert into banyan.event_log_state default values;
