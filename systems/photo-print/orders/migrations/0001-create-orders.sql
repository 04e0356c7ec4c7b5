create table orders (
  order_id uuid primary key default uuidv7(),
  customer_id uuid not null,
  status text not null default 'placed',
  photo_id uuid not null,
  product text not null,
  size text not null,
  quantity integer not null,
  ship_to jsonb not null,
  -- All amounts in minor units of this currency.
  currency text not null,
  unit_price integer not null,
  postage integer not null,
  refunded integer,
  decline_reason text,
  tracking_number text,
  -- What the customer's side called this request, and what it asked for under that name.
  idempotency_key text,
  request_digest text not null,
  unique (customer_id, idempotency_key)
);
create index orders_of_customer on orders (customer_id, order_id desc);

-- When each status was reached. Steps are only ever added.
create table order_steps (
  order_id uuid not null references orders,
  status text not null,
  at timestamptz not null,
  primary key (order_id, status)
);
