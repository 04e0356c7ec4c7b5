create table accounts (
  consumer_id text primary key,
  card jsonb,
  -- In minor units, whatever the currency.
  "limit" bigint not null
);

create table authorizations (
  order_id uuid primary key,
  consumer_id text not null,
  amount bigint not null,
  currency text not null,
  status text not null,
  revision integer not null default 1,
  changed_at timestamptz not null default clock_timestamp()
);
create index on authorizations (consumer_id) where status = 'authorized';

-- Every amount that was ever authorized for an order, 0 when it was given back: what auditors read.
create table authorization_changes (
  order_id uuid not null references authorizations,
  revision integer not null,
  amount bigint not null,
  at timestamptz not null,
  primary key (order_id, revision)
);
