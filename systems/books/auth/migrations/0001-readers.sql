create table reader (
  name text primary key,
  role text not null default 'reader',
  password_hash text not null
);

-- One row: the private key that tokens are signed with. No other service can read this table.
create table signing_key (
  single boolean primary key default true check (single),
  private_jwk jsonb not null
);
