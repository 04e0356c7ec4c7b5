-- Who is still to be told of the begin and the end of an alert. `due_at` is null when they were told, or given up.
create table telemetry.alert_notices (
  notice_id bigint primary key generated always as identity,
  alert_id uuid not null references telemetry.alerts on delete cascade,
  channel text not null,
  is_end boolean not null,
  created_at timestamptz not null,
  attempts int not null default 0,
  due_at timestamptz,
  told_at timestamptz,
  unique (alert_id, channel, is_end)
);
create index on telemetry.alert_notices (due_at) where due_at is not null;
