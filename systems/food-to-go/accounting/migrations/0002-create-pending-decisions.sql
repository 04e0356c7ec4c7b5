-- What was told of choreographed orders, and whether this service has decided on them. It comes in any order; the last piece that is needed decides.
create table pending_decisions (
  order_id uuid primary key,
  wanted jsonb,
  has_ticket boolean not null default false,
  is_decided boolean not null default false
);
