import { contract, operation } from '@banyan/banyan';
import { z } from 'zod';
import { Id } from '../vocabulary/text.ts';

const Found = z.object({
  restaurantId: Id,
  name: z.string(),
  city: z.string(),
  dishes: z.array(z.string()),
});

export const restaurantSearch = contract('restaurant-search', {
  version: '1.0.0',
  description:
    'Restaurants by what they are called and what they cook: an index that is fed by events, and by nothing else.',
  operations: {
    search: operation('GET /restaurant-search', {
      summary: 'Restaurants whose name and dishes have all the words, in any order and case.',
      input: z.object({
        text: z.string().max(200).default(''),
        city: z.string().max(120).optional(),
        limit: z.int().min(1).max(100).default(20),
      }),
      output: z.object({
        total: z.int(),
        restaurants: z.array(Found),
        /** Age of the oldest news that the index does not show yet, in milliseconds; 0 if it shows all. */
        behindMs: z.number(),
      }),
    }),
  },
});
