-- Events that this service owes the world: rows are added, and dropped when they are old. Within a key `seq` follows the order of commits; `xid`
-- tells what was committed since a place was passed. See docs/decisions/0008.
create table banyan.outbox (
  seq bigint generated always as identity primary key,
  xid xid8 not null default pg_current_xact_id(),
  appended_at timestamptz not null default clock_timestamp(),
  id uuid not null,
  topic text not null,
  key text not null,
  event_time text not null,
  -- text, not json: it is passed on as it is.
  event text not null
);

create index outbox_xid on banyan.outbox (xid);

alter table banyan.outbox set (
  autovacuum_vacuum_insert_threshold = 1000000, autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05
);

-- Messages whose time has not come. The relay moves them into the outbox when it has.
create table banyan.outbox_delayed (
  seq bigint generated always as identity primary key,
  due_at timestamptz not null,
  id uuid not null,
  topic text not null,
  key text not null,
  event_time text not null,
  event text not null
);

create index outbox_delayed_due on banyan.outbox_delayed (due_at, seq);

-- Events that the log refuses for good.
create table banyan.outbox_dead (
  seq bigint primary key,
  dead_at timestamptz not null default clock_timestamp(),
  reason text not null,
  id uuid not null,
  topic text not null,
  key text not null,
  event_time text not null,
  event text not null
);

-- Who relays, and how far: every row up to `after_seq` that `seen` shows is published.
create table banyan.outbox_relay (
  only_row boolean primary key default true check (only_row),
  owner text,
  token bigint not null default 0,
  lease_until timestamptz,
  after_seq bigint not null default 0,
  seen pg_snapshot not null default pg_current_snapshot(),
  -- Rows up to `after_seq` were written by transactions below this id.
  seen_limit xid8 not null default pg_current_xact_id(),
  confirmed_at timestamptz not null default clock_timestamp()
) with (fillfactor = 10);

insert into banyan.outbox_relay default values;

-- Where the relay was at what time, so that rows are kept for a while after they were published.
create table banyan.outbox_mark (
  confirmed_at timestamptz primary key,
  after_seq bigint not null
);
