import type { Sql } from '@banyan/banyan';
import type { Money } from '../vocabulary/money.ts';

/** A restaurant as this service needs it: what can be ordered, at which price, and from how much on. */
export interface RestaurantCopy {
  readonly restaurantId: string;
  readonly revision: number;
  readonly name: string;
  readonly menu: readonly { readonly menuItemId: string; readonly name: string; readonly price: Money }[];
  readonly minimumOrder: Money;
}

export async function copyRestaurant(sql: Sql, restaurant: RestaurantCopy): Promise<void> {
  const { restaurantId, revision, name, menu, minimumOrder } = restaurant;
  await sql`
    insert into restaurants (restaurant_id, revision, name, menu, minimum_order)
    values (${restaurantId}, ${revision}, ${name}, ${sql.json(menu)}, ${sql.json(minimumOrder)})
    on conflict (restaurant_id) do nothing`;
}

/** The revision decides: news that come again, or late, change nothing. */
export async function reviseCopiedMenu(
  sql: Sql,
  { restaurantId, revision, menu }: Pick<RestaurantCopy, 'restaurantId' | 'revision' | 'menu'>,
): Promise<void> {
  await sql`
    update restaurants set revision = ${revision}, menu = ${sql.json(menu)}
    where restaurant_id = ${restaurantId} and revision < ${revision}`;
}

export async function findRestaurantCopy(
  sql: Sql,
  restaurantId: string,
): Promise<RestaurantCopy | undefined> {
  const [found] = await sql<RestaurantCopy>`
    select restaurant_id, revision, name, menu, minimum_order from restaurants where restaurant_id = ${restaurantId}`;
  return found;
}
