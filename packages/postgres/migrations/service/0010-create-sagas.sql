-- Processes that run saga after saga. The token is a fence: what a worker writes has to match it. A row stays for a while after its worker died, so
-- that nothing which was written late is missed.
create table banyan.saga_worker (
  token bigint generated always as identity primary key,
  instance text not null,
  lease_until timestamptz not null,
  dead_at timestamptz
);

-- One row is all that is known of a saga. `owner` has it in hand; without one it is due at `ready_at`, or waits for a letter.
create table banyan.saga (
  id uuid primary key,
  name text not null,
  version integer not null,
  idempotency_key text,
  -- json, not jsonb: the text stays as it was written, and \u0000 in it is no error.
  input json not null,
  state json not null,
  status text not null,
  owner bigint,
  ready_at timestamptz,
  waiting_for text,
  deadline_at timestamptz,
  caller json,
  traceparent text,
  parent_id uuid,
  parent_step text,
  -- A json array of letters; text, so that it can be appended to.
  mail text,
  mail_count integer not null default 0,
  started_at timestamptz not null default clock_timestamp(),
  changed_at timestamptz not null default clock_timestamp(),
  ended_at timestamptz
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05);

-- Only these columns are indexed, and none of them changes while a worker has the saga in hand: its updates stay on the page (HOT).
create index saga_ready on banyan.saga (name, version, ready_at) where owner is null and ready_at is not null;
create index saga_owner on banyan.saga (owner) where owner is not null;
create index saga_stuck on banyan.saga (id) where status = 'stuck';
create index saga_ended on banyan.saga (ended_at) where ended_at is not null;
create index saga_name on banyan.saga (name, started_at);

-- What operators did.
create table banyan.saga_audit (
  seq bigint generated always as identity primary key,
  at timestamptz not null default clock_timestamp(),
  actor text not null,
  action text not null,
  saga_id uuid not null,
  detail json
);

-- Replies to operations that sagas called here, by the key of the call: committed with the effect of the operation. `void`: the caller gave up before, so
-- it may not run any more.
create table banyan.reply (
  key text primary key,
  is_void boolean not null default false,
  reply json,
  stored_at timestamptz not null default clock_timestamp()
);

create index reply_stored_at on banyan.reply using brin (stored_at);
