create table invoices (
  order_id uuid primary key,
  number integer not null,
  revision integer not null,
  status text not null,
  updated timestamptz not null,
  customer jsonb not null,
  billing_address jsonb not null,
  -- With the prices of the order.
  lines jsonb not null,
  -- Of the first record: when the order was accepted there, and when it was known here.
  accepted_at timestamptz not null,
  recorded_at timestamptz not null default clock_timestamp()
);
