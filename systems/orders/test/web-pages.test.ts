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
import { invoicingService } from '../invoicing/service.ts';
import { orderService } from '../order/service.ts';
import { type Orders, startOrders } from './fixtures/orders.ts';
import { inDatabaseOf } from './fixtures/service-database.ts';

describe('the pages in Chromium', { skip: noChromium }, () => {
  let orders: Orders;
  let browser: PageBrowser;
  const cleanUps: (() => unknown)[] = [];
  before(async () => {
    const suite = { after: (cleanUp: () => unknown) => void cleanUps.unshift(cleanUp) };
    orders = await startOrders(suite);
    browser = await startPageBrowser(suite, orders.url);
  });
  after(async () => {
    for (const cleanUp of cleanUps) await cleanUp();
  });

  test('every list says so when it is empty', async (t) => {
    const page = await browser.open(t, '/order/');
    await page.getByText('No orders', { exact: true }).waitFor();
    await picture(page, 'order-empty');
    await browser.expectNothingFromAxe(page, 'no orders');
    await page.getByRole('link', { name: 'Shipping' }).click();
    await page.getByText('No shipments', { exact: true }).waitFor();
    await page.getByRole('link', { name: 'Invoicing' }).click();
    await page.getByText('No invoices', { exact: true }).waitFor();
  });

  test('an order is drafted line by line, saved, and found in all three services', async (t) => {
    const page = await browser.open(t, '/order', 'laptop');
    await page.getByRole('link', { name: 'New order' }).click();
    await page.getByRole('heading', { name: 'New order' }).waitFor();
    await page.getByLabel('Customer').selectOption({ label: 'Rod Johnson' });
    assert.equal(await page.getByLabel('City').first().inputValue(), 'San Francisco');
    await page.getByRole('button', { name: 'Add a line' }).click();
    const lines = page.getByRole('group', { name: /^Line \d/ });
    await lines.nth(1).waitFor();
    await lines.nth(0).getByLabel('Item').selectOption({ label: 'Apple TV, €100.00' });
    await lines.nth(1).getByLabel('Count').fill('3');
    await page.locator('.total').getByText('€226.00').waitFor();
    await page.getByLabel('The invoice goes there too').uncheck();
    const billing = page.getByRole('group', { name: 'Invoice address' });
    await billing.getByLabel('City').fill('Oakland');
    await picture(page, 'order-form');
    await browser.expectNothingFromAxe(page, 'the form');
    await page.getByRole('button', { name: 'Save the order' }).click();

    await page.getByRole('heading', { name: /^Order \d+$/ }).waitFor();
    await page.locator('.total').getByText('€226.00').waitFor();
    await page.getByText('Market Street 1, 94105 Oakland').waitFor();
    await browser.expectNothingFromAxe(page, 'an order');
    await picture(page, 'order-detail');
    const [order] = (await orders.send('GET', '/order/orders')).json.orders;
    await orders.settled(order.id);

    await page.getByRole('link', { name: 'Shipment' }).click();
    await page.getByRole('heading', { name: `Shipment of order ${order.number}` }).waitFor();
    const text = await page.locator('main').innerText();
    assert.ok(!/€|example\.org|Oakland/.test(text), text);
    await browser.expectNothingFromAxe(page, 'a shipment');
    await page.getByRole('link', { name: 'All shipments' }).click();
    await page.getByText('Rod Johnson').waitFor();
    await picture(page, 'shipments');
    await page.getByRole('link', { name: 'Invoicing' }).click();
    await page.getByRole('link', { name: `Order ${order.number}` }).click();
    await page.getByText('rod@example.org').waitFor();
    await page.locator('.total').getByText('€226.00').waitFor();
    await browser.expectNothingFromAxe(page, 'an invoice');
    await picture(page, 'invoice');
  });

  test('a form that is not complete says what is missing and loses nothing', async (t) => {
    const page = await browser.open(t, '/order/#/new');
    await page.getByRole('textbox', { name: 'Street and number' }).fill('');
    await page.getByRole('button', { name: 'Save the order' }).click();
    await page.getByRole('alert').getByText('Some of what you entered needs another look.').waitFor();
    await page.getByRole('textbox', { name: 'Street and number' }).fill('Elsewhere 7');
    await page.getByRole('button', { name: 'Remove line 1' }).click();
    await page.getByRole('button', { name: 'Save the order' }).click();
    await page.getByRole('alert').getByText('Add at least one line.').waitFor();
    await browser.expectNothingFromAxe(page, 'the refused form');
    await picture(page, 'order-form-refused');
    await page.getByRole('button', { name: 'Add a line' }).click();
    await page.getByLabel('Count').fill('1001');
    await page.getByRole('button', { name: 'Save the order' }).click();
    await page.getByRole('alert').getByText('Some of what you entered needs another look.').waitFor();
    await page.getByLabel('Count').fill('2');
    await page.getByRole('button', { name: 'Save the order' }).click();
    await page.getByText('Elsewhere 7', { exact: false }).first().waitFor();
  });

  test('cancelling asks first, and shows in the copies', async (t) => {
    const orderId = await orders.place();
    const page = await browser.open(t, `/order/#/${orderId}`);
    await page.getByRole('button', { name: 'Cancel this order' }).click();
    await page.getByRole('button', { name: 'Keep it' }).click();
    await page.locator('.status', { hasText: 'Accepted' }).waitFor();
    await page.getByRole('button', { name: 'Cancel this order' }).click();
    await browser.expectNothingFromAxe(page, 'the question');
    await page.getByRole('button', { name: 'Cancel the order' }).click();
    await page.locator('.status', { hasText: 'Cancelled' }).waitFor();
    await orders.settled(orderId, ({ status }) => status === 'cancelled');
    await page.getByRole('link', { name: 'Shipment' }).click();
    await page.locator('.status', { hasText: 'Cancelled' }).waitFor();
  });

  test('lists stay within a telephone, and an unknown order has a way back', async (t) => {
    await orders.settled(await orders.place());
    for (const path of ['/', '/order/', '/order/#/new', '/shipping/', '/invoicing/']) {
      const page = await browser.open(t, path);
      await page.getByRole('heading', { level: 1 }).waitFor();
      await page.waitForLoadState('networkidle');
      assert.equal(await scrollsSideways(page), false, path);
      await browser.expectNothingFromAxe(page, path);
      await picture(page, `telephone${path.replaceAll(/[^a-z]+/g, '-')}`);
    }
    const lost = await browser.open(t, '/order/#/nobody');
    await lost.getByText('There is no such order.').waitFor();
    await lost.getByRole('button', { name: 'Try again' }).waitFor();
  });

  test('order is down: the pages of the others still show what they have', async (t) => {
    const orderId = await orders.place();
    await orders.settled(orderId);
    const [host] = orders.system.hosts;
    await assert.rejects(host?.reload(broken(orderService)) ?? Promise.resolve());
    t.after(() => host?.reload(orderService));
    const page = await browser.open(t, '/invoicing/');
    await page.getByText('The order service does not answer.').waitFor({ timeout: 40_000 });
    assert.ok((await page.getByRole('row').count()) > 1);
    await picture(page, 'order-is-down');
  });

  test('deliveries without an invoice are shown until they have one', async (t) => {
    const orderId = await orders.place();
    await orders.settled(orderId);
    await inDatabaseOf(
      orders,
      invoicingService,
      (sql) => sql`delete from invoices where order_id = ${orderId}`,
    );
    const page = await browser.open(t, '/invoicing/');
    await page.getByRole('alert').getByText('One delivery has no invoice.').waitFor();
  });
});
