create schema if not exists banyan;

-- Running instances. A row counts while its lease lasts, by the clock of this server alone.
create table banyan.instances (
  id text primary key,
  service text not null,
  url text not null,
  version text not null,
  started_at text not null,
  metadata jsonb,
  -- The registration that keeps the row: a later one of the same id takes it over.
  holder uuid not null,
  expires_at timestamptz not null
);
