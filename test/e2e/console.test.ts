import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { userInfo } from 'node:os';
import { after, before, describe, test } from 'node:test';
import { untilPasses } from '@banyan/testing';
import type { Page } from 'playwright-core';
import { type Customer, createCustomer } from '../support/customer.ts';
import { noChromium, type PageBrowser, picture, startPageBrowser } from '../support/page-browser.ts';
import {
  photoPrintDirectory,
  type RunningSystem,
  runBanyan,
  startSystem,
} from '../support/running-system.ts';
import { atTills, tillDirectory } from '../support/till-system.ts';

const pages: readonly (readonly [path: string, heading: string])[] = [
  ['/', 'Map'],
  ['/?service=orders', 'Map'],
  ['/control', 'Control'],
  ['/traces', 'Traces'],
  ['/logs', 'Logs'],
  ['/errors', 'Errors'],
  ['/metrics', 'Metrics'],
  ['/depth', 'Call depth'],
  ['/objectives', 'Objectives'],
  ['/messages', 'Messages'],
  ['/sagas', 'Sagas'],
  ['/streams', 'Event streams'],
  ['/contracts', 'Contracts'],
  ['/contracts/payments?operation=registerCard', 'payments'],
  ['/contracts/orders', 'orders'],
  ['/configuration', 'Configuration'],
  ['/audit', 'Audit'],
  ['/nothing-here', 'No such page'],
];

/** Those that a telephone shows in another way. */
const narrowlyDifferent = new Set(['/', '/?service=orders', '/traces', '/messages']);

const environment = { CONSOLE_PORT: '0' };

