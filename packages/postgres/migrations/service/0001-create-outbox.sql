-- Events that this service owes the world. `seq` follows the commit order within a key: see docs/decisions/0004.
create table banyan.outbox (
  seq bigint generated always as identity primary key,
  -- json, not jsonb: the text stays as it was written, and \u0000 in it is no error.
  event json not null,
  appended_at timestamptz not null default clock_timestamp(),
  published_at timestamptz
);

create index outbox_unpublished on banyan.outbox (seq) where published_at is null;
create index outbox_published on banyan.outbox (published_at) where published_at is not null;

alter table banyan.outbox set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
