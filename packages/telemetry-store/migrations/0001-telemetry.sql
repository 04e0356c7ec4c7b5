create schema telemetry;

-- A stretch of time of arrival: its partitions are dropped together when it is too old, or all of them are too large.
create table telemetry.chunks (
  chunk int primary key generated always as identity,
  opened_at timestamptz not null default now(),
  closed_at timestamptz
);

create sequence telemetry.page_ids;

-- Some spans each, compressed. `terms` is a Bloom filter of what can be searched for.
create table telemetry.span_pages (
  chunk int not null,
  page bigint not null,
  from_us bigint not null,
  to_us bigint not null,
  max_duration_us bigint not null,
  errors int not null,
  terms bytea not null,
  body bytea not null
) partition by list (chunk);
alter table telemetry.span_pages alter column body set storage external, alter column terms set storage plain;
create index on telemetry.span_pages (to_us);
create index on telemetry.span_pages (page);

-- Which pages have spans of a trace, and what a list of traces shows of them.
create table telemetry.trace_parts (
  chunk int not null,
  trace_id uuid not null,
  page bigint not null,
  start_us bigint not null,
  end_us bigint not null,
  spans int not null,
  errors int not null,
  is_root boolean not null,
  service text not null,
  operation text not null,
  services jsonb not null
) partition by list (chunk);
create index on telemetry.trace_parts (trace_id);

create table telemetry.log_pages (
  chunk int not null,
  page bigint not null,
  from_us bigint not null,
  to_us bigint not null,
  max_level smallint not null,
  terms bytea not null,
  body bytea not null
) partition by list (chunk);
alter table telemetry.log_pages alter column body set storage external, alter column terms set storage plain;
create index on telemetry.log_pages (to_us);

-- Requests of ten seconds, by operation and by edge. Several rows of one key add up.
create table telemetry.traffic (
  chunk int not null,
  bucket int not null,
  kind text not null,
  source text not null,
  target text not null,
  version text not null,
  count int not null,
  errors int not null,
  marks jsonb not null
) partition by list (chunk);
create index on telemetry.traffic (bucket);

-- The same of five minutes, for long windows; it outlives the chunks.
create table telemetry.traffic_history (
  bucket int not null,
  kind text not null,
  source text not null,
  target text not null,
  version text not null,
  count int not null,
  errors int not null,
  marks jsonb not null
);
create index on telemetry.traffic_history (bucket);

create table telemetry.senders (
  service text primary key,
  version text,
  language text,
  last_seen_us bigint not null
);

create table telemetry.series (
  series_id int primary key generated always as identity,
  name text not null,
  kind text not null,
  unit text not null,
  description text not null,
  service text not null,
  labels jsonb not null,
  hash text not null unique
);
create index on telemetry.series (name);

create table telemetry.points (
  chunk int not null,
  series_id int not null,
  at_us bigint not null,
  start_us bigint not null,
  value float8 not null,
  histogram jsonb
) partition by list (chunk);
create index on telemetry.points (series_id, at_us);

create table telemetry.error_groups (
  group_id text primary key,
  service text not null,
  type text not null,
  message text not null,
  place text not null,
  stack text not null,
  count bigint not null,
  first_us bigint not null,
  last_us bigint not null,
  state text not null default 'open' check (state in ('open', 'resolved', 'ignored')),
  owner text,
  samples jsonb not null
);
create index on telemetry.error_groups (last_us);

create table telemetry.runs (
  run_id text primary key,
  started_at timestamptz not null,
  ended_at timestamptz,
  attributes jsonb not null
);

create table telemetry.objectives (
  objective_id text primary key,
  service text not null,
  operation text,
  version text,
  target float8 not null,
  within_ms float8,
  window_days int not null
);

create table telemetry.alerts (
  alert_id uuid primary key,
  objective_id text not null,
  level text not null,
  started_at timestamptz not null,
  ended_at timestamptz,
  summary text not null
);
create index on telemetry.alerts (objective_id, level) where ended_at is null;
