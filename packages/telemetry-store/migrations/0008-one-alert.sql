-- Two consoles on one store could begin an alert twice, and one could begin for a rule or an objective that was being removed. Of each the first goes on; who was told of the others hears of their end.
with alert as (
  update telemetry.alerts as a set ended_at = now()
  where ended_at is null and (
    exists (
      select from telemetry.alerts as first
      where first.ended_at is null and first.level = a.level and first.objective_id is not distinct from a.objective_id
        and first.error_rule_id is not distinct from a.error_rule_id
        and (first.started_at, first.alert_id) < (a.started_at, a.alert_id))
    or (error_rule_id is not null
      and not exists (select from telemetry.error_rules as r where r.rule_id = a.error_rule_id))
    or (objective_id is not null
      and not exists (select from telemetry.objectives as o where o.objective_id = a.objective_id)))
  returning alert_id, ended_at
)
insert into telemetry.alert_notices (alert_id, channel, is_end, created_at, due_at)
select alert_id, channel, true, ended_at, ended_at
from alert join telemetry.alert_notices as begun using (alert_id) where not begun.is_end
on conflict do nothing;

-- A second one waits for the first, and then begins nothing.
drop index telemetry.alerts_objective_id_level_idx, telemetry.alerts_error_rule_id_level_idx;
create unique index alerts_one_of_objective on telemetry.alerts (objective_id, level) where ended_at is null;
create unique index alerts_one_of_error_rule on telemetry.alerts (error_rule_id, level) where ended_at is null;
