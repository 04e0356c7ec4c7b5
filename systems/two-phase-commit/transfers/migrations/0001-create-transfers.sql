create table transfer (
  transfer_id text primary key,
  state text not null check (state in ('pending', 'done', 'refused'))
);
