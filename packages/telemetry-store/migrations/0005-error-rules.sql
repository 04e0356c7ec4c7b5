-- Errors of ten seconds, by group: as long as the longest window of a rule looks back.
create table telemetry.error_counts (
  group_id text not null references telemetry.error_groups on delete cascade,
  bucket bigint not null,
  count int not null,
  primary key (group_id, bucket)
);
create index on telemetry.error_counts (bucket);

-- How many errors are too many, and in how much time.
create table telemetry.error_rules (
  rule_id text primary key,
  service text not null,
  group_id text,
  max_errors int not null,
  window_minutes int not null,
  level text not null
);

-- An alert is about an objective, or about such a rule.
alter table telemetry.alerts alter column objective_id drop not null,
  add column error_rule_id text,
  add constraint alerts_about check (num_nonnulls(objective_id, error_rule_id) = 1);
create index on telemetry.alerts (error_rule_id, level) where ended_at is null;
