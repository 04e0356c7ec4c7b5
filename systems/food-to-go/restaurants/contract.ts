import { contract, event, operation } from '@banyan/banyan';
import { z } from 'zod';
import { Address } from '../vocabulary/address.ts';
import { Money } from '../vocabulary/money.ts';
import { Id, lineOfText, Timestamp, WantedId } from '../vocabulary/text.ts';

export const MenuItem = z.object({
  /** The restaurant's own name for it, unique in its menu. */
  menuItemId: z.string().regex(/^[a-z0-9][a-z0-9-]{0,63}$/, 'must be letters, digits and hyphens'),
  name: lineOfText(120),
  /** At most 10,000.00: the largest order that there can be still has a total that is an amount of money. */
  price: Money.extend({ amount: z.int().min(0).max(1_000_000) }),
});
export type MenuItem = z.infer<typeof MenuItem>;

const Menu = z
  .array(MenuItem)
  .min(1)
  .max(500)
  .refine(
    (menu) => new Set(menu.map(({ menuItemId }) => menuItemId)).size === menu.length,
    'must name each item once',
  )
  .refine(
    (menu) => new Set(menu.map(({ price }) => price.currency)).size === 1,
    'must have all prices in one currency',
  );

const NewRestaurant = z.object({
  name: lineOfText(120),
  address: Address,
  menu: Menu,
  /** What an order must come to, in the currency of the menu. */
  minimumOrder: Money,
});

export const Restaurant = NewRestaurant.extend({
  restaurantId: Id,
  /** 1, and one more with each change: what tells an old copy from a new one. */
  revision: z.int().min(1),
});
export type Restaurant = z.infer<typeof Restaurant>;

const restaurantNotFound = { status: 404 } as const;

export const restaurants = contract('restaurants', {
  version: '1.0.0',
  description: 'Who cooks, and what.',
  operations: {
    createRestaurant: operation('POST /restaurants', {
      input: NewRestaurant.refine(
        ({ menu, minimumOrder }) => menu[0]?.price.currency === minimumOrder.currency,
        { path: ['minimumOrder'], message: 'must be in the currency of the menu' },
      ),
      output: Restaurant,
      location: '/restaurants/{restaurantId}',
    }),
    listRestaurants: operation('GET /restaurants', {
      summary: 'Restaurants, newest first.',
      input: z.object({ limit: z.int().min(1).max(100).default(50), before: Id.optional() }),
      output: z.object({ restaurants: z.array(Restaurant), next: Id.optional() }),
    }),
    getRestaurant: operation('GET /restaurants/:restaurantId', {
      input: z.object({ restaurantId: WantedId }),
      output: Restaurant,
      errors: { restaurantNotFound },
    }),
    reviseMenu: operation('PUT /restaurants/:restaurantId/menu', {
      summary: 'A new menu, for orders from now on; what was ordered keeps its price.',
      input: z.object({ restaurantId: WantedId, menu: Menu }),
      output: Restaurant,
      errors: {
        restaurantNotFound,
        currencyChanged: { status: 422, description: 'The menu was, and stays, in another currency.' },
      },
    }),
  },
  events: {
    created: event('RestaurantCreated', { data: Restaurant.extend({ at: Timestamp }), key: 'restaurantId' }),
    menuRevised: event('RestaurantMenuRevised', {
      data: Restaurant.pick({ restaurantId: true, revision: true, menu: true }).extend({ at: Timestamp }),
      key: 'restaurantId',
    }),
  },
});
