create table totp (
  account_id uuid primary key,
  -- Sealed. The one that counts; null until a code of the first one has come.
  seed text,
  -- A new one, whose first code has not come yet.
  new_seed text,
  -- The newest time step whose code was accepted: none up to it is accepted again.
  last_step bigint not null default 0
);

create table phones (
  account_id uuid primary key,
  -- Sealed, as above.
  number text,
  new_number text
);

create table phone_codes (
  account_id uuid primary key,
  -- For the new number or for the one that counts.
  purpose text not null check (purpose in ('confirm', 'check')),
  code_mac text,
  expires_at timestamptz not null,
  -- How many were sent in the hour that began then.
  sent integer not null,
  hour_began_at timestamptz not null
);

create table recovery_codes (
  account_id uuid not null,
  code_hash text not null,
  primary key (account_id, code_hash)
);

create table wrong_codes (
  account_id uuid primary key,
  in_a_row integer not null,
  blocked_until timestamptz
);

create table known_keys (
  key_id text primary key,
  first_used_at timestamptz not null default now()
);
