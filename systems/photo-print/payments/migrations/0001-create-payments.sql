create table cards (
  card_token uuid primary key default uuidv7(),
  customer_id uuid not null,
  provider_token text not null,
  label text not null,
  registered_at timestamptz not null default now()
);
create index cards_of_customer on cards (customer_id);

create table payments (
  order_id uuid primary key,
  payment_id uuid not null default uuidv7(),
  -- requested → captured → refunded, requested → declined, requested → cancelled
  status text not null check (status in ('requested', 'captured', 'declined', 'cancelled', 'refunded')),
  charge_id uuid,
  decline_reason text,
  changed_at timestamptz not null default now()
);
