import type { Sql } from '@banyan/core';
import { type Arrival, type CloudEvent, orderingKeyOf, topicOf } from '@banyan/events';
import { freshPlan } from './fresh-plan.ts';
import { leaseLost } from './lease-lost.ts';

/** Moves the places and gives the events to handle now; those that would overtake an unfinished one of their key are stored. */
export async function admitArrival(sql: Sql, arrival: Arrival): Promise<readonly CloudEvent[]> {
  // Sent together: on a pipelined connection they share a round trip.
  const [added, mayBeBlocked] = await Promise.all([
    take(sql, arrival),
    hasUnfinished(sql),
    storeMalformed(sql, arrival),
  ]);
  if (!mayBeBlocked) return added;
  const blocked = await findUnfinished(sql, added.map(orderingKeyOf));
  if (blocked.size === 0) return added;
  const stored = added.filter((event) => blocked.has(orderingKeyOf(event)));
  await store(sql, stored);
  return added.filter((event) => !blocked.has(orderingKeyOf(event)));
}

export async function ingestArrival(sql: Sql, arrival: Arrival): Promise<void> {
  const [added] = await Promise.all([take(sql, arrival), storeMalformed(sql, arrival)]);
  await store(sql, added);
}

/** Moves the places and remembers the ids, if every partition is still ours; gives the events whose ids were new. */
async function take(sql: Sql, arrival: Arrival): Promise<readonly CloudEvent[]> {
  const { leases, events } = arrival;
  const log = leases[0]?.log ?? '';
  const moves = toMoves(arrival);
  const [row] = await sql<{ isHeld: boolean; added: readonly string[] | null }>`
    with held as materialized (
      select p.partition from banyan.inbox_partition as p
      join unnest(
        ${sql.array(
          leases.map(({ partition }) => partition),
          'int2',
        )},
        ${sql.array(
          leases.map(({ token }) => token),
          'int8',
        )}
      ) as lease (partition, token) on lease.partition = p.partition and lease.token = p.token
      where p.log = ${log} order by p.partition for update of p
    ), fence as materialized (
      select count(*) = ${leases.length} as is_held from held
    ), moved as (
      update banyan.inbox_partition as p set positions = p.positions || move.positions::jsonb
      from unnest(${sql.array([...moves.keys()], 'int2')}, ${sql.array([...moves.values()], 'text')}) as move (partition, positions)
      join held on held.partition = move.partition
      where p.log = ${log} and p.partition = move.partition
    )
    select is_held, case when is_held then banyan.remember_events(
      ${sql.array(
        events.map(({ id }) => id),
        'uuid',
      )},
      ${sql.array(events.map(topicOf), 'text')}
    ) end as added
    from fence`;
  if (row === undefined || !row.isHeld) throw leaseLost();
  if (row.added === null) return events;
  const added = new Set(row.added);
  // An id that is twice in the page counts once.
  return events.filter(({ id }) => added.delete(id));
}

/** By partition, as JSON: the new place of each topic that was read. */
function toMoves({ leases, topics, positions }: Arrival): Map<number, string> {
  const moves = new Map<number, string>();
  for (const { partition } of leases) {
    const position = positions.get(partition);
    if (position === undefined) continue;
    moves.set(partition, JSON.stringify(Object.fromEntries(topics.map((topic) => [topic, { position }]))));
  }
  return moves;
}

/** Nearly always there is none, and then the keys of the page need not be sent. */
async function hasUnfinished(sql: Sql): Promise<boolean> {
  const [row] = await sql<{
    exists: boolean;
  }>`select exists (select from banyan.inbox_key where pending > 0) ${freshPlan}`;
  return row?.exists === true;
}

async function findUnfinished(sql: Sql, keys: readonly string[]): Promise<ReadonlySet<string>> {
  if (keys.length === 0) return new Set();
  const rows = await sql<{ key: string }>`
    select key from banyan.inbox_key
    where pending > 0 and key = any(${sql.array([...new Set(keys)], 'text')}) ${freshPlan}`;
  return new Set(rows.map(({ key }) => key));
}

/** Stores events behind the unfinished ones of their keys. */
export async function store(sql: Sql, events: readonly CloudEvent[]): Promise<void> {
  if (events.length === 0) return;
  await sql`
    with added as (
      insert into banyan.inbox (event_id, key, topic, event)
      select e.id, e.key, e.topic, e.event
      from unnest(
        ${sql.array(
          events.map(({ id }) => id),
          'uuid',
        )},
        ${sql.array(events.map(orderingKeyOf), 'text')},
        ${sql.array(events.map(topicOf), 'text')},
        ${sql.array(
          // Not `encodeEvent`: what was small enough for the log may be longer when it is written anew, and is kept all the same.
          events.map((event) => JSON.stringify(event)),
          'text',
        )}
      ) with ordinality as e (id, key, topic, event, number)
      order by e.number
      on conflict (event_id) do nothing
      returning key
    )
    insert into banyan.inbox_key as k (key, pending, ready_at)
    select key, count(*)::int4, clock_timestamp() from added group by key order by key
    on conflict (key) do update set
      pending = k.pending + excluded.pending,
      ready_at = case when k.pending = 0 then excluded.ready_at else k.ready_at end`;
}

async function storeMalformed(sql: Sql, { leases, malformed }: Arrival): Promise<void> {
  const log = leases[0]?.log ?? '';
  for (const { partition, position, topic, text, reason } of malformed) {
    await sql`
      insert into banyan.inbox_malformed (log, partition, position, topic, text, reason)
      values (${log}, ${partition}, ${position}, ${topic ?? null}, ${storable(text)}, ${storable(reason)})
      on conflict (log, partition, position) do nothing`;
  }
}

/** PostgreSQL stores no NUL. */
export function storable(text: string): string {
  return text.replaceAll('\0', '\ufffd').toWellFormed();
}
