import { contract, type OutputOf, operation } from '@banyan/contract';
import { compose, type MissingPart } from '@banyan/gateway';
import { z } from 'zod';

const orders = contract('orders', {
  version: '1.0.0',
  operations: {
    getOrder: operation('GET /orders/:orderId', {
      input: z.object({ orderId: z.string() }),
      output: z.object({
        orderId: z.string(),
        total: z.number(),
        restaurant: z.object({ restaurantId: z.string() }),
      }),
    }),
    getRestaurant: operation('GET /restaurants/:restaurantId', {
      input: z.object({ restaurantId: z.string(), limit: z.number().optional() }),
      output: z.object({ name: z.string(), stars: z.number() }),
    }),
  },
});
const input = { orderId: 'input.orderId' } as const;

const details = compose('GET /details/:orderId', {
  input: z.object({ orderId: z.string() }),
  parts: (none) =>
    none
      .mandatory('order', [orders, 'getOrder'], { input })
      .optional('restaurant', [orders, 'getRestaurant'], {
        input: { restaurantId: 'order.restaurant.restaurantId', limit: { value: 3 } },
        fields: ['name'],
        fallback: { name: 'a restaurant' },
      }),
});

export function read(answer: OutputOf<typeof details.output>): readonly MissingPart[] {
  const total: number = answer.order.total;
  const name: string | undefined = answer.restaurant?.name;
  // @ts-expect-error an optional part may be null
  const stars: number = answer.restaurant.stars;
  // @ts-expect-error a field that the part does not pass on
  const none = answer.restaurant?.stars;
  return [total, name, stars, none].length > 0 ? answer.missing : [];
}

/** Never called: it would be refused at run time, too. */
export const wrong = () =>
  compose('GET /wrong/:orderId', {
    input: z.object({ orderId: z.string() }),
    parts: (none) =>
      none
        .mandatory('order', [orders, 'getOrder'], { input })
        // @ts-expect-error a number where a text is wanted
        .optional('a', [orders, 'getRestaurant'], { input: { restaurantId: 'order.total' } })
        // @ts-expect-error there is no such part before it
        .optional('b', [orders, 'getRestaurant'], { input: { restaurantId: 'later.restaurantId' } })
        // @ts-expect-error a value of another type
        .optional('c', [orders, 'getRestaurant'], { input: { restaurantId: { value: 7 } } })
        // @ts-expect-error no such operation
        .optional('d', [orders, 'getNothing'], { input })
        // @ts-expect-error no such field
        .optional('e', [orders, 'getOrder'], { input, fields: ['nothing'] }),
  });
