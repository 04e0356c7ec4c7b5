import type { Sql, SqlFragment, SqlQuery } from '@banyan/core';

interface Versioned {
  readonly name: string;
  readonly version: number;
  readonly tables: Readonly<Record<string, (table: SqlFragment, sql: Sql) => readonly SqlQuery<object>[]>>;
}

export function subscriptionOf({ name, version }: Pick<Versioned, 'name' | 'version'>): string {
  return `${name}_v${version}`;
}

/** Makes the tables of this version if they are not there; the first version is live at once, so that readers find the view. */
export async function prepareTables(sql: Sql, projection: Versioned): Promise<void> {
  const { name, version, tables } = projection;
  await sql`select pg_advisory_xact_lock(6450800, hashtext(${name}))`;
  for (const [table, make] of Object.entries(tables)) {
    const versioned = `${table}_v${version}`;
    const [found] = await sql<{ exists: boolean }>`select to_regclass(${versioned}) is not null as exists`;
    if (found?.exists) continue;
    for (const statement of make(sql.identifier(versioned), sql)) await statement;
  }
  const first = await sql`
    insert into banyan.event_projection (name, version) values (${name}, ${version}) on conflict do nothing returning 1`;
  if (first.length === 1) await showVersion(sql, projection);
}

/**
 * Makes this version the one that readers see, unless a later one is or it has not passed yet what the live one has shown.
 * @returns whether there is nothing left to do
 */
export async function switchTo(sql: Sql, projection: Versioned): Promise<boolean> {
  const { name, version } = projection;
  const [live] = await sql<{ version: number }>`
    select version from banyan.event_projection where name = ${name} for update`;
  if (live === undefined || live.version >= version) return true;
  // Whoever has read the live version must not go back in time. So it stands still from here to the commit, and has shown nothing that the new one does not
  // show: neither a later event, nor one that was committed late. A statement of its own, so that the next one sees what this one waited for.
  const shown = subscriptionOf({ name, version: live.version });
  await sql`select from banyan.event_subscription where name = ${shown} order by partition for update`;
  const [behind] = await sql`
    with place as materialized (
      select name, split_part(cursor, ' ', 1)::int8 as after, split_part(cursor, ' ', 2)::pg_snapshot as seen
      from banyan.event_subscription where name = ${shown} or name = ${subscriptionOf(projection)}
    )
    select from place as own, place as live
    where own.name = ${subscriptionOf(projection)} and live.name = ${shown} and (own.after < live.after or exists (
      select from banyan.event as e
      where e.xid >= pg_snapshot_xmin(own.seen) and e.xid < pg_snapshot_xmax(live.seen)
        and not pg_visible_in_snapshot(e.xid, own.seen) and pg_visible_in_snapshot(e.xid, live.seen)
    ))`;
  const [begun] = await sql<{ isComplete: boolean }>`
    select count(*) = max(partitions) as is_complete from banyan.event_subscription where name = ${subscriptionOf(projection)}`;
  if (behind !== undefined || begun?.isComplete !== true) return false;
  await showVersion(sql, projection);
  await sql`
    update banyan.event_projection set version = ${version}, switched_at = clock_timestamp() where name = ${name}`;
  return true;
}

async function showVersion(sql: Sql, { version, tables }: Versioned): Promise<void> {
  for (const table of Object.keys(tables)) {
    await sql`drop view if exists ${sql.identifier(table)}`;
    await sql`create view ${sql.identifier(table)} as select * from ${sql.identifier(`${table}_v${version}`)}`;
  }
}

/** Whether the live version has passed the event at `position`, in the partition of its stream. */
export async function hasReached(sql: Sql, name: string, position: number): Promise<boolean> {
  const [row] = await sql`
    select from banyan.event as e, banyan.event_projection as p
    join banyan.event_subscription as s on s.name = p.name || '_v' || p.version
    where p.name = ${name} and e.position = ${position}::int8
      and s.partition = (hashtext(e.stream) & 2147483647) % s.partitions
      and e.position <= split_part(s.cursor, ' ', 1)::int8
      and (pg_visible_in_snapshot(e.xid, split_part(s.cursor, ' ', 2)::pg_snapshot)
        or e.position <= (select max(since) from banyan.event_era))`;
  return row !== undefined;
}

export async function removeOlderTables(sql: Sql, { name, tables }: Versioned): Promise<void> {
  const [live] = await sql<{ version: number }>`
    select version from banyan.event_projection where name = ${name} for update`;
  for (let version = 1; version < (live?.version ?? 1); version += 1) {
    for (const table of Object.keys(tables))
      await sql`drop table if exists ${sql.identifier(`${table}_v${version}`)}`;
    await sql`delete from banyan.event_subscription where name = ${subscriptionOf({ name, version })}`;
  }
}
