-- Ids of transactions mean something in one cluster only, and the number of an event in one life of the table. Neither is the old one's in what a dump
-- was restored into. So an outbox knows where it lives: `home` names cluster and table, and what lies up to `since` was brought along.
alter table banyan.outbox_state add column home text not null default '', add column since bigint not null default 0;
update banyan.outbox_state set home = (select system_identifier from pg_control_system()) || '.' || 'banyan.outbox'::regclass::oid;

-- Of the home that `seen` and `seen_limit` are of; empty if that was never noted.
alter table banyan.outbox_relay add column home text not null default '', add column since bigint not null default 0;
