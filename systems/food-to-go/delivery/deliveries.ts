import type { Sql } from '@banyan/banyan';
import type { Address } from '../vocabulary/address.ts';
import { isId } from '../vocabulary/text.ts';
import type { Delivery, Missing } from './contract.ts';
import { type DeliveryChange, type DeliveryState, deliveryChanges } from './lifecycle.ts';

/** A restaurant has accepted a ticket: there will be something to bring. Hearing of it again changes nothing. */
export async function insertDelivery(
  sql: Sql,
  ticket: { readonly orderId: string; readonly restaurantId: string; readonly readyBy: string },
): Promise<void> {
  await sql`
    insert into deliveries (order_id, restaurant_id, ready_by)
    values (${ticket.orderId}, ${ticket.restaurantId}, ${ticket.readyBy})
    on conflict do nothing`;
}

/** It can be picked up. */
export async function recordReadiness(sql: Sql, orderId: string): Promise<void> {
  await sql`update deliveries set is_ready = true where order_id = ${orderId}`;
}

/** @returns the new revision and its time; undefined if there is no such delivery, or its state does not let this happen */
export async function changeDelivery(
  sql: Sql,
  { orderId, change }: { readonly orderId: string; readonly change: DeliveryChange },
): Promise<{ readonly revision: number; readonly at: string } | undefined> {
  const { from, to } = deliveryChanges[change];
  const [changed] = await sql<{ revision: number; at: string }>`
    update deliveries set state = ${to}, revision = revision + 1, changed_at = clock_timestamp()
    where order_id = ${orderId} and state = any (${sql.array([...from], 'text')})
    returning revision, changed_at as at`;
  return changed;
}

/** A delivery, and whom it concerns. */
export interface Found {
  readonly delivery: Delivery;
  readonly parties: readonly string[];
}

export async function findDelivery(sql: Sql, orderId: string): Promise<Found | undefined> {
  if (!isId(orderId)) return undefined;
  const [row] = await sql<Row>`
    select order_id, deliveries.revision, state, restaurant_id, restaurants.address as pick_up_address, consumer_id,
      destinations.address as delivery_address, ready_by, is_ready, courier_id, pick_up_at, drop_off_at
    from deliveries left join restaurants using (restaurant_id) left join destinations using (order_id)
    where order_id = ${orderId}`;
  if (row === undefined) return undefined;
  const { restaurantId, consumerId, courierId } = row;
  const parties = [restaurantId, consumerId, courierId].filter((party) => party !== null);
  return { delivery: toDelivery(row), parties };
}

type Row = {
  readonly orderId: string;
  readonly revision: number;
  readonly state: DeliveryState;
  readonly restaurantId: string;
  readonly readyBy: string;
  readonly isReady: boolean;
  /** Null as long as the restaurant, or the order, has not been heard of. */
  readonly pickUpAddress: Address | null;
  readonly consumerId: string | null;
  readonly deliveryAddress: Address | null;
  /** Null until it is scheduled. */
  readonly courierId: string | null;
  readonly pickUpAt: string | null;
  readonly dropOffAt: string | null;
};

function toDelivery(row: Row): Delivery {
  const { orderId, revision, state, readyBy, isReady } = row;
  const { pickUpAddress, deliveryAddress, courierId, pickUpAt, dropOffAt } = row;
  return {
    ...{ orderId, revision, state, readyBy, isReady, waitsFor: state === 'PENDING' ? missingIn(row) : [] },
    ...(pickUpAddress && { pickUpAddress }),
    ...(deliveryAddress && { deliveryAddress }),
    ...(courierId !== null && { courierId }),
    ...(pickUpAt !== null && { pickUpAt }),
    ...(dropOffAt !== null && { dropOffAt }),
  };
}

/** What is complete is scheduled at once, so what lacks no news lacks a courier. */
function missingIn({ pickUpAddress, deliveryAddress }: Row): Missing[] {
  const news: Missing[] = [];
  if (deliveryAddress === null) news.push('order');
  if (pickUpAddress === null) news.push('restaurant');
  return news.length === 0 ? ['courier'] : news;
}
