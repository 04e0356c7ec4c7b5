import type { Sql } from '@banyan/banyan';
import type { Address } from '../vocabulary/address.ts';
import { isId } from '../vocabulary/text.ts';
import type { RestaurantCopy } from './contract.ts';

/** Takes note of a restaurant; an older revision, or the same again, changes nothing. */
export async function copyRestaurant(sql: Sql, copy: RestaurantCopy): Promise<void> {
  const { restaurantId, revision, address, changedAt } = copy;
  await sql`
    insert into restaurants (restaurant_id, revision, address, changed_at)
    values (${restaurantId}, ${revision}, ${sql.json(address)}, ${changedAt})
    on conflict (restaurant_id) do update set
      revision = excluded.revision, address = excluded.address, changed_at = excluded.changed_at
    where restaurants.revision < excluded.revision`;
}

/** Dishes mean nothing to delivery, but its copy is as new as the menu. */
export async function copyRevision(
  sql: Sql,
  { restaurantId, revision, changedAt }: Omit<RestaurantCopy, 'address'>,
): Promise<void> {
  await sql`
    update restaurants set revision = ${revision}, changed_at = ${changedAt}
    where restaurant_id = ${restaurantId} and revision < ${revision}`;
}

export async function findRestaurantCopy(
  sql: Sql,
  restaurantId: string,
): Promise<RestaurantCopy | undefined> {
  if (!isId(restaurantId)) return undefined;
  const [copy] = await sql<RestaurantCopy>`
    select restaurant_id, revision, address, changed_at from restaurants where restaurant_id = ${restaurantId}`;
  return copy;
}

export interface Destination {
  readonly orderId: string;
  readonly consumerId: string;
  readonly address: Address;
}

/** Where an order is to be brought, should it come to that. */
export async function copyDestination(sql: Sql, destination: Destination): Promise<void> {
  const { orderId, consumerId, address } = destination;
  await sql`
    insert into destinations (order_id, consumer_id, address) values (${orderId}, ${consumerId}, ${sql.json(address)})
    on conflict do nothing`;
}

/** It did not come to that. */
export async function forgetDestination(sql: Sql, orderId: string): Promise<void> {
  await sql`delete from destinations where order_id = ${orderId}`;
}
