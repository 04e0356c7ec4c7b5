-- Of what operators change while the system runs. The same as in the databases of services.
create table banyan.audit (
  seq bigint generated always as identity primary key,
  -- JSON text as it was hashed; what is searched is derived from it, so that both cannot differ.
  record text not null,
  id text not null generated always as (record::jsonb ->> 'id') stored,
  at text not null generated always as (record::jsonb ->> 'at') stored,
  action text not null generated always as (record::jsonb ->> 'action') stored,
  outcome text not null generated always as (record::jsonb ->> 'outcome') stored,
  user_id text generated always as (record::jsonb -> 'caller' ->> 'user') stored,
  subject text generated always as (record::jsonb ->> 'subject') stored
);

create unique index audit_id on banyan.audit (id);
create index audit_at on banyan.audit (at);
create index audit_user on banyan.audit (user_id, seq) where user_id is not null;
create index audit_subject on banyan.audit (subject, seq) where subject is not null;

-- Records that are in no seal yet. A list, and not a place in `seq`: records are committed in any order.
create table banyan.audit_unsealed (seq bigint primary key);

create table banyan.audit_seal (
  number bigint primary key,
  -- Text, because it was hashed as such.
  sealed_at text not null,
  seqs bigint[] not null,
  hash text not null
);

create function banyan.refuse_audit_change() returns trigger language plpgsql as $$
begin
  raise exception 'audit records can be neither changed nor deleted' using errcode = 'restrict_violation';
end $$;

create trigger audit_is_append_only before update or delete on banyan.audit
  for each row execute function banyan.refuse_audit_change();
create trigger audit_is_not_emptied before truncate on banyan.audit
  for each statement execute function banyan.refuse_audit_change();
create trigger audit_seal_is_append_only before update or delete on banyan.audit_seal
  for each row execute function banyan.refuse_audit_change();
create trigger audit_seal_is_not_emptied before truncate on banyan.audit_seal
  for each statement execute function banyan.refuse_audit_change();
