-- What operators did to flows. It outlives the flows.
create table banyan.flow_audit (
  seq bigint generated always as identity primary key,
  at timestamptz not null default clock_timestamp(),
  actor text not null,
  action text not null,
  flow text not null,
  key text not null
);
