import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import sharp from 'sharp';
import { createApi, eventually } from '../systems/food-to-go/demo/api.ts';
import { type Cast, gather } from '../systems/food-to-go/demo/cast.ts';
import { createCustomer } from '../test/support/customer.ts';
import { type RunningSystem, startSystem } from '../test/support/running-system.ts';
import { buggyInvoicing, showPoison, showTransfer, showTryOut, showTwoWays } from './pictures/other-walks.ts';
import type { Camera, Walk } from './pictures/walk.ts';

// Takes the pictures of the console that the documentation shows, of systems that have something to show:
// `node tools/console-pictures.ts [SYSTEM …]`.

const root = path.dirname(import.meta.dirname);
const viewport = { width: 1280, height: 800 };

interface Tour {
  readonly walk: Walk;
  /** Default: the folder of its name. */
  readonly folder?: string;
  readonly flags?: readonly string[];
}

const tours: Readonly<Record<string, Tour>> = {
  'photo-print': { walk: showOrder, flags: ['--own', 'printing'] },
  'food-to-go': { walk: showDeclinedOrder },
  orders: { walk: showPoison, folder: 'orders' },
  interactions: { walk: showTwoWays, flags: ['--split'] },
  books: { walk: showTryOut, folder: 'books/stage-1' },
  'two-phase-commit': { walk: showTransfer },
};

async function showOrder(system: RunningSystem, { open, keep }: Camera): Promise<void> {
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

async function showDeclinedOrder(system: RunningSystem, { open, keep }: Camera): Promise<void> {
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

function opener(browser: Browser, system: RunningSystem): Camera['open'] {
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

/** A copy of the system with the mistake of the tutorial; removed at the end. */
function buggyCopy(folder: string): string {
  // Inside of the repository, where imports find packages.
  const copy = path.join(root, 'test', 'tmp-pictures');
  rmSync(copy, { recursive: true, force: true });
  ending.push(() => rmSync(copy, { recursive: true, force: true }));
  cpSync(path.join(root, 'systems', folder), copy, { recursive: true });
  const { file, before, after } = buggyInvoicing;
  const source = readFileSync(path.join(copy, file), 'utf8');
  if (!source.includes(before)) throw new Error(`${file} is not as the tutorial has it.`);
  writeFileSync(path.join(copy, file), source.replace(before, after));
  return copy;
}

const named = process.argv.slice(2);
const ending: (() => unknown)[] = [];
try {
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
  ending.unshift(() => browser.close());
  for (const [name, { walk, folder = name, flags = [] }] of Object.entries(tours)) {
    if (named.length > 0 && !named.includes(name)) continue;
    const directory = name === 'orders' ? buggyCopy(folder) : path.join(root, 'systems', folder);
    const system = await startSystem(
      { after: (end) => ending.unshift(end as () => unknown) },
      { directory, flags: [...flags, '--calm'], environment: { CONSOLE_PORT: '0' } },
    );
    await walk(system, { open: opener(browser, system), keep });
  }
} finally {
  for (const end of ending) await end();
}
