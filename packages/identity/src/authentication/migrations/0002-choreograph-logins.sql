-- Public keys of `passwords`, as its events told of them: passwords travel sealed.
create table submission_keys (
  key_id uuid primary key,
  public_key text not null,
  made_at timestamptz not null
);

-- Events name the attempt only: the handle of a workflow is its owner's.
create unique index on logins (attempt_id);
