import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { createMetrics } from '@banyan/telemetry';
import { noSearchServer, searchUrl } from '@banyan/test-support/search-server';
import { until } from '@banyan/testing';
import { ajanta, euros, type Food, startFood } from './fixtures/food.ts';

const newMenu = [{ menuItemId: 'dosa', name: 'Masala Dosa', price: euros(990) }];

/** What a search finds, by name; nothing before the index has been made. */
async function find(
  food: Food,
  query: string,
): Promise<{ readonly names: readonly string[]; readonly behindMs: number }> {
  const { status, json, text } = await food.anyone.send('GET', `/restaurant-search?${query}`);
  if (json.reason === 'search_index_missing') return { names: [], behindMs: Number.POSITIVE_INFINITY };
  assert.equal(status, 200, text);
  return { names: json.restaurants.map(({ name }: { name: string }) => name), behindMs: json.behindMs };
}

const found = (food: Food, query: string, ...names: readonly string[]) =>
  until(async () => {
    const answer = await find(food, query);
    return JSON.stringify(answer.names) === JSON.stringify(names) ? answer : undefined;
  }, `restaurant for ${query}`);

const engines = [
  { name: 'PostgreSQL', url: undefined, skip: false },
  { name: 'OpenSearch', url: searchUrl, skip: noSearchServer },
] as const;

for (const { name: engine, url, skip } of engines) {
  test(`on ${engine}, what restaurants write is found within seconds, by words, dishes and city`, {
    skip,
  }, async (t) => {
    const prefix = `food-${randomBytes(6).toString('hex')}-`;
    const food = await startFood(t, {
      harsh: false,
      environment: {
        RESTAURANT_SEARCH_PREFIX: prefix,
        ...(url !== undefined && { RESTAURANT_SEARCH_URL: url }),
      },
    });
    if (url !== undefined) t.after(() => fetch(new URL(`/${prefix}*`, url), { method: 'DELETE' }));
    const restaurant = await food.restaurant();
    await food.restaurant({ name: 'Chez Panisse', address: { ...ajanta.address, city: 'Oakland' } });
    await found(food, 'text=ajanta', 'Ajanta');
    await found(food, 'text=VINDALOO+chicken&city=Berkeley', 'Ajanta');
    await found(food, 'city=Oakland', 'Chez Panisse');
    assert.deepEqual((await find(food, 'text=vindal')).names, []);
    const writtenMs = performance.now();
    const { status } = await restaurant.send('PUT', `/restaurants/${restaurant.restaurantId}/menu`, {
      menu: newMenu,
    });
    assert.equal(status, 200);
    await found(food, 'text=dosa', 'Ajanta');
    const lagMs = Math.round(performance.now() - writtenMs);
    t.diagnostic(`found ${lagMs} ms after it was written`);
    assert.ok(lagMs < 10_000);
    // The dishes that are gone are not found.
    await found(food, 'text=vindaloo', 'Chez Panisse');
    await until(
      async () => ((await find(food, '')).behindMs === 0 ? true : undefined),
      'index that shows everything',
    );
    if (url === undefined) return;
    await fetch(new URL(`/${prefix}restaurants_v1`, url), { method: 'DELETE' });
    const { status: lost } = await food.anyone.send('GET', '/restaurant-search');
    assert.notEqual(lost, 200);
    // Nobody writes meanwhile: it is built anew from the log of the service.
    await until(async () => {
      const { status, json } = await food.anyone.send('GET', '/restaurant-search?text=dosa');
      return status === 200 && json.total === 1 ? true : undefined;
    }, 'index');
    await found(food, 'city=Oakland', 'Chez Panisse');
  });
}

test('nobody writes straight into the index: there is no operation for it', async (t) => {
  const food = await startFood(t, { harsh: false });
  await food.restaurant();
  await found(food, 'text=ajanta', 'Ajanta');
  const staff = await food.signIn('staff', 'staff-1');
  const writing = { name: 'Fake', city: 'Berkeley', dishes: ['Nothing'] };
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
    const { status } = await staff.send(method, '/restaurant-search', writing);
    assert.equal(status, 405, method);
  }
  assert.deepEqual((await find(food, '')).names, ['Ajanta']);
});

test('how far the index is behind is on the metrics page and in health', async (t) => {
  const metrics = createMetrics();
  const food = await startFood(t, { harsh: false, metrics });
  await food.restaurant();
  await found(food, 'text=ajanta', 'Ajanta');
  const readers = await until(async () => {
    const parts = await food.system.hosts[0]?.health();
    const own = parts?.find(({ part }) => part === 'restaurant-search')?.readers;
    return own?.some(({ lag }) => lag === 0) ? own : undefined;
  }, 'health of the index');
  assert.deepEqual(readers, [{ name: 'search:restaurants', onTime: true, lag: 0, behindMs: 0 }]);
  for (const figure of ['lag', 'behind_seconds', 'building_lag', 'overdue']) {
    const line = `banyan_reader_${figure}{service="restaurant-search",reader="search:restaurants"} 0`;
    assert.ok(metrics.render().includes(line), line);
  }
});
