-- A row while some saga is stuck and the alarm is raised, so that it is taken back once for all instances and restarts.
create table banyan.saga_alarm (
  invariant text primary key,
  raised_at timestamptz not null default clock_timestamp()
);
