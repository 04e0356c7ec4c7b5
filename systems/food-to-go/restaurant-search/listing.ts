import { defineEvent, defineEvents, defineSearchProjection } from '@banyan/event-store';
import { z } from 'zod';

/** What this service knows of restaurants: its own log, from which the index can be built at any time. */
export const listingEvents = defineEvents({
  Listed: defineEvent({
    schema: z.object({ name: z.string(), city: z.string(), dishes: z.array(z.string()) }),
  }),
  MenuRevised: defineEvent({ schema: z.object({ dishes: z.array(z.string()) }) }),
});

/** One line for each dish: no name of a dish has a line break. */
const toText = (dishes: readonly string[]) => dishes.join('\n');

export const toDishes = (text: string | null | undefined) => (text ? text.split('\n') : []);

export const listings = defineSearchProjection(listingEvents, {
  name: 'restaurants',
  version: 1,
  fields: { name: 'text', dishes: 'text', city: 'keyword' },
  types: ['Listed', 'MenuRevised'],
  evolve(listing, { type, data }) {
    if (type === 'MenuRevised') return { ...listing, dishes: toText(data.dishes) };
    return { name: data.name, city: data.city, dishes: toText(data.dishes) };
  },
});

export const streamOf = (restaurantId: string) => `restaurant-${restaurantId}`;
export const restaurantIn = (stream: string) => stream.slice('restaurant-'.length);
