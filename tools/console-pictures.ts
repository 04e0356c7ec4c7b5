import path from 'node:path';
import { chromium } from 'playwright-core';
import { createCustomer } from '../test/support/customer.ts';
import { startSystem } from '../test/support/running-system.ts';

// Takes the pictures of the console that the documentation shows, of a photo-print that has some orders:
// `node tools/console-pictures.ts`.

const folder = path.join(path.dirname(import.meta.dirname), 'docs', 'images');
const ending: (() => unknown)[] = [];

try {
  const system = await startSystem(
    { after: (end) => ending.unshift(end as () => unknown) },
    { flags: ['--own', 'printing', '--calm'], environment: { CONSOLE_PORT: '0' } },
  );
  const customer = await createCustomer(system.url);
  for (const payment of ['tok_ok', 'tok_declined', 'tok_ok', 'tok_ok']) await customer.placeOrder(payment);
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
  ending.unshift(() => browser.close());
  const open = async (colorScheme: 'light' | 'dark', address: string) => {
    const viewport = { width: 1280, height: 800 };
    const context = await browser.newContext({
      viewport,
      colorScheme,
      locale: 'en-GB',
      reducedMotion: 'reduce',
    });
    const page = await context.newPage();
    await page.goto(`${system.consoleUrl}${address}`);
    return page;
  };

  const map = await open('light', '/');
  // What services send arrives a second or two later.
  await map.locator('.map-link.is-busy').nth(8).waitFor({ state: 'attached' });
  await map.screenshot({ path: path.join(folder, 'console-map.png') });

  const trace = await open('dark', '/traces?text=print-orders');
  await trace.getByRole('link', { name: 'POST /print-orders' }).last().click();
  await trace.getByRole('button', { name: 'process printing.printed' }).first().waitFor();
  await trace.screenshot({ path: path.join(folder, 'console-trace.png') });
} finally {
  for (const end of ending) await end();
}
