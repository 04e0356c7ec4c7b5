import type { Database, Sql } from '@banyan/core';
import { isServiceError } from '@banyan/core';
import type { PartitionPlace, Share, ShareRequest, StartAt } from '@banyan/events';

const shareSpace = 0x62_6e_73; // 'bns'
/** How long a share waits for the batch that holds a partition it wants. */
const patienceMs = 2_000;

interface PartitionRow {
  readonly partition: number;
  readonly owner: string | null;
  readonly token: string;
  readonly positions: Record<string, StartAt>;
}

/** One change of owners at a time, so that every instance counts with the same numbers. */
export async function sharePartitions(database: Database, request: ShareRequest): Promise<Share> {
  try {
    return await shareOnce(database, request, true);
  } catch (error) {
    if (!isServiceError(error) || error.reason !== 'lock_not_available') throw error;
    // A long batch of another instance: it may keep its partitions for now.
    return shareOnce(database, request, false);
  }
}

function shareOnce(database: Database, request: ShareRequest, mayTake: boolean): Promise<Share> {
  const { log, instance } = request;
  return database.tx(async ({ sql }) => {
    const members = await enter(sql, request);
    const rows = await sql<PartitionRow>`
      select partition, owner, token::text, positions from banyan.inbox_partition
      where log = ${log} and partition < ${request.partitions} order by partition`;
    const changes = assign(rows, { members, instance, mayTake });
    const changed = changes.size === 0 ? [] : await hand(sql, log, changes);
    const owned = [...rows.filter(({ partition }) => !changes.has(partition)), ...changed].filter(
      ({ owner }) => owner === instance,
    );
    owned.sort((a, b) => a.partition - b.partition);
    return {
      members: members.length,
      leases: owned.map(({ partition, token, positions }) => ({ log, partition, token, positions })),
    };
  });
}

/** Prolongs the membership; gives the names of all live members. */
async function enter(
  sql: Sql,
  { log, instance, leaseMs, partitions }: ShareRequest,
): Promise<readonly string[]> {
  await sql`
    select pg_advisory_xact_lock(${shareSpace}::int4, hashtext(${log})),
      set_config('lock_timeout', ${`${patienceMs}ms`}, true)`;
  await sql`
    with gone as (
      delete from banyan.inbox_member where log = ${log} and live_until < clock_timestamp() and instance <> ${instance}
    ), missing as (
      insert into banyan.inbox_partition (log, partition, token)
      select ${log}, number, nextval('banyan.inbox_token') from generate_series(0, ${partitions}::int4 - 1) as number
      where not exists (select from banyan.inbox_partition where log = ${log} and partition = number)
    )
    insert into banyan.inbox_member (log, instance, live_until)
    values (${log}, ${instance}, clock_timestamp() + ${leaseMs}::float8 * interval '1 millisecond')
    on conflict (log, instance) do update set live_until = excluded.live_until`;
  const members = await sql<{ instance: string }>`
    select instance from banyan.inbox_member where log = ${log}`;
  return members.map(({ instance: name }) => name);
}

interface Situation {
  readonly members: readonly string[];
  readonly instance: string;
  readonly mayTake: boolean;
}

/** Whom partitions are to be given now, as far as it is up to this instance: undefined for nobody. */
export function assign(
  rows: readonly Pick<PartitionRow, 'partition' | 'owner'>[],
  { members, instance, mayTake }: Situation,
): Map<number, string | undefined> {
  const fewest = Math.floor(rows.length / members.length);
  const most = Math.ceil(rows.length / members.length);
  const owned = new Map<string, number[]>(members.map((member) => [member, []]));
  const free: number[] = [];
  for (const { partition, owner } of rows) {
    const ofOwner = owner === null ? undefined : owned.get(owner);
    (ofOwner ?? free).push(partition);
  }
  const mine = owned.get(instance) ?? [];
  const changes = new Map<number, string | undefined>();
  for (const partition of mine.splice(most)) changes.set(partition, undefined);
  const take = (partition: number) => {
    mine.push(partition);
    changes.set(partition, instance);
  };
  while (mine.length < most && free.length > 0) take(free.shift() as number);
  while (mayTake && mine.length < fewest) {
    const richest = [...owned.values()].reduce((a, b) => (b.length > a.length ? b : a));
    // Whoever has more than the most gives it up without being interrupted.
    if (richest.length <= fewest || richest.length > most) break;
    take(richest.pop() as number);
  }
  return changes;
}

/** Locks in one order, as readers do when they move their places. */
function hand(
  sql: Sql,
  log: string,
  changes: ReadonlyMap<number, string | undefined>,
): Promise<PartitionRow[]> {
  return sql<PartitionRow>`
    with wanted as materialized (
      select p.partition, c.owner from banyan.inbox_partition as p
      join unnest(
        ${sql.array([...changes.keys()], 'int2')},
        ${sql.array(
          [...changes.values()].map((owner) => owner ?? null),
          'text',
        )}
      ) as c (partition, owner) on c.partition = p.partition
      where p.log = ${log} order by p.partition for update of p
    )
    update banyan.inbox_partition as p set
      owner = wanted.owner, token = nextval('banyan.inbox_token'),
      last_owner = coalesce(wanted.owner, p.last_owner),
      owner_changes = p.owner_changes + case when wanted.owner <> p.last_owner then 1 else 0 end
    from wanted where p.log = ${log} and p.partition = wanted.partition
    returning p.partition, p.owner, p.token::text, p.positions`;
}

export async function leavePartitions(database: Database, log: string, instance: string): Promise<void> {
  await database.tx(async ({ sql }) => {
    await sql`select pg_advisory_xact_lock(${shareSpace}::int4, hashtext(${log}))`;
    await sql`delete from banyan.inbox_member where log = ${log} and instance = ${instance}`;
    await sql`
      update banyan.inbox_partition set owner = null, token = nextval('banyan.inbox_token')
      where log = ${log} and owner = ${instance}`;
  });
}

export async function readPlaces({ sql }: Database, log: string): Promise<readonly PartitionPlace[]> {
  const rows = await sql<PartitionRow & { isLive: boolean }>`
    select p.partition, p.owner, p.positions, m.instance is not null as is_live
    from banyan.inbox_partition as p
    left join banyan.inbox_member as m on m.log = p.log and m.instance = p.owner and m.live_until >= clock_timestamp()
    where p.log = ${log} order by p.partition`;
  return rows.map(({ partition, owner, positions, isLive }) => ({
    partition,
    owner: isLive ? (owner ?? undefined) : undefined,
    positions,
  }));
}
