-- Remembers events, and returns the ids that were new, or null if all were. Nearly always all are: a plain insert costs half of one that has to ask
-- about each row whether it conflicts. If one is known, or twice among them, the block is undone and the rows are asked about.
create function banyan.remember_events(ids uuid[], topics text[]) returns text[] language plpgsql as $body$
declare
  added_ids text[];
begin
  insert into banyan.inbox_seen (event_id, topic)
  select e.id, e.topic from unnest(ids, topics) as e (id, topic);
  return null;
exception when unique_violation then
  with added as (
    insert into banyan.inbox_seen (event_id, topic)
    select e.id, e.topic from unnest(ids, topics) as e (id, topic)
    on conflict (event_id) do nothing
    returning event_id
  )
  select coalesce(array_agg(event_id::text), '{}') into added_ids from added;
  return added_ids;
end $body$;
