-- Every event of the system. `position` follows the commit order, because publishers take turns: see docs/decisions/0004.
create table banyan.event_log (
  position bigint generated always as identity primary key,
  event_id uuid not null unique,
  topic text not null,
  event json not null,
  published_at timestamptz not null default clock_timestamp()
);
