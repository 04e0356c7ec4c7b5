create table photos (
  photo_id uuid primary key default uuidv7(),
  owner_id uuid not null,
  source text not null,
  -- The idempotency key of an upload, the post of an import. Nulls do not collide.
  source_item text,
  type text not null,
  width integer not null,
  height integer not null,
  bytes integer not null,
  checksum text not null,
  uploaded_at timestamptz not null default now(),
  unique (owner_id, source, source_item)
);
create index photos_of_owner on photos (owner_id, photo_id desc);
