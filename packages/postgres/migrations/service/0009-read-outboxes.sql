-- The outboxes of a system can be its log: consumers read them where they are. See docs/decisions/0014.

-- Of `partitionOf(key, 12)`. Null in rows that are older than this column: readers work it out.
alter table banyan.outbox add column partition smallint;

create table banyan.outbox_state (
  only_row boolean primary key default true check (only_row),
  -- Differs in a database that was made anew, so that nobody reads on at a place of the old one.
  id uuid not null default gen_random_uuid(),
  -- Everything up to here is forgotten.
  pruned_to bigint not null default 0
);

insert into banyan.outbox_state default values;
