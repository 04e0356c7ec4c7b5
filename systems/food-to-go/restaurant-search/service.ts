import { type Sql, service, type Transaction } from '@banyan/banyan';
import {
  createElasticsearch,
  createPostgresSearch,
  createSearchProjection,
  defineEventStore,
  type SearchEngine,
  type SubscriptionDatabase,
} from '@banyan/event-store';
import { z } from 'zod';
import { restaurants } from '../restaurants/contract.ts';
import { restaurantSearch } from './contract.ts';
import { listingEvents, listings, restaurantIn, streamOf, toDishes } from './listing.ts';

const config = z.object({
  /** Of OpenSearch or Elasticsearch, with name and password if it asks for them; without it the index is in PostgreSQL. */
  url: z.url().optional(),
  /** Before the names of indexes, where several systems share an engine. */
  prefix: z.string().default('food-to-go-'),
});

const storeOf = defineEventStore({ events: listingEvents });

export const restaurantSearchService = service(restaurantSearch, {
  uses: { restaurants },
  config,
  operations: {
    async search({ text, city, limit }, context) {
      const index = indexOf(context);
      const [{ total, hits }, { ageMs: behindMs }] = await Promise.all([
        index.search({ text, limit, ...(city !== undefined && { where: { city } }) }),
        index.lag(),
      ]);
      return {
        total,
        restaurants: hits.map(({ id, values: { name, city, dishes } }) => ({
          restaurantId: restaurantIn(id),
          name: name ?? '',
          city: city ?? '',
          dishes: toDishes(dishes),
        })),
        behindMs,
      };
    },
  },
  on: {
    async 'restaurants.created'({ restaurantId, name, address, menu }, context) {
      const data = { name, city: address.city, dishes: menu.map((item) => item.name) };
      await storeOf(context).append(streamOf(restaurantId), [{ type: 'Listed', data }], { tx: context });
    },
    async 'restaurants.menuRevised'({ restaurantId, menu }, context) {
      const data = { dishes: menu.map((item) => item.name) };
      await storeOf(context).append(streamOf(restaurantId), [{ type: 'MenuRevised', data }], { tx: context });
    },
  },
  background: {
    index: (context) => indexOf(context).run(context.signal),
  },
});

interface Indexing extends SubscriptionDatabase<Transaction> {
  readonly config: z.infer<typeof config>;
}

function indexOf(context: Indexing) {
  return createSearchProjection(storeOf(context), listings, { database: context, engine: engineOf(context) });
}

function engineOf({
  sql,
  config: { url, prefix },
}: {
  readonly sql: Sql;
  readonly config: z.infer<typeof config>;
}): SearchEngine {
  if (url === undefined) return createPostgresSearch({ sql });
  const { username, password } = new URL(url);
  const login = Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString(
    'base64',
  );
  return createElasticsearch({
    url,
    prefix,
    ...(username !== '' && { headers: { authorization: `Basic ${login}` } }),
  });
}
