-- What delivery needs to know of restaurants and of orders: copies, fed by their events. News of one order comes from two services, in any order, so neither
-- table refers to the other.
create table restaurants (
  restaurant_id uuid primary key,
  revision integer not null,
  address jsonb not null,
  -- When the restaurant was as it is here, by its own account.
  changed_at timestamptz not null
);

create table destinations (
  order_id uuid primary key,
  consumer_id text not null,
  address jsonb not null
);

create table couriers (
  courier_id text primary key,
  available boolean not null
);

create table deliveries (
  order_id uuid primary key,
  restaurant_id uuid not null,
  revision integer not null default 1,
  state text not null default 'PENDING',
  ready_by timestamptz not null,
  is_ready boolean not null default false,
  courier_id text references couriers,
  pick_up_at timestamptz,
  drop_off_at timestamptz,
  changed_at timestamptz not null default clock_timestamp(),
  check (state in ('PENDING', 'CANCELLED') or (courier_id is not null and pick_up_at is not null and drop_off_at is not null))
);

create index deliveries_pending on deliveries (ready_by) where state = 'PENDING';
create index deliveries_of_courier on deliveries (courier_id) where state in ('SCHEDULED', 'PICKED_UP');
