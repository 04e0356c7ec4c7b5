import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { eventually, lastFirst, type Undoing } from '@banyan/testing';
import { noChromium, startPageBrowser } from '../support/page-browser.ts';
import { consoleOf, startSystem } from '../support/running-system.ts';
import { atTills, tillDirectory } from '../support/till-system.ts';

const environment = { CONSOLE_PORT: '0' };
const sagaDirectory = fileURLToPath(new URL('./fixtures/saga-system/', import.meta.url));

/** Takes what is posted. */
async function startReceiver(t: Undoing) {
  const posted: unknown[] = [];
  const server = createServer((request, response) => {
    json(request).then((body) => posted.push(body), assert.fail);
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  lastFirst(t).after(() => server.close());
  return { posted, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` };
}

test('an error is found with its stack, given an owner and resolved on its page', {
  skip: noChromium,
}, async (t) => {
  const { posted, url: webhook } = await startReceiver(t);
  const owners = { BANYAN_ALERT_WEBHOOK: webhook, BANYAN_ERROR_OWNERS: 'books=Bea' };
  const system = await startSystem(t, {
    directory: tillDirectory,
    flags: ['--calm'],
    environment: { ...environment, ...owners },
  });
  const tills = atTills(system.url);
  await tills.setTill('a', true);
  await tills.sell('a', [5, -1]);
  const browser = await startPageBrowser(t, consoleOf(system));

  const page = await browser.open(t, '/logs?level=error', 'laptop');
  await page
    .getByRole('button', { name: /the event is dead/ })
    .first()
    .click();
  await page.getByRole('link', { name: 'All errors like this one' }).click();
  await page.getByRole('heading', { level: 1, name: 'invalid_event' }).waitFor();
  await page.getByRole('link', { name: 'Errors', exact: true }).click();
  await page.getByRole('link', { name: /cannot be kept of an amount of -1/ }).click();
  await page.getByRole('heading', { level: 2, name: 'Stack' }).waitFor();
  await page
    .getByText(/till-system\/system\.ts:\d+/)
    .first()
    .waitFor();
  // It is told of in a line of the log alone: to refuse an event is no fault of the span.
  const newest = page.getByRole('region', { name: 'Newest errors of this group' });
  await newest.getByRole('link').first().click();
  await page
    .getByRole('region', { name: 'Waterfall' })
    .getByRole('button', { name: /^process sales\.sold, books, event/ })
    .first()
    .waitFor();
  await page.goBack();
  await page.getByText('open, Bea').waitFor();
  const [told] = (await eventually(
    async () => posted,
    ({ length }) => length > 0,
  )) as readonly {
    readonly state: string;
    readonly error: { readonly service: string; readonly owner: string };
  }[];
  assert.deepEqual([told?.state, told?.error.service, told?.error.owner], ['new', 'books', 'Bea']);
  await page.getByRole('button', { name: 'Another owner' }).click();
  await page.getByLabel('Owner').fill('Ada');
  await page.getByRole('button', { name: 'Keep' }).click();
  await page.getByText('Ada looks after it.').waitFor();
  await page.getByRole('button', { name: 'It is resolved' }).click();
  await page.getByText('resolved, Ada').waitFor();

  await page.getByRole('link', { name: 'Alert on a burst' }).click();
  const form = page.getByRole('form', { name: 'Alert on a burst of errors' });
  await form.getByLabel('More errors than this').fill('0');
  await page.keyboard.press('Enter');
  const bounds = page.getByRole('region', { name: 'Bounds of errors' }).getByRole('row');
  await bounds.filter({ hasText: 'books, one error alone' }).getByText('too many').waitFor();
  const alerts = page.getByRole('region', { name: 'Alerts, those that fire first' }).getByRole('row');
  await alerts.filter({ hasText: /books: \d+ errors of the group .* more than 0/ }).waitFor();
  await browser.expectNothingFromAxe(page, 'bounds of errors');
});

test('a saga that is stuck is found and repaired on its page, and one that waits is cancelled; the audit says so', {
  skip: noChromium,
}, async (t) => {
  const system = await startSystem(t, { directory: sagaDirectory, flags: ['--calm'], environment });
  const begin = async (path: string) => {
    const answer = await fetch(`${system.url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'side' }),
    });
    return ((await answer.json()) as { readonly sagaId: string }).sagaId;
  };
  const [visit, wait] = [await begin('/visits'), await begin('/waits')];
  const browser = await startPageBrowser(t, consoleOf(system));
  const page = await browser.open(t, '/sagas', 'laptop');
  const stuck = page.getByRole('row').filter({ hasText: 'stuck' });
  await stuck.first().waitFor();
  await stuck.getByRole('link').first().click();
  await page.getByText(visit).waitFor();
  await page.getByRole('img', { name: 'Path of visit: stuck' }).waitFor();
  await page.getByRole('button', { name: 'Repair' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Result of the step, as JSON').fill('{ "passed": "the garden" }');
  await dialog.getByRole('button', { name: 'Repair' }).click();
  await page.getByRole('img', { name: 'Path of visit: completed' }).waitFor();

  await page.goto(`${consoleOf(system)}/sagas/visits/${wait}`);
  await page.getByRole('button', { name: 'Cancel' }).click();
  await dialog.getByRole('button', { name: 'Cancel' }).click();
  await page.getByRole('img', { name: 'Path of wait: compensated' }).waitFor();

  await page.getByRole('link', { name: 'Audit' }).click();
  const records = page.getByRole('region', { name: 'Records, newest first' }).getByRole('row');
  await records.filter({ hasText: 'saga.repair' }).waitFor();
  await records.filter({ hasText: 'saga.cancel' }).waitFor();
});
