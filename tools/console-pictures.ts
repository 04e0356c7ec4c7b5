import path from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import sharp from 'sharp';
import { createApi, eventually } from '../systems/food-to-go/demo/api.ts';
import { type Cast, gather } from '../systems/food-to-go/demo/cast.ts';
import { createCustomer } from '../test/support/customer.ts';
import { type RunningSystem, startSystem } from '../test/support/running-system.ts';

// Takes the pictures of the console that the documentation shows, of systems that have something to show:
// `node tools/console-pictures.ts [photo-print] [food-to-go]`.

const root = path.dirname(import.meta.dirname);
const viewport = { width: 1280, height: 800 };

type Open = (colorScheme: 'light' | 'dark', address: string) => Promise<Page>;

const walks: Readonly<Record<string, (system: RunningSystem, open: Open) => Promise<void>>> = {
  'photo-print': showOrder,
  'food-to-go': showDeclinedOrder,
};

async function showOrder(system: RunningSystem, open: Open): Promise<void> {
  const customer = await createCustomer(system.url);
  for (const payment of ['tok_ok', 'tok_declined', 'tok_ok', 'tok_ok']) await customer.placeOrder(payment);

  const map = await open('light', '/');
  // What services send arrives a second or two later.
  await map.locator('.map-link.is-busy').nth(8).waitFor({ state: 'attached' });
  await keep(map, 'console-map');

  const trace = await open('dark', '/traces?text=print-orders');
  await trace.getByRole('link', { name: 'POST /print-orders' }).last().click();
  await trace.getByRole('button', { name: 'process printing.printed' }).first().waitFor();
  await keep(trace, 'console-trace');
}

async function showDeclinedOrder(system: RunningSystem, open: Open): Promise<void> {
  const cast = await gather(createApi(system.url));
  for (const consumer of [cast.ada, cast.bob]) await order(cast, consumer);

  const sagas = await open('light', '/sagas');
  const compensated = sagas.getByRole('row').filter({ hasText: 'compensated' });
  await compensated.first().waitFor();
  await keep(sagas, 'console-sagas');

  await compensated.getByRole('link').first().click();
  await sagas.getByText('undone in').first().waitFor();
  await sagas.getByText(/^gave/).first().waitFor();
  await sagas
    .getByRole('row', { name: /^authorize/ })
    .getByText('asked')
    .click();
  await keep(sagas, 'console-saga');
}

async function order({ restaurant }: Cast, consumer: Cast['ada']): Promise<void> {
  const wanted = {
    restaurantId: restaurant.restaurantId,
    deliveryAddress: { street: '9 Amazing View', city: 'Oakland', postalCode: '94612' },
    lineItems: [{ menuItemId: 'vindaloo', quantity: 5 }],
  };
  // Orders keeps a copy of the restaurant, which takes a moment to get there.
  const placed = await eventually(
    () => consumer.request('POST', '/orders', wanted).catch(() => undefined),
    (answer) => answer !== undefined,
  );
  await eventually(
    () => consumer.request('GET', `/orders/${placed.orderId}`),
    ({ state }) => !state.endsWith('_PENDING'),
  );
}

/** With few colours, so that it is small. */
async function keep(page: Page, name: string): Promise<void> {
  const picture = sharp(await page.screenshot()).png({ palette: true, compressionLevel: 9, effort: 10 });
  await picture.toFile(path.join(root, 'docs', 'images', `${name}.png`));
}

function opener(browser: Browser, system: RunningSystem): Open {
  return async (colorScheme, address) => {
    const context = await browser.newContext({
      ...{ viewport, colorScheme },
      locale: 'en-GB',
      reducedMotion: 'reduce',
    });
    const page = await context.newPage();
    await page.goto(`${system.consoleUrl}${address}`);
    return page;
  };
}

const named = process.argv.slice(2);
const ending: (() => unknown)[] = [];
try {
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
  ending.unshift(() => browser.close());
  for (const [name, show] of Object.entries(walks)) {
    if (named.length > 0 && !named.includes(name)) continue;
    const flags = name === 'photo-print' ? ['--own', 'printing', '--calm'] : ['--calm'];
    const system = await startSystem(
      { after: (end) => ending.unshift(end as () => unknown) },
      { directory: path.join(root, 'systems', name), flags, environment: { CONSOLE_PORT: '0' } },
    );
    await show(system, opener(browser, system));
  }
} finally {
  for (const end of ending) await end();
}
