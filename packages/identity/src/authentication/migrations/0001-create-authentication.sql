create table registrations (
  handle_hash text primary key,
  account_id uuid not null unique,
  login_id text not null,
  expires_at timestamptz not null,
  password_set boolean not null default false,
  needs_second_factor boolean not null default false,
  recovery_information_set boolean not null default false,
  -- The method whose code has to come, and whether it has.
  second_factor text check (second_factor in ('totp', 'phone')),
  second_factor_confirmed boolean not null default false
);
create index on registrations (expires_at);

create table logins (
  handle_hash text primary key,
  state text not null,
  attempt integer not null,
  auth_failed boolean not null,
  account_id uuid,
  visited text[] not null,
  -- Of the attempt that is being checked: what is said about another one comes too late.
  attempt_id uuid,
  checking_since timestamptz,
  -- Whose tries are given back when it succeeds.
  login_subject text,
  client_subject text,
  expires_at timestamptz not null
);
create index on logins (expires_at);

-- Failed tries in a row of one login id, one client address, one … as a code that only this service can make.
create table tries (
  subject text primary key,
  in_a_row integer not null,
  last_at timestamptz not null,
  blocked_until timestamptz
);
create index on tries (last_at);

create table known_keys (
  key_id text primary key,
  first_used_at timestamptz not null default now()
);
