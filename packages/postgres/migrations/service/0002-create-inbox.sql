-- Which instance reads which partition of which log, and how far it is. The token is the fence against an earlier owner.
create table banyan.inbox_partition (
  log text not null,
  partition smallint not null,
  token bigint not null,
  owner text,
  last_owner text,
  -- By topic, as StartAt.
  positions jsonb not null default '{}',
  owner_changes integer not null default 0,
  primary key (log, partition)
) with (fillfactor = 20);

create table banyan.inbox_member (
  log text not null,
  instance text not null,
  live_until timestamptz not null,
  primary key (log, instance)
);

-- The events that were handled or stored: an id that is here comes in no second time.
create table banyan.inbox_seen (
  event_id uuid primary key,
  topic text not null,
  seen_at timestamptz not null default clock_timestamp()
);

-- Rows are added in the order of time: the cheapest index there is finds the old ones.
create index inbox_seen_at on banyan.inbox_seen using brin (seen_at) with (pages_per_range = 32, autosummarize = on);

alter table banyan.inbox_seen set (
  autovacuum_vacuum_insert_threshold = 1000000, autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05
);

-- Events that are handled one by one; a finished one is deleted.
create table banyan.inbox (
  seq bigint generated always as identity primary key,
  event_id uuid not null unique,
  key text not null,
  topic text not null,
  received_at timestamptz not null default clock_timestamp(),
  event text not null
);

create index inbox_by_key on banyan.inbox (key, seq);

-- One row a key: how many events of it are unfinished, and how the oldest of them fares. Claiming touches this table alone, so that neither
-- a long queue behind one key nor many keys make it slow.
create table banyan.inbox_key (
  key text primary key,
  pending integer not null,
  -- When the oldest event may be claimed: the end of its lease, of its back-off, or never while it is dead.
  ready_at timestamptz not null,
  -- Of the newest claim; null when no claim is open.
  token bigint,
  owner text,
  attempts integer not null default 0,
  failures integer not null default 0,
  deferrals integer not null default 0,
  first_attempt_at timestamptz,
  dead_at timestamptz,
  -- Of the dead event.
  seq bigint,
  reason text,
  stack text
);

create index inbox_key_ready on banyan.inbox_key (ready_at) where pending > 0;
create index inbox_key_owner on banyan.inbox_key (owner) where owner is not null;
create index inbox_key_dead on banyan.inbox_key (dead_at) where dead_at is not null;

-- Of partitions and of claims.
create sequence banyan.inbox_token;

alter table banyan.inbox set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
alter table banyan.inbox_key set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);

-- What stood in a log and is no event. A row stays when an operator is done with it, so that it does not come back with its page.
create table banyan.inbox_malformed (
  id uuid primary key default gen_random_uuid(),
  log text not null,
  partition smallint not null,
  position text not null,
  topic text,
  text text not null,
  reason text not null,
  dead_at timestamptz not null default clock_timestamp(),
  done_at timestamptz,
  unique (log, partition, position)
);

-- What operators did.
create table banyan.inbox_audit (
  seq bigint generated always as identity primary key,
  at timestamptz not null default clock_timestamp(),
  by text not null,
  action text not null,
  subject text not null,
  before json
);
