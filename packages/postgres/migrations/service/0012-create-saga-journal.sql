-- What came back to durable functions, in the order in which it came back: one row for each answer, written once. The row of the instance is in banyan.saga.
create table banyan.saga_journal (
  saga_id uuid not null,
  seq integer not null,
  entry json not null,
  primary key (saga_id, seq)
) with (autovacuum_analyze_scale_factor = 0.05);
