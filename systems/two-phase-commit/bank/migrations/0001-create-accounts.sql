create table account (
  name text primary key,
  cents bigint not null check (cents >= 0)
);
