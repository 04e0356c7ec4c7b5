-- What this service asked others by message, and for whom. An instance that waits gets no answer after `expires_at` or `closed_at`.
create table banyan.request (
  id uuid primary key,
  about text not null,
  waiter text,
  callback text,
  opened_at timestamptz not null default clock_timestamp(),
  expires_at timestamptz not null,
  closed_at timestamptz,
  late integer not null default 0
);

create index request_expires on banyan.request (expires_at);

-- What came back. A service answers a request once.
create table banyan.answer (
  request_id uuid not null references banyan.request on delete cascade,
  source text not null,
  seq bigint generated always as identity,
  -- json, not jsonb: the text stays as it was written, and \u0000 in it is no error.
  data json not null,
  received_at timestamptz not null default clock_timestamp(),
  primary key (request_id, source)
);
