-- What was told of choreographed orders before there is a ticket. It comes in any order: a ticket is made by whoever brings the last piece.
create table awaited_orders (
  order_id uuid primary key,
  wanted jsonb,
  is_verified boolean not null default false,
  -- The ticket was made or refused, or is not wanted any more.
  is_settled boolean not null default false
);
