import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import {
  noChromium,
  type PageBrowser,
  picture,
  scrollsSideways,
  startPageBrowser,
} from '@banyan/test-support/page-browser';
import { broken } from '@banyan/test-support/releases';
import { until } from '@banyan/testing';
import { orderHistoryService } from '../order-history/service.ts';
import { type Food, startFood } from './fixtures/food.ts';

describe('the page in Chromium', { skip: noChromium }, () => {
  let food: Food;
  let browser: PageBrowser;
  const cleanUps: (() => unknown)[] = [];
  before(async () => {
    const suite = { after: (cleanUp: () => unknown) => void cleanUps.unshift(cleanUp) };
    food = await startFood(suite);
    browser = await startPageBrowser(suite, food.system.publicUrl ?? '');
  });
  after(async () => {
    for (const cleanUp of cleanUps) await cleanUp();
  });

  test('an order goes from the consumer by the restaurant and a courier to the door', async (t) => {
    const page = await browser.open(t, '/', 'laptop');
    const part = (name: string) => page.getByRole('region', { name });
    const [consumer, restaurant, courier] = [part('Who eats'), part('Who cooks'), part('Who brings it')];
    await browser.expectNothingFromAxe(page, 'before anybody is there');
    await restaurant.getByRole('button', { name: 'Open a restaurant' }).click();
    await restaurant.getByText('Ajanta').waitFor();
    await consumer.getByLabel('Name').fill('Ada');
    await consumer.getByRole('button', { name: 'Sign up' }).click();
    await consumer.getByLabel('Chicken Vindaloo, €12.34').waitFor();
    await courier.getByRole('button', { name: 'Come to work' }).click();
    await courier.getByRole('button', { name: 'Go home' }).waitFor();

    await consumer.getByRole('button', { name: 'Order', exact: true }).click();
    await consumer.getByText('approved').waitFor();
    await consumer.getByText('€61.70').waitFor();
    await consumer.getByRole('button', { name: 'Double it' }).click();
    await consumer.getByText('€123.40').waitFor();
    await restaurant.getByText('10 × Chicken Vindaloo').waitFor();
    await restaurant.getByRole('button', { name: 'Accept' }).click();
    await courier.getByText('Pick up at').waitFor();
    await consumer.getByText('Delivery scheduled').waitFor();
    await browser.expectNothingFromAxe(page, 'with a delivery');
    await picture(page, 'food-to-go');

    await restaurant.getByRole('button', { name: 'Begin to prepare' }).click();
    await courier.getByRole('button', { name: 'I have it' }).click();
    await courier.getByText('has not said yet that it is ready').waitFor();
    await restaurant.getByRole('button', { name: 'It is ready' }).click();
    await restaurant.getByText('ready for pickup').waitFor();
    await courier.getByRole('button', { name: 'I have it' }).click();
    await courier.getByRole('button', { name: 'I have brought it' }).click();
    await consumer.getByText('delivered', { exact: true }).waitFor();
    await restaurant.getByText('picked up').waitFor();
    await courier.getByText('Nothing is to be brought.').waitFor();
    assert.equal(await page.locator('#announcer').innerText(), 'An order is delivered.');
  });

  test('a telephone shows it all, a declined card says so, and a reload forgets nothing', async (t) => {
    const page = await browser.open(t);
    const consumer = page.getByRole('region', { name: 'Who eats' });
    await consumer.getByLabel('Name').fill('Bob');
    await consumer.getByLabel('Pay with').selectOption({ label: 'A card that has expired' });
    await consumer.getByRole('button', { name: 'Sign up' }).click();
    await consumer.getByRole('button', { name: 'Order', exact: true }).click();
    await consumer.getByText('rejected').waitFor();
    await consumer.getByText('The card has expired.').waitFor();
    await page.reload();
    await consumer.getByText('rejected').waitFor();
    assert.equal(await scrollsSideways(page), false);
    await browser.expectNothingFromAxe(page, 'on a telephone');
    await picture(page, 'food-to-go-telephone');
  });

  test('an order whose answer is lost is ordered once, however often it is tried', async (t) => {
    const page = await browser.open(t);
    const consumer = page.getByRole('region', { name: 'Who eats' });
    await consumer.getByLabel('Name').fill('Fay');
    await consumer.getByRole('button', { name: 'Sign up' }).click();
    const taken: string[] = [];
    await page.route('**/orders', async (route) => {
      if (route.request().method() !== 'POST') return route.fallback();
      const response = await route.fetch();
      taken.push((await response.json()).orderId);
      return taken.length === 1 ? route.abort() : route.fulfill({ response });
    });
    const order = consumer.getByRole('button', { name: 'Order', exact: true });
    await order.click();
    await consumer.getByText('There is no connection right now').waitFor();
    await order.click();
    await until(() => taken.length === 2, 'it is tried again');
    assert.equal(taken[1], taken[0]);
    await consumer.getByText('approved').waitFor();
    assert.equal(await consumer.getByRole('list', { name: 'Orders' }).getByRole('listitem').count(), 1);
  });

  test('while the history is down the page keeps what it shows, and goes on afterwards', async (t) => {
    const page = await browser.open(t);
    const consumer = page.getByRole('region', { name: 'Who eats' });
    await consumer.getByLabel('Name').fill('Eve');
    await consumer.getByRole('button', { name: 'Sign up' }).click();
    await consumer.getByRole('button', { name: 'Order', exact: true }).click();
    await consumer.getByText('approved').waitFor();
    const [host] = food.system.hosts;
    await assert.rejects(host?.reload(broken(orderHistoryService)) ?? Promise.resolve());
    await consumer.getByRole('button', { name: 'Cancel it' }).click();
    await page.locator('#consumer .desk.stale').waitFor();
    await consumer.getByText('approved').waitFor();
    await host?.reload(orderHistoryService);
    await consumer.getByText('cancelled').waitFor();
  });
});
