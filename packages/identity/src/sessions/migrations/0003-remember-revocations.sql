-- Access tokens that no longer count although their time is not over, until it is.
create table revocations (
  kind text not null check (kind in ('token', 'session')),
  id text not null,
  revoked_at timestamptz not null default clock_timestamp(),
  until timestamptz not null,
  primary key (kind, id)
);
create index on revocations (revoked_at);
create index on revocations (until);
