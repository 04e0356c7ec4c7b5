create sequence tracking_serials maxvalue 99999999;

create table parcels (
  order_id uuid primary key,
  customer_id uuid not null,
  tracking_number text not null unique,
  label bytea not null,
  despatched_at timestamptz not null default now()
);
