-- How far the write-ahead log was captured: moved in the transaction that emits what was found, so nothing is emitted twice.
create table banyan.capture (
  name text primary key,
  lsn pg_lsn not null
);
