create table passwords (
  account_id uuid primary key,
  -- Null: removed, on purpose. A record that is gone altogether is damage.
  hash text,
  -- The secret that peppers the hash.
  pepper_key text not null,
  revision integer not null,
  -- Message authentication code of all the others: whoever writes to this table without the key is noticed.
  seal text not null
);

create table recoveries (
  account_id uuid primary key,
  token_hash text not null unique,
  expires_at timestamptz not null,
  used boolean not null default false
);

create table known_keys (
  key_id text primary key,
  first_used_at timestamptz not null default now()
);
