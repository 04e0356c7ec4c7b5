create table attempts (
  idempotency_key text primary key,
  count integer not null
);

create table charges (
  charge_id uuid primary key default uuidv7(),
  idempotency_key text not null unique,
  reference text not null,
  amount integer not null,
  currency text not null,
  decline_reason text,
  refunded_at timestamptz
);
create index charges_by_reference on charges (reference);

create table closed_references (
  reference text primary key
);
