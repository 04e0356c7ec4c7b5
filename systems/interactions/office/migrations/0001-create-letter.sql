create table letter (
  letter_id bigint generated always as identity primary key,
  stamped_at timestamptz not null default clock_timestamp()
);
