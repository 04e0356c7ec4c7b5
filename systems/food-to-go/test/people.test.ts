import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { ajanta, euros, type Food, startFood } from './fixtures/food.ts';

describe('consumers and restaurants', () => {
  let food: Food;
  const cleanUps: (() => unknown)[] = [];
  before(async () => {
    food = await startFood({ after: (cleanUp) => void cleanUps.unshift(cleanUp) });
  });
  after(async () => {
    for (const cleanUp of cleanUps) await cleanUp();
  });

  test('a consumer signs up once, however often the request is sent, and sees only themselves', async () => {
    const { anyone, consumer, signIn } = food;
    const key = { 'idempotency-key': randomUUID() };
    const [first, again] = [
      await anyone.send('POST', '/consumers', { name: 'Ada' }, key),
      await anyone.send('POST', '/consumers', { name: 'Ada' }, key),
    ];
    assert.deepEqual([first.status, again.json], [201, first.json]);
    const path = `/consumers/${first.json.consumerId}`;
    assert.equal(first.headers.get('location'), path);
    const ada = await signIn('consumer', first.json.consumerId);
    assert.deepEqual((await ada.send('GET', path)).json, first.json);
    assert.equal((await (await consumer()).send('GET', path)).status, 404);
    assert.equal((await anyone.send('GET', path)).status, 401);
  });

  test('only staff open restaurants, and only a restaurant revises its menu', async () => {
    const { anyone, consumer, restaurant, signIn } = food;
    assert.equal((await (await consumer()).send('POST', '/restaurants', ajanta)).status, 403);
    const { restaurantId, send } = await restaurant();
    const path = `/restaurants/${restaurantId}`;
    assert.deepEqual((await anyone.send('GET', path)).json, { ...ajanta, restaurantId, revision: 1 });

    const menu = [{ menuItemId: 'dosa', name: 'Dosa', price: euros(750) }];
    const other = await restaurant();
    assert.equal((await other.send('PUT', `${path}/menu`, { menu })).status, 404);
    assert.equal((await (await signIn('staff', 'joe')).send('PUT', `${path}/menu`, { menu })).status, 403);
    assert.deepEqual((await send('PUT', `${path}/menu`, { menu })).json.revision, 2);
    assert.deepEqual((await anyone.send('GET', path)).json.menu, menu);
  });

  test('a menu has one currency, names each item once, and has prices that can be added up', async () => {
    const { restaurant, signIn } = food;
    const staff = await signIn('staff', 'joe');
    const [vindaloo] = ajanta.menu;
    const francs = { menuItemId: 'fondue', name: 'Fondue', price: { amount: 3_000, currency: 'CHF' } };
    const gold = { menuItemId: 'gold', name: 'Gold', price: euros(1_000_001) };
    for (const menu of [[], [vindaloo, vindaloo], [vindaloo, francs], [francs], [gold]]) {
      const { status, json } = await staff.send('POST', '/restaurants', { ...ajanta, menu });
      assert.deepEqual([status, json.reason], [400, 'invalid_input'], JSON.stringify(menu));
    }
    const { restaurantId, send } = await restaurant();
    const { status, json } = await send('PUT', `/restaurants/${restaurantId}/menu`, { menu: [francs] });
    assert.deepEqual([status, json.reason], [422, 'currencyChanged']);
  });

  test('restaurants are listed newest first, page by page', async () => {
    const { anyone, restaurant } = food;
    const [older, newer] = [await restaurant(), await restaurant()];
    const first = (await anyone.send('GET', '/restaurants?limit=1')).json;
    const second = (await anyone.send('GET', `/restaurants?limit=1&before=${first.next}`)).json;
    assert.equal(first.restaurants[0].restaurantId, newer.restaurantId);
    assert.equal(second.restaurants[0].restaurantId, older.restaurantId);
  });
});
