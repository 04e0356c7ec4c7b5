-- The newest batch of each process that writes: if the answer to its commit is lost, the batch is not written again.
create table telemetry.writers (
  writer_id uuid primary key,
  batch bigint not null,
  written_at timestamptz not null
);

-- Seconds do not fit into 32 bits after 2038.
alter table telemetry.traffic alter column bucket type bigint;
alter table telemetry.traffic_history alter column bucket type bigint;
