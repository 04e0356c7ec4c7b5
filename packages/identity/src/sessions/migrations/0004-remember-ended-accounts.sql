-- What a session comes of: when login id and password were given, and which of the account's passwords it was, if it was one.
alter table sessions
  add column signed_in_at timestamptz not null default now(),
  add column password_revision integer;

-- Sign-ins that no longer count. One that is under way may open its session after the end, so the end is remembered for longer than a
-- sign-in can take.
create table ended_accounts (
  account_id uuid primary key,
  -- Everybody was signed out; what was signed in later counts.
  ended_at timestamptz not null default '-infinity',
  -- The password was changed; it has this revision since.
  password_revision integer not null default 0,
  remembered_until timestamptz not null
);

create view ended_sessions as
select session_id from sessions join ended_accounts ended using (account_id)
where signed_in_at <= ended.ended_at or sessions.password_revision < ended.password_revision;

create view live_sessions as
select * from sessions
where now() < least(idle_at, ends_at)
  and not exists (select from ended_sessions ended where ended.session_id = sessions.session_id);
