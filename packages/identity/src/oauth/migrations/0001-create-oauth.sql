-- What the protocol remembers: sessions, grants, codes, refresh tokens, sign-ins under way.
create table records (
  kind text not null,
  -- Of the secret that a client or browser holds; the secret itself is stored nowhere.
  id_hash text not null,
  -- The payload, encrypted for this row.
  sealed text not null,
  grant_hash text,
  uid_hash text,
  account_id uuid,
  consumed_at timestamptz,
  expires_at timestamptz not null,
  primary key (kind, id_hash)
);
create index on records (grant_hash);
create index on records (uid_hash);
create index on records (account_id);
create index on records (expires_at);

create table signing_keys (
  key_id text primary key,
  -- The private key as a JWK, sealed.
  sealed_jwk text not null,
  public_jwk jsonb not null,
  made_at timestamptz not null default now(),
  -- Verifiers hear of a key before anything is signed with it.
  signs_from timestamptz not null default now()
);

create table known_keys (
  key_id text primary key,
  first_used_at timestamptz not null default now()
);
