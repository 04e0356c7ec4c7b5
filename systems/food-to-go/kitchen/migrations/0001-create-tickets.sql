create table tickets (
  ticket_id uuid primary key default uuidv7(),
  -- An order has one ticket.
  order_id uuid not null unique,
  restaurant_id uuid not null,
  revision integer not null default 1,
  state text not null,
  -- Where it was before somebody locked it.
  former_state text,
  lines jsonb not null,
  -- What the lines will be if the revision goes through.
  revised_lines jsonb,
  ready_by timestamptz,
  created_at timestamptz not null default clock_timestamp(),
  changed_at timestamptz not null default clock_timestamp()
);
create index on tickets (restaurant_id, ticket_id);

-- Copies of restaurants, kept up to date by their events: what each can cook.
create table restaurants (
  restaurant_id uuid primary key,
  revision integer not null,
  dishes jsonb not null
);