describe('the console of a running system, in Chromium', { skip: noChromium }, () => {
  let system: RunningSystem;
  let browser: PageBrowser;
  let customer: Customer;
  let orderId: string;
  const cleanUps: (() => unknown)[] = [];
  before(async () => {
    const suite = { after: (cleanUp: () => unknown) => void cleanUps.unshift(cleanUp) };
    system = await startSystem(suite, { flags: ['--own', 'printing', '--calm'], environment });
    browser = await startPageBrowser(suite, system.consoleUrl ?? assert.fail('There is no console.'));
    customer = await createCustomer(system.url);
    const answer = await customer.placeOrder('tok_ok');
    assert.equal(answer.status, 202);
    ({ orderId } = (await answer.json()) as { readonly orderId: string });
  });
  after(async () => {
    for (const cleanUp of cleanUps) await cleanUp();
  });

  for (const viewport of ['laptop', 'telephone'] as const) {
    test(`every page opens on a ${viewport}, without an error, and is clean for axe in light and dark`, async (t) => {
      const page = await browser.open(t, '', viewport);
      const faults: string[] = [];
      page.on('console', (message) => {
        if (message.type() === 'error') faults.push(`${page.url()}: ${message.text()}`);
      });
      for (const [path, name] of pages) {
        await page.goto((system.consoleUrl ?? '') + path);
        await page.getByRole('heading', { level: 1, name, exact: true }).waitFor();
        await untilPasses(async () => assert.equal(await page.locator('.wait').count(), 0));
        if (viewport === 'laptop' || narrowlyDifferent.has(path))
          await browser.expectNothingFromAxe(page, path);
        assert.equal(await page.getByRole('alert').count(), 0, `${path}: ${await page.innerText('main')}`);
        const isTooWide = 'document.documentElement.scrollWidth > document.documentElement.clientWidth';
        assert.equal(await page.evaluate(isTooWide), false, `${path} scrolls sideways`);
        await picture(page, `console-${name.toLowerCase().replaceAll(' ', '-')}-${viewport}`);
      }
      assert.deepEqual(faults, []);
    });
  }

  test('calls that wait for each other deeper than they may are on the page, and fail the command', async (t) => {
    const depth = async (...words: readonly string[]) => {
      const place = ['--dir', photoPrintDirectory, '--data', system.dataFolder];
      const run = runBanyan(['depth', ...words, ...place], environment);
      const { code } = await run.exited;
      return { code, output: run.output() };
    };
    // Spans arrive a second or two after what they tell of.
    await untilPasses(async () => {
      const { code, output } = await depth('--at-most', '1');
      assert.equal(code, 1, output);
      assert.match(output, /2 ✗ +gateway \S+ \/\S* → \S+ \S+ → /);
      assert.match(output, /\d+ deeper than 1\./);
    });
    const shallow = await depth('--at-most', '9');
    assert.equal(shallow.code, 0, shallow.output);
    assert.match(shallow.output, /None is deeper than 9\./);
    assert.equal((await depth('--at-most', 'none')).code, 2);

    const page = await browser.open(t, '/depth?atMost=1', 'laptop');
    await page.getByText(/^\d+ operations? deeper than 1$/).waitFor();
    await page
      .getByRole('link', { name: /^gateway .* → .* → / })
      .first()
      .click();
    await page.getByRole('heading', { level: 1, name: /^gateway|POST|GET|PUT/ }).waitFor();
  });

  test('a contract names its metrics, and leads to how they run', async (t) => {
    const page = await browser.open(t, '/contracts/orders', 'laptop');
    await page.getByText('Orders that were placed. By payment (card, wallet).').waitFor();
    await page.getByRole('link', { name: 'orders_placed_total' }).click();
    await heading(page, 'Metrics').waitFor();
    await page.getByText('Orders that were placed., per second').first().waitFor();
    await page.getByText(/metrics, 1 shown/).click();
    await page.getByRole('heading', { name: "Of the services' own" }).waitFor();
    assert.equal(await page.getByLabel('orders_placed_total').isChecked(), true);
    assert.equal(await page.getByLabel('process_uptime_seconds').count(), 0);
  });

  test('a part of the time of a chart is looked at closer, by marking it or with the keyboard alone', async (t) => {
    const page = await browser.open(t, '/metrics', 'laptop');
    const whole = page.getByRole('button', { name: /show all again$/ });
    const minutes = () => {
      const [from = Number.NaN, to = Number.NaN] = ['from', 'to'].map(
        (name) => Date.parse(new URL(page.url()).searchParams.get(name) ?? '') / 60_000,
      );
      return { to, length: to - from };
    };
    const plot = page.locator('.u-over').first();
    await plot.waitFor();
    await plot.hover();
    const box = (await plot.boundingBox()) ?? assert.fail('the chart is not drawn');
    await page.mouse.move(box.x + box.width / 4, box.y + 20);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width / 2, box.y + 20);
    await page.mouse.up();
    await whole.waitFor();
    assert.ok(minutes().length > 0 && minutes().length < 15, page.url());
    await whole.click();
    await whole.waitFor({ state: 'detached' });

    // A quarter of an hour is shown; half of it is in the middle.
    await page.getByRole('button', { name: 'Closer' }).focus();
    await page.keyboard.press('Enter');
    await whole.waitFor();
    const closer = minutes();
    assert.ok(Math.abs(closer.length - 7.5) < 0.01, page.url());
    await page.keyboard.press('Shift+Tab');
    await page.keyboard.press('Shift+Tab');
    await expectFocus(page, 'Earlier');
    await page.keyboard.press('Enter');
    await untilPasses(async () => assert.ok(Math.abs(closer.to - minutes().to - 3.75) < 0.01, page.url()));
    assert.ok(Math.abs(minutes().length - 7.5) < 0.01, page.url());
    await page.getByRole('button', { name: 'Wider' }).focus();
    await page.keyboard.press('Enter');
    await untilPasses(async () => assert.ok(Math.abs(minutes().length - 15) < 0.01, page.url()));
  });

  test('the keyboard alone goes everywhere and does what can be done', async (t) => {
    const page = await browser.open(t, '', 'laptop');
    await serviceOf(page, 'orders', /healthy/).waitFor();
    await page.keyboard.press('Tab');
    await expectFocus(page, 'Skip to content');

    await page.keyboard.press('/');
    await typeInPalette(page, 'contr');
    await page.keyboard.press('ArrowDown');
    await page.getByRole('option', { name: 'Contracts', selected: true }).waitFor();
    await page.keyboard.press('Enter');
    await heading(page, 'Contracts').waitFor();
    await page.getByRole('link', { name: 'payments', exact: true }).waitFor();
    await page.keyboard.press('j');
    await page.keyboard.press('j');
    await page.keyboard.press('k');
    await page.keyboard.press('Enter');
    await heading(page, 'registration').waitFor();
    await page.goBack();
    await heading(page, 'Contracts').waitFor();

    await page.keyboard.press('Control+k');
    await typeInPalette(page, 'printing');
    await page.getByRole('option', { name: 'printing service', selected: true }).waitFor();
    await page.keyboard.press('Enter');
    await page.getByRole('complementary', { name: 'Service printing' }).waitFor();
    assert.equal(new URL(page.url()).searchParams.get('service'), 'printing');

    await page.keyboard.press('g');
    await page.keyboard.press('c');
    await heading(page, 'Control').waitFor();
    const part = page.getByRole('region', { name: 'Process of printing' });
    await part.getByText('ready').waitFor();
    await part.getByRole('button', { name: 'Pause printing' }).focus();
    await page.keyboard.press('Enter');
    await part.getByText('paused').waitFor();
    await part.getByRole('button', { name: 'Go on printing' }).focus();
    await page.keyboard.press('Enter');
    await part.getByText('ready').waitFor();

    await page.keyboard.press('?');
    await page.getByRole('dialog', { name: 'Keys' }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog', { name: 'Keys' }).waitFor({ state: 'detached' });

    await page.keyboard.press('g');
    await page.keyboard.press('b');
    await heading(page, 'Objectives').waitFor();
    const form = page.getByRole('form', { name: 'State an objective' });
    await form.getByRole('combobox', { name: 'Service' }).selectOption('orders');
    await form.getByLabel('Within so many milliseconds').fill('250');
    await page.keyboard.press('Enter');
    await page.getByRole('link', { name: 'orders', exact: true }).waitFor();
    await page.getByText('99.9 % good, within 250 ms').waitFor();
  });

  test('one order is one trace, from the gateway to the label, with its critical path', async (t) => {
    const page = await browser.open(t, '/traces', 'laptop');
    await page.getByRole('link', { name: 'POST /print-orders gateway' }).click();
    const waterfall = page.getByRole('region', { name: 'Waterfall' });
    for (const span of [
      /^POST \/print-orders, gateway, operation/,
      /^orders\.placeOrder, orders, operation.* critical/,
      /^INSERT orders, orders, SQL/,
      /^process orders\.placed, payments, event/,
      /^process printing\.started, printing, event/,
      /^process printing\.printed, despatch, event/,
    ])
      await waterfall.getByRole('button', { name: span }).first().waitFor();
    await waterfall.getByRole('button', { name: /^INSERT orders/ }).click();
    await page.getByRole('complementary', { name: 'Span INSERT orders' }).getByText('postgresql').waitFor();
  });

  test('a service that is killed is seen on the map within two seconds, and so is its recovery', async (t) => {
    const page = await browser.open(t, '', 'laptop');
    await serviceOf(page, 'printing', /healthy/).waitFor();
    // Again whenever it is back: it may be so sooner than the page asks.
    const kill = () => {
      const pid = system.children().get('printing');
      if (pid !== undefined) process.kill(pid, 'SIGKILL');
    };
    kill();
    const killing = setInterval(kill, 100);
    try {
      await serviceOf(page, 'printing', /down|starting/).waitFor({ timeout: 20_000 });
    } finally {
      clearInterval(killing);
    }
    await serviceOf(page, 'orders', /healthy/).waitFor();
    await serviceOf(page, 'printing', /healthy/).waitFor();
    await serviceOf(page, 'printing', /healthy/).click();
    const restarts = page.getByRole('region', { name: 'Instances of printing' }).getByRole('cell').last();
    assert.ok(Number(await restarts.innerText()) >= 1);
  });

  test('a service is slowed from the page, the map shows it, and its next start ends it', async (t) => {
    const page = await browser.open(t, '/control', 'laptop');
    await page.getByLabel('Each call to printing waits').selectOption('300 ms');
    await page.getByText('Slowed: printing.').waitFor();
    await page.getByRole('link', { name: 'Map' }).click();
    await serviceOf(page, 'printing', /slowed 300 ms/).waitFor();
    await serviceOf(page, 'orders', /healthy/).waitFor();
    await page.getByRole('link', { name: 'Control' }).click();
    await page.getByRole('button', { name: 'Restart printing' }).click();
    await page.getByText('Restart: printing.').waitFor();
    await page.getByRole('link', { name: 'Map' }).click();
    await serviceOf(page, 'printing', /healthy/).waitFor();
  });

  test('a service that does not answer in time opens the circuits of its callers, and the map shows it, and that they close again', async (t) => {
    const page = await browser.open(t, '/?service=gateway', 'laptop');
    const circuit = page
      .getByRole('complementary', { name: 'Service gateway' })
      .getByText(/^circuit (half )?open$/);
    const slow = async (delayMs: number) => {
      const body = JSON.stringify({ action: 'slow', delayMs });
      const headers = { 'content-type': 'application/json' };
      const answer = await fetch(`${system.consoleUrl}/api/control/printing`, {
        method: 'POST',
        headers,
        body,
      });
      assert.equal(answer.status, 200, await answer.text());
    };
    const sheet = async () => (await customer.fetch(`/print-orders/${orderId}/sheet`)).status;
    await untilPasses(async () => assert.equal(await sheet(), 200));
    assert.equal(await circuit.count(), 0);
    // Longer than any caller waits. Paused it would be gone from the registry before, and its circuits with it.
    await slow(60_000);
    const statuses = await Promise.all(Array.from({ length: 6 }, sheet));
    assert.ok(
      statuses.every((status) => status >= 500),
      String(statuses),
    );
    await circuit.waitFor();
    await slow(0);
    await untilPasses(async () => assert.equal(await sheet(), 200));
    await circuit.waitFor({ state: 'detached' });
    await serviceOf(page, 'printing', /healthy|errors/).waitFor();
  });

  test('two versions of a service that answer side by side are apart on the map, with their rates and errors', async (t) => {
    const tell = async (version: string, isError: boolean) => {
      const nowMs = Date.now();
      const id = () => randomBytes(8).toString('hex');
      const span = {
        ...{ traceId: id() + id(), spanId: id(), name: 'partner.ask', kind: 2 },
        startTimeUnixNano: `${nowMs - 1}000000`,
        endTimeUnixNano: `${nowMs}000000`,
        status: isError ? { code: 2 } : {},
        attributes: [{ key: 'banyan.caller', value: { stringValue: 'gateway' } }],
      };
      const names = { 'service.name': 'partner', 'service.version': version };
      const attributes = Object.entries(names).map(([key, stringValue]) => ({ key, value: { stringValue } }));
      const answer = await fetch(`${system.consoleUrl}/v1/traces`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
          resourceSpans: [{ resource: { attributes }, scopeSpans: [{ spans: [span] }] }],
        }),
      });
      assert.equal(answer.status, 200, await answer.text());
    };
    const page = await browser.open(t, '/?service=partner', 'laptop');
    const versions = page.getByRole('region', { name: 'Versions of partner' });
    // What is shown is that of the last minute.
    await untilPasses(async () => {
      await tell('1.9.0', false);
      await tell('1.10.0', true);
      assert.match(
        (await versions.innerText({ timeout: 5_000 })).replaceAll(/\s+/g, ' '),
        /1\.9\.0 \S+ 0 % .*1\.10\.0 \S+ 100 %/,
      );
    });
    await page.getByText('1.9.0 + 1.10.0').waitFor();
    await browser.expectNothingFromAxe(page, 'versions');
    await picture(page, 'console-map-versions-laptop');
    await page
      .getByRole('complementary', { name: 'Service partner' })
      .getByRole('link', { name: 'gateway' })
      .click();
    await untilPasses(async () => {
      await tell('1.9.0', false);
      await tell('1.10.0', true);
      const link = page.getByRole('list', { name: 'gateway to partner, by version' });
      const text = await link.innerText({ timeout: 5_000 });
      assert.match(text.replaceAll(/\s+/g, ' '), /^1\.9\.0 [^%]*1\.10\.0 .* 100 % err$/);
    });
  });
});

