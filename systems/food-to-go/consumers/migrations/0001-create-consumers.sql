create table consumers (
  consumer_id uuid primary key default uuidv7(),
  name text not null,
  registered_at timestamptz not null default clock_timestamp(),
  -- What the consumer's side called this request, so that sending it twice registers once.
  idempotency_key text unique
);
