-- What a record comes of: when login id and password were given, and which of the account's passwords it was.
alter table records
  add column signed_in_at timestamptz,
  add column password_revision integer;

drop view live_records;

-- Sign-ins that no longer count: those until then, and those with an older password.
alter table ended_accounts
  alter column ended_at set default '-infinity',
  add column password_revision integer not null default 0,
  add column remembered_until timestamptz not null default now() + interval '1 hour';

create view marked_records as
select records.*, ended.account_id is not null
  and (coalesce(records.signed_in_at, '-infinity') <= ended.ended_at
    or coalesce(records.password_revision, 0) < ended.password_revision) as is_ended
from records left join ended_accounts ended using (account_id);

create view live_records as
select kind, id_hash, uid_hash, account_id, sealed, expires_at, signed_in_at, password_revision,
  floor(extract(epoch from consumed_at))::float8 as consumed_s
from marked_records
where expires_at > now() and not is_ended;
