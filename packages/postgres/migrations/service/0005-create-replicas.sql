-- One row: the Lamport clock of this replica, and the number of its newest own change.
create table banyan.replica_clock (
  replica text primary key,
  version bigint not null,
  seq bigint not null
);

-- The data, with where each value came from. A removed one stays as a tombstone, or an older value could come back.
create table banyan.replica_value (
  replica text not null,
  key text not null,
  value json,
  version bigint not null,
  origin text not null,
  primary key (replica, key)
);

-- Own changes that some peer has not applied yet: the pending-transactions log.
create table banyan.replica_pending (
  replica text not null,
  seq bigint not null,
  key text not null,
  version bigint not null,
  waiting text[] not null,
  written_at timestamptz not null default clock_timestamp(),
  primary key (replica, seq)
);

-- How far the changes of each peer are applied here.
create table banyan.replica_applied (
  replica text not null,
  peer text not null,
  seq bigint not null,
  caught_up boolean not null default false,
  primary key (replica, peer)
);
