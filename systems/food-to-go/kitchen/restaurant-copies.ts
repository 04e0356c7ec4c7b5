import type { Sql } from '@banyan/banyan';

/** A restaurant as its kitchen sees it: what it can cook, and no price. */
export interface RestaurantCopy {
  readonly restaurantId: string;
  readonly revision: number;
  readonly dishes: readonly { readonly menuItemId: string; readonly dish: string }[];
}

interface Menu {
  readonly restaurantId: string;
  readonly revision: number;
  readonly menu: readonly { readonly menuItemId: string; readonly name: string }[];
}

/** The revision decides: news that come again, or late, change nothing. */
export async function copyMenu(sql: Sql, { restaurantId, revision, menu }: Menu): Promise<void> {
  const dishes = menu.map(({ menuItemId, name }) => ({ menuItemId, dish: name }));
  await sql`
    insert into restaurants (restaurant_id, revision, dishes)
    values (${restaurantId}, ${revision}, ${sql.json(dishes)})
    on conflict (restaurant_id) do update set revision = excluded.revision, dishes = excluded.dishes
    where restaurants.revision < excluded.revision`;
}

export async function findRestaurantCopy(
  sql: Sql,
  restaurantId: string,
): Promise<RestaurantCopy | undefined> {
  const [found] = await sql<RestaurantCopy>`
    select restaurant_id, revision, dishes from restaurants where restaurant_id = ${restaurantId}`;
  return found;
}
