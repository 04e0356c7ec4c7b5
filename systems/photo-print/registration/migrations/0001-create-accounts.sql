create table accounts (
  account_id uuid primary key,
  login_id text not null,
  name text not null,
  email text not null,
  phone text not null,
  address jsonb not null,
  -- The request that made the account, so that repeating it gets the same answer instead of "taken".
  idempotency_key text,
  created_at timestamptz not null default now()
);
