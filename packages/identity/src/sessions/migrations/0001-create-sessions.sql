create table signing_keys (
  key_id text primary key,
  -- The private key as a JWK, sealed.
  sealed_jwk text not null,
  public_jwk jsonb not null,
  made_at timestamptz not null default now()
);

create table known_keys (
  key_id text primary key,
  first_used_at timestamptz not null default now()
);
