create table shipments (
  order_id uuid primary key,
  number integer not null,
  revision integer not null,
  status text not null,
  updated timestamptz not null,
  recipient jsonb not null,
  delivery_address jsonb not null,
  packages jsonb not null,
  -- Of the first record: when the order was accepted there, and when it was known here.
  accepted_at timestamptz not null,
  recorded_at timestamptz not null default clock_timestamp()
);
