create table orders (
  order_id uuid primary key default uuidv7(),
  amount integer,
  -- Services whose word is still missing.
  waiting_for text[] not null
);

-- Copies of what other services own, kept by their events.
create table consumers (consumer_id text primary key);
create table menu (item text primary key, price integer not null);
