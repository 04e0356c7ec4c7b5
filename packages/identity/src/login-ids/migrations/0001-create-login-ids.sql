create table login_ids (
  account_id uuid primary key default uuidv7(),
  login_id text not null,
  login_key text not null unique,
  -- Null: registered. Otherwise a registration is under way, and after this time the login id is free again.
  reserved_until timestamptz
);
