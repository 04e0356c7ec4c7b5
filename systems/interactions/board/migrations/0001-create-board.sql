create table notice (
  name text primary key,
  text text not null,
  expires_at timestamptz not null
);
create index notice_expiry on notice (expires_at);

create table subscription (
  subscription_id uuid primary key default uuidv7(),
  topic text not null,
  ttl_ms integer not null,
  expires_at timestamptz not null
);
create index subscription_topic on subscription (topic);
create index subscription_expiry on subscription (expires_at);

-- What a subscriber has not collected yet; it goes with the subscription.
create table delivery (
  delivery_id bigint generated always as identity primary key,
  subscription_id uuid not null references subscription on delete cascade,
  text text not null
);
create index delivery_subscription on delivery (subscription_id, delivery_id);
