create table file (
  file_id text primary key,
  text text not null,
  -- How long readers may keep what they have read.
  valid_for_ms bigint not null,
  reads bigint not null default 0
);

-- What became of each search of a room; stopped: nobody waited for it any more.
create table room_search (
  search_id bigint generated always as identity primary key,
  room text not null,
  state text not null default 'begun'
);
