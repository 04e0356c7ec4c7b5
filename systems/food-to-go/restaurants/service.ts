import { type Sql, service } from '@banyan/banyan';
import { signedIn } from '../vocabulary/signed-in.ts';
import { isId } from '../vocabulary/text.ts';
import { type Restaurant, restaurants } from './contract.ts';

type Row = Restaurant & { readonly changedAt: string };

export const restaurantsService = service(restaurants, {
  migrations: new URL('./migrations/', import.meta.url),
  operations: {
    async createRestaurant({ name, address, menu, minimumOrder }, { tx, idempotencyKey = null }) {
      return tx(async ({ sql, emit }) => {
        const [created] = await sql<Row>`
          insert into restaurants (name, address, menu, minimum_order, idempotency_key)
          values (${name}, ${sql.json(address)}, ${sql.json(menu)}, ${sql.json(minimumOrder)}, ${idempotencyKey})
          on conflict (idempotency_key) do nothing
          returning ${columns(sql)}`;
        if (created !== undefined) {
          emit('created', { ...created, at: created.changedAt });
          return created;
        }
        const [earlier] = await sql<Row>`
          select ${columns(sql)} from restaurants where idempotency_key = ${idempotencyKey}`;
        if (earlier === undefined) throw new Error('The restaurant was neither stored nor found.');
        return earlier;
      });
    },

    async listRestaurants({ limit, before = null }, { sql }) {
      const found = await sql<Row>`
        select ${columns(sql)} from restaurants where ${before}::uuid is null or restaurant_id < ${before}
        order by restaurant_id desc limit ${limit}`;
      const last = found.length === limit ? found.at(-1) : undefined;
      return { restaurants: found, ...(last && { next: last.restaurantId }) };
    },

    async getRestaurant({ restaurantId }, { sql, fail }) {
      return (await findRestaurant(sql, restaurantId)) ?? fail('restaurantNotFound');
    },

    async reviseMenu({ restaurantId, menu }, { tx, caller, fail }) {
      // Of others it is not even known here that they exist.
      if (restaurantId !== signedIn(caller) || !isId(restaurantId)) return fail('restaurantNotFound');
      return tx(async ({ sql, emit }) => {
        const [revised] = await sql<Row>`
          update restaurants set menu = ${sql.json(menu)}, revision = revision + 1, changed_at = clock_timestamp()
          where restaurant_id = ${restaurantId} returning ${columns(sql)}`;
        if (revised === undefined) return fail('restaurantNotFound');
        if (revised.minimumOrder.currency !== menu[0]?.price.currency) return fail('currencyChanged');
        const { revision, changedAt } = revised;
        emit('menuRevised', { restaurantId, revision, menu, at: changedAt });
        return revised;
      });
    },
  },
});

async function findRestaurant(sql: Sql, restaurantId: string): Promise<Restaurant | undefined> {
  if (!isId(restaurantId)) return undefined;
  const [found] = await sql<Row>`
    select ${columns(sql)} from restaurants where restaurant_id = ${restaurantId}`;
  return found;
}

function columns(sql: Sql) {
  return sql`restaurant_id, revision, name, address, menu, minimum_order, changed_at`;
}
