import type { Sql } from '@banyan/core';

/**
 * Ids of transactions mean something within one cluster. In a database that was dumped and restored into another one, those in the events and cursors are
 * the old one's, and the new one counts from its own beginning. So the first process that sees another cluster notes up to where the log is old.
 *
 * @param reading where to look: the open transaction, if there is one, because a second connection might never come free
 * @param writing commits by itself, or others would wait for the transaction
 */
export async function enterEra(reading: Sql, writing: Sql): Promise<void> {
  const [current] = await reading`
    select from banyan.event_era, pg_control_system() as c
    where era = (select max(era) from banyan.event_era) and system = c.system_identifier::text`;
  if (current !== undefined) return;
  await writing`
    insert into banyan.event_era (era, system, since)
    select max(e.era) + 1, c.system, coalesce((select max(position) from banyan.event), 0)
    from (select system_identifier::text as system from pg_control_system()) as c, banyan.event_era as e
    group by c.system
    having (array_agg(e.system order by e.era desc))[1] <> c.system
    on conflict (era) do nothing`;
}
