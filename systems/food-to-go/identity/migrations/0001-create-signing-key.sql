-- One key pair for the whole system: the constant column lets only one row in.
create table signing_key (
  only_one boolean primary key default true check (only_one),
  private_jwk jsonb not null
);
