-- How often a group of errors has come: once when it is new, and again each time that it was resolved and is seen once more.
alter table telemetry.error_groups add column appearances int not null default 1;

-- Somebody is to be told of that, too: a notice is about an alert, or about an appearance of a group.
alter table telemetry.alert_notices alter column alert_id drop not null,
  add column group_id text references telemetry.error_groups on delete cascade,
  add column appearance int,
  add constraint alert_notices_about check (num_nonnulls(alert_id, group_id) = 1),
  add constraint alert_notices_once unique (group_id, appearance, channel);
create index on telemetry.alert_notices (channel, created_at) where group_id is not null;
