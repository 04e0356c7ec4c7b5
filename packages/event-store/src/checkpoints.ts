import type { Sql } from '@banyan/core';
import { eventStoreError } from './errors.ts';
import type { EventCursor } from './event-store.ts';

/** The right to move one partition of a subscription. */
export interface Lease {
  readonly name: string;
  readonly partition: number;
  readonly owner: string;
  /** Rises with each owner: the fence. */
  readonly token: string;
  readonly cursor: EventCursor;
}

interface Wanted {
  readonly name: string;
  readonly partition: number;
  readonly partitions: number;
  readonly owner: string;
  readonly leaseMs: number;
}

/**
 * The lease, if nobody else has it; a new subscription begins at `start`.
 * @throws ServiceError `failed_precondition` `subscription_changed`
 */
export async function acquireLease(
  sql: Sql,
  { name, partition, partitions, owner, leaseMs }: Wanted,
  start: () => Promise<EventCursor>,
): Promise<Lease | undefined> {
  const find = () => sql<{ partitions: number }>`
    select partitions from banyan.event_subscription where name = ${name} and partition = ${partition}`;
  let [known] = await find();
  if (known === undefined) {
    await sql`
      insert into banyan.event_subscription (name, partition, partitions, cursor)
      values (${name}, ${partition}, ${partitions}, ${await start()}) on conflict do nothing`;
    [known] = await find();
  }
  if (known?.partitions !== partitions) {
    throw eventStoreError('subscription_changed', {
      message: `The subscription '${name}' has ${known?.partitions} partitions, not ${partitions}. Give it a new name.`,
    });
  }
  const [row] = await sql<{ token: string; cursor: EventCursor }>`
    update banyan.event_subscription set
      token = token + 1, owner = ${owner}, lease_until = clock_timestamp() + ${leaseMs}::float8 * interval '1 millisecond'
    where name = ${name} and partition = ${partition} and (owner is null or lease_until < clock_timestamp())
    returning token::text, cursor`;
  return row && { name, partition, owner, ...row };
}

/**
 * Moves the place on, in the transaction of the effect. It must match exactly one row, or the effect rolls back: whoever has lost the lease cannot act.
 * @throws ServiceError `aborted` `subscription_lease_lost`
 */
export async function moveCheckpoint(
  sql: Sql,
  lease: Lease,
  { cursor, leaseMs }: { readonly cursor: EventCursor; readonly leaseMs: number },
): Promise<void> {
  const moved = await sql`
    update banyan.event_subscription set cursor = ${cursor}, moved_at = clock_timestamp(),
      lease_until = clock_timestamp() + ${leaseMs}::float8 * interval '1 millisecond'
    where name = ${lease.name} and partition = ${lease.partition} and owner = ${lease.owner} and token = ${lease.token}::int8
    returning 1`;
  if (moved.length !== 1) throw leaseLost(lease);
}

export async function renewLease(sql: Sql, lease: Lease, leaseMs: number): Promise<void> {
  const renewed = await sql`
    update banyan.event_subscription set lease_until = clock_timestamp() + ${leaseMs}::float8 * interval '1 millisecond'
    where name = ${lease.name} and partition = ${lease.partition} and owner = ${lease.owner} and token = ${lease.token}::int8
    returning 1`;
  if (renewed.length !== 1) throw leaseLost(lease);
}

export async function releaseLease(sql: Sql, lease: Lease): Promise<void> {
  await sql`
    update banyan.event_subscription set owner = null, lease_until = null
    where name = ${lease.name} and partition = ${lease.partition} and owner = ${lease.owner} and token = ${lease.token}::int8`;
}

/** Its place in the log and its leases: it begins again where new ones begin. */
export async function forgetSubscription(sql: Sql, name: string): Promise<void> {
  await sql`delete from banyan.event_subscription where name = ${name}`;
}

/** How far a reader of the log is behind. */
export interface SubscriptionLag {
  /** Positions between its place and the end of the log, those of all partitions and of events it does not want included. */
  readonly positions: number;
  /** Age of the oldest event that it has not passed, in ms; 0 if there is none. */
  readonly ageMs: number;
}

/** How far a subscription is behind: the worst of its partitions. What never began is behind all of the log. */
export async function readLag(sql: Sql, name: string): Promise<SubscriptionLag> {
  const [row] = await sql<SubscriptionLag>`
    with place as (
      select case when count(*) = max(partitions) then min(split_part(cursor, ' ', 1)::int8) else 0 end as after
      from banyan.event_subscription where name = ${name}
    )
    select greatest(coalesce((select max(position) from banyan.event), 0) - after, 0)::int8 as positions,
      coalesce(greatest(extract(epoch from clock_timestamp() - (
        select recorded_at from banyan.event where position > after order by position limit 1
      )) * 1000, 0), 0)::float8 as age_ms
    from place`;
  return row ?? { positions: 0, ageMs: 0 };
}

function leaseLost({ name, partition }: Lease): Error {
  return eventStoreError('subscription_lease_lost', {
    message: `Another instance runs partition ${partition} of '${name}' now.`,
  });
}
