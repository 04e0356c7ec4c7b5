-- How far this service has read each log. The revision is the fence against a second reader.
create table banyan.inbox_checkpoint (
  log text primary key,
  revision bigint not null,
  positions jsonb not null
);

create table banyan.inbox (
  seq bigint generated always as identity primary key,
  event_id uuid not null unique,
  key text not null,
  event json not null,
  received_at timestamptz not null default clock_timestamp(),
  finished_at timestamptz,
  discarded boolean not null default false
);

create index inbox_unfinished on banyan.inbox (key, seq) where finished_at is null;
create index inbox_finished on banyan.inbox (finished_at) where finished_at is not null;

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
  reason text
);

create index inbox_key_ready on banyan.inbox_key (ready_at) where pending > 0;
create index inbox_key_owner on banyan.inbox_key (owner) where owner is not null;
create index inbox_key_dead on banyan.inbox_key (dead_at) where dead_at is not null;

create sequence banyan.inbox_token;

alter table banyan.inbox set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
alter table banyan.inbox_key set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
