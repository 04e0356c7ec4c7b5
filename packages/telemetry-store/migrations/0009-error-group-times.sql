-- Tells a group that was pruned and came back from the one before. What there is by now keeps the keys that were told of it.
alter table telemetry.error_groups add column created_at timestamptz;
alter table telemetry.error_groups alter column created_at set default now();
