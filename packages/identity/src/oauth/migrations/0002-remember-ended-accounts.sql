-- Since when nothing counts that somebody had of an account before. A request that was under way may write such a record after its end.
create table ended_accounts (
  account_id uuid primary key,
  ended_at timestamptz not null
);

create view live_records as
select kind, id_hash, uid_hash, account_id, sealed, expires_at,
  floor(extract(epoch from consumed_at))::float8 as consumed_s,
  floor(extract(epoch from ended_at))::float8 as ended_s
from records left join ended_accounts using (account_id)
where expires_at > now();
