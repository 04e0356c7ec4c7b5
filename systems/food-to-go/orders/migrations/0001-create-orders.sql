-- How each order stands. It follows from the events of the order, which are the truth, and is written with them in one transaction.
create table orders (
  order_id uuid primary key,
  revision integer not null,
  state text not null,
  consumer_id text not null,
  restaurant jsonb not null,
  line_items jsonb not null,
  minimum_order jsonb not null,
  delivery_address jsonb not null,
  rejection text,
  created_at timestamptz not null,
  changed_at timestamptz not null
);

-- What consumers called their requests, so that sending one twice orders once.
create table order_requests (
  consumer_id text not null,
  idempotency_key text not null,
  order_id uuid not null default uuidv7(),
  primary key (consumer_id, idempotency_key)
);

-- The sagas that an order has been through, for people who ask what became of it.
create table order_processes (
  saga_id uuid primary key,
  order_id uuid not null,
  started_at timestamptz not null default clock_timestamp()
);
create index on order_processes (order_id);

-- Copies of restaurants, kept up to date by their events.
create table restaurants (
  restaurant_id uuid primary key,
  revision integer not null,
  name text not null,
  menu jsonb not null,
  minimum_order jsonb not null
);
