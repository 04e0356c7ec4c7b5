-- Every version of every run-time document (docs/decisions/0024). Rows are added and never changed: the newest one is in force.
create table banyan.documents (
  name text not null,
  version integer not null check (version > 0),
  value json not null,
  changed_by text not null,
  why text not null,
  changed_at timestamptz not null default clock_timestamp(),
  primary key (name, version)
);
