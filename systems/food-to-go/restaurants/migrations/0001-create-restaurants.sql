create table restaurants (
  restaurant_id uuid primary key default uuidv7(),
  revision integer not null default 1,
  name text not null,
  address jsonb not null,
  menu jsonb not null,
  minimum_order jsonb not null,
  changed_at timestamptz not null default clock_timestamp(),
  -- What the sender called this request, so that sending it twice creates once.
  idempotency_key text unique
);