test('a poisoned event is found, repaired and retried from the page, and the audit says who did it', {
  skip: noChromium,
}, async (t) => {
  const system = await startSystem(t, { directory: tillDirectory, flags: ['--calm'], environment });
  const browser = await startPageBrowser(t, system.consoleUrl ?? assert.fail('There is no console.'));
  const tills = atTills(system.url);
  await tills.setTill('a', true);
  await tills.sell('a', [5, -1, 5]);

  const page = await browser.open(t, '/messages', 'laptop');
  await page.getByRole('link', { name: 'sales.sold for books' }).click();
  await page.getByText('cannot be kept of an amount of -1').first().waitFor();
  await page.getByText('1 event of the same key').waitFor();
  await page.getByRole('button', { name: 'Edit and retry' }).click();
  const dialog = page.getByRole('dialog', { name: 'Deliver it with other data?' });
  await dialog.getByLabel('Data, as JSON').fill('{ "till": "a", "number": 2, ');
  await dialog.getByRole('button', { name: 'Retry with this' }).click();
  await dialog.getByRole('alert').getByText('This is no JSON').waitFor();
  await dialog.getByLabel('Data, as JSON').fill('{ "till": "a", "number": 2, "amount": 1 }');
  await dialog.getByRole('button', { name: 'Retry with this' }).click();
  await page.getByText('Delivered again, with the new data.').waitFor();
  await untilPasses(async () => assert.deepEqual(await tills.booked('a'), [1, 2, 3]));
  await page.getByText('No dead letters.').waitFor();

  await tills.sell('b', [5]);
  await page.getByRole('button', { name: 'Retry all' }).waitFor();
  await tills.setTill('b', true);
  await page.getByRole('button', { name: 'Retry all' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Retry all' }).click();
  await page.getByText('1 event delivered again.').waitFor();
  await untilPasses(async () => assert.deepEqual(await tills.booked('b'), [1]));

  await page.getByRole('link', { name: 'Audit' }).click();
  const records = page.getByRole('region', { name: 'Records, newest first' }).getByRole('row');
  await records.filter({ hasText: 'events.edit' }).waitFor();
  const texts = (await records.allInnerTexts()).slice(1);
  const me = userInfo().username;
  assert.equal(texts.length, 2);
  assert.match(texts[0] ?? '', new RegExp(`\\b${me}\\b.*events\\.retry`, 's'));
  assert.match(texts[1] ?? '', new RegExp(`\\b${me}\\b.*events\\.edit`, 's'));
});

function heading(page: Page, name: string) {
  return page.getByRole('heading', { level: 1, name });
}

/** A service on the map, by the state that it is in. */
function serviceOf(page: Page, name: string, state: RegExp) {
  return page.getByRole('link', { name: new RegExp(`^${name}\\s*: (${state.source}),`) });
}

async function expectFocus(page: Page, text: string): Promise<void> {
  assert.equal(await page.evaluate('document.activeElement.textContent.trim()'), text);
}

async function typeInPalette(page: Page, text: string): Promise<void> {
  await page.getByRole('combobox').waitFor();
  await page.keyboard.type(text);
}
