-- A feed that this service publishes. Its row is the lock that entries are numbered under, so their order is the order of commits.
create table banyan.feed (
  name text primary key,
  -- Entries on an archive page. Fixed when the feed begins: an archive page never changes.
  page_size integer not null,
  last_sequence bigint not null default 0,
  -- Of the newest entry; of the feed itself while it has none. Never goes back.
  updated_at timestamptz not null,
  -- The newest second that an answer has named as its Last-Modified. Later entries get a later second.
  answered_second timestamptz not null
);

create table banyan.feed_entry (
  feed text not null references banyan.feed (name),
  -- From 1, without gaps.
  sequence bigint not null,
  entry_id text not null,
  updated_at timestamptz not null,
  title text not null,
  summary text not null,
  -- Of the resource that the entry tells of.
  href text,
  key text,
  content json,
  primary key (feed, sequence),
  unique (feed, entry_id)
);

-- A feed that this service reads.
create table banyan.feed_reader (
  name text primary key,
  url text not null,
  -- Validators of the newest page that was taken in whole, with all pages behind it.
  etag text,
  last_modified text,
  -- A walk into the archive: where it goes on, and the validators that are valid once it is at its end.
  walk_url text,
  walk_etag text,
  walk_last_modified text,
  walk bigint not null default 0,
  walk_position bigint not null default 0,
  -- One instance polls at a time. The token fences off whoever has lost the lease.
  lease_token uuid,
  leased_until timestamptz,
  polled_at timestamptz,
  changed_at timestamptz,
  failed_at timestamptz,
  last_error text
);

create table banyan.feed_reader_entry (
  reader text not null references banyan.feed_reader (name),
  entry_id text not null,
  -- Time of change, epoch milliseconds: a changed entry is handled anew.
  version bigint not null,
  -- Oldest first: later walks have later entries, and a walk goes back in time.
  walk bigint not null,
  position bigint not null,
  key text not null,
  -- Null once it is handled: what is left is the memory that it was.
  entry json,
  failures integer not null default 0,
  deferrals integer not null default 0,
  received_at timestamptz not null default clock_timestamp(),
  first_attempt_at timestamptz,
  ready_at timestamptz not null default clock_timestamp(),
  dead_at timestamptz,
  reason text,
  primary key (reader, entry_id, version)
);

create index feed_reader_entry_unfinished on banyan.feed_reader_entry (reader, walk, position) where entry is not null;
create index feed_reader_entry_key on banyan.feed_reader_entry (reader, key, walk, position) where entry is not null;
