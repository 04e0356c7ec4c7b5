import type { Sql, Tx } from '@banyan/banyan';
import type { Courier, delivery } from './contract.ts';

const minutesOnTheWay = 30;

type Scheduling = Pick<Tx<typeof delivery>, 'sql' | 'emit'>;

/**
 * Makes a change to what the schedule is made from, and schedules what can be: whatever is known of in full, if there is a courier who takes orders.
 *
 * These changes take turns, in all instances, until their commit. A ticket that finds no courier and a courier who finds no ticket, both about to commit,
 * would otherwise wait for each other for ever; and a delivery that is just being cancelled would be scheduled.
 */
export async function reschedule({ sql, emit }: Scheduling, change: () => Promise<void>): Promise<void> {
  // Readers are not held up.
  await sql`lock table couriers in share row exclusive mode`;
  await change();
  for (const scheduled of await assignCouriers(sql)) emit('scheduled', { ...scheduled });
}

interface Scheduled {
  readonly orderId: string;
  readonly revision: number;
  readonly courierId: string;
  readonly pickUpAt: string;
  readonly dropOffAt: string;
  readonly at: string;
}

/** Goes round the couriers who take orders, beginning with the one who has least to do. Without any, or with nothing to bring, it changes nothing. */
function assignCouriers(sql: Sql): Promise<Scheduled[]> {
  return sql<Scheduled>`
    with free as (
      select courier_id, row_number() over (order by load, courier_id) - 1 as turn, count(*) over () as couriers
      from couriers cross join lateral (
        select count(*) as load from deliveries
        where deliveries.courier_id = couriers.courier_id and state in ('SCHEDULED', 'PICKED_UP')
      ) as planned
      where available
    ), complete as (
      select order_id, row_number() over (order by ready_by, order_id) - 1 as number
      from deliveries join restaurants using (restaurant_id) join destinations using (order_id)
      where state = 'PENDING'
    )
    update deliveries set
      state = 'SCHEDULED', revision = revision + 1, changed_at = clock_timestamp(), courier_id = free.courier_id,
      pick_up_at = ready_by, drop_off_at = ready_by + ${minutesOnTheWay} * interval '1 minute'
    from complete join free on free.turn = complete.number % free.couriers
    where deliveries.order_id = complete.order_id
    returning deliveries.order_id, revision, deliveries.courier_id, pick_up_at, drop_off_at, changed_at as at`;
}

/** @returns since when; undefined if it is no news */
export async function recordAvailability(
  sql: Sql,
  { courierId, available }: { readonly courierId: string; readonly available: boolean },
): Promise<string | undefined> {
  const [changed] = await sql<{ at: string }>`
    insert into couriers (courier_id, available) values (${courierId}, ${available})
    on conflict (courier_id) do update set available = excluded.available
    where couriers.available <> excluded.available
    returning clock_timestamp() as at`;
  return changed?.at;
}

/** Somebody who has never said anything is a courier who takes no orders. */
export async function findCourier(sql: Sql, courierId: string): Promise<Courier> {
  const [known] = await sql<{ available: boolean }>`
    select available from couriers where courier_id = ${courierId}`;
  const plan = await sql<Courier['plan'][number]>`
    select order_id, 'PICK_UP' as action, restaurants.address, pick_up_at as at
    from deliveries join restaurants using (restaurant_id)
    where courier_id = ${courierId} and state = 'SCHEDULED'
    union all
    select order_id, 'DROP_OFF', destinations.address, drop_off_at
    from deliveries join destinations using (order_id)
    where courier_id = ${courierId} and state in ('SCHEDULED', 'PICKED_UP')
    order by at, action desc, order_id`;
  return { courierId, available: known?.available ?? false, plan };
}
