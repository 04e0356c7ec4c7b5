-- Flows that the service watches (@banyan/flow): what was seen of each, and what follows from it. `seen` is all that is known, the times of its events by
-- topic; the other columns are to find it by.
create table banyan.flow (
  flow text collate "C" not null,
  key text collate "C" not null,
  -- Rises with each write: whoever read an older one writes nothing, and reads again.
  version int not null default 1,
  seen json not null,
  -- Of the definition that wrote it.
  fingerprint text not null,
  status text not null,
  started_at timestamptz not null,
  last_at timestamptz not null,
  due_at timestamptz,
  ended_at timestamptz,
  late_at timestamptz,
  dismissed_at timestamptz,
  dismissed_by text,
  primary key (flow, key)
) with (autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05);

create index flow_started on banyan.flow (flow, started_at, key);
create index flow_status on banyan.flow (flow, status, started_at, key);
create index flow_due on banyan.flow (flow, due_at) where ended_at is null and dismissed_at is null and late_at is null;
create index flow_late on banyan.flow (flow, started_at, key) where late_at is not null;
create index flow_open on banyan.flow (flow, started_at, status) where ended_at is null and dismissed_at is null;
create index flow_gone on banyan.flow (flow, (coalesce(ended_at, dismissed_at))) where ended_at is not null or dismissed_at is not null;

-- Flows of which the alarm is raised, so that it is raised once for all instances and restarts.
create table banyan.flow_alarm (
  flow text primary key,
  raised_at timestamptz not null default clock_timestamp()
);
