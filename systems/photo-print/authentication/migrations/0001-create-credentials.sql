create table credentials (
  account_id uuid primary key default uuidv7(),
  login_key text not null unique,
  password_hash text not null,
  created_at timestamptz not null default now()
);

-- One key pair for the whole system: the constant column lets only one row in.
create table signing_key (
  only_one boolean primary key default true check (only_one),
  private_jwk jsonb not null,
  created_at timestamptz not null default now()
);
