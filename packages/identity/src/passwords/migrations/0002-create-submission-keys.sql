-- Key pairs that passwords are sealed with on their way through events. They live for an hour; then what was sealed cannot be opened any more.
create table submission_keys (
  key_id uuid primary key default uuidv7(),
  public_key text not null,
  sealed_private_key text not null,
  made_at timestamptz not null default now()
);
