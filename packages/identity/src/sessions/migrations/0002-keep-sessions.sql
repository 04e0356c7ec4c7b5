create table sessions (
  session_id uuid primary key default uuidv7(),
  account_id uuid not null,
  kind text not null check (kind in ('cookie', 'token')),
  -- Of the reference in the cookie; null for a session whose client has tokens.
  reference_hash text unique,
  began_at timestamptz not null default now(),
  last_used_at timestamptz not null default now(),
  -- Whatever comes first: nothing is heard of it for so long, or it has lasted for so long.
  idle_at timestamptz not null,
  ends_at timestamptz not null
);
create index on sessions (account_id);
create index on sessions (least(idle_at, ends_at));

create table refresh_tokens (
  token_hash text primary key,
  session_id uuid not null references sessions on delete cascade,
  -- A used token stays, so that whoever comes with it again is noticed.
  used boolean not null default false
);
create index on refresh_tokens (session_id);

-- Verifiers hear of a key before anything is signed with it.
alter table signing_keys add column signs_from timestamptz not null default now();
