create table users (
  account_id uuid primary key,
  name text not null,
  email text not null,
  email_verified boolean not null default false
);

create table email_verifications (
  account_id uuid primary key references users on delete cascade,
  token_hash text not null unique,
  email text not null,
  expires_at timestamptz not null
);
