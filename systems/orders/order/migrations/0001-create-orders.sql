create table customers (
  customer_id uuid primary key default uuidv7(),
  name text not null,
  firstname text not null,
  email text not null,
  street text not null,
  zip text not null,
  city text not null
);

create table items (
  item_id uuid primary key default uuidv7(),
  name text not null,
  -- In minor units of the currency.
  amount bigint not null check (amount >= 0),
  currency text not null,
  weight_grams integer not null,
  width_mm integer not null,
  height_mm integer not null,
  depth_mm integer not null
);

create table orders (
  order_id uuid primary key default uuidv7(),
  number integer not null generated always as identity unique,
  revision integer not null default 1,
  status text not null default 'accepted',
  updated timestamptz not null default clock_timestamp(),
  -- Customer and items as they were when the order was accepted: prices that change later change no order.
  customer jsonb not null,
  shipping_address jsonb not null,
  billing_address jsonb not null,
  order_line jsonb not null,
  -- What the customer's side called this request, so that sending it twice orders once.
  idempotency_key text unique
);
