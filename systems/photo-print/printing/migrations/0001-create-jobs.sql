create table jobs (
  order_id uuid primary key,
  customer_id uuid not null,
  -- waiting → printing → printed, waiting → cancelled. A job can be cancelled before it arrives.
  state text not null check (state in ('waiting', 'printing', 'printed', 'cancelled')),
  changed_at timestamptz not null default now()
);
