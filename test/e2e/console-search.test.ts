import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { createConsoleServer } from '@banyan/console-api';
import { silentLogger } from '@banyan/core';
import { buildConsole } from '../../apps/console/build.ts';
import { noChromium, startPageBrowser } from '../support/page-browser.ts';

const line = (message: string) => ({
  ...{ id: message, at: '2026-11-22T08:00:00.000000Z', level: 'info' as const },
  ...{ service: 'shop', message, attributes: {} },
});

/** The console's page over a store whose searches stop twice before their end, and whose next `failures` fail when they go on. */
async function startSearches(t: { after(cleanUp: () => unknown): void }, failures = 0) {
  let left = failures;
  const server = createConsoleServer({
    ...{ host: '127.0.0.1', port: 0, access: { kind: 'loopback' }, version: '0.0.0', logger: silentLogger },
    site: pathToFileURL(`${await buildConsole()}/`),
    telemetry: {
      async searchLogs({ after }) {
        if (after === undefined)
          return { lines: [], next: 'second', searchedTo: '2026-11-22T07:00:00.000000Z' };
        if (left > 0) {
          left -= 1;
          throw new Error('the store is away');
        }
        if (after === 'second')
          return { lines: [line('found late')], next: 'third', searchedTo: '2026-11-22T06:00:00.000000Z' };
        return { lines: [line('found last')] };
      },
    },
    operations: {
      getSystem: async () => ({
        ...{ name: 'shop', version: '0.0.0', development: true, by: 'somebody' },
        services: [],
      }),
    },
  });
  t.after(() => server.stop());
  return server.start();
}

test('a search that stopped before its end says so on the page, and goes on when it is asked to', {
  skip: noChromium,
}, async (t) => {
  const browser = await startPageBrowser(t, await startSearches(t));
  const page = await browser.open(t, '/logs?text=gold', 'laptop');
  const further = page.getByRole('button', { name: 'Search further back' });
  await page.getByText('None so far.').waitFor();
  await page.getByText(/^Searched back to .*: there may be more\.$/).waitFor();
  await browser.expectNothingFromAxe(page, 'a search that stopped');
  await further.click();
  await page.getByText('found late').waitFor();
  await further.click();
  await page.getByText('found last').waitFor();
  await page.getByText('Searched to the end.').waitFor();
  assert.equal(await page.getByText('found late').count(), 1);
  await page.getByRole('button', { name: 'Back to the newest' }).click();
  await page.getByText('None so far.').waitFor();
});

test('a search that could not go on says so, goes back to the newest, and goes on when it is asked again', {
  skip: noChromium,
}, async (t) => {
  const browser = await startPageBrowser(t, await startSearches(t, 2));
  const page = await browser.open(t, '/logs?text=gold', 'laptop');
  const further = page.getByRole('button', { name: 'Search further back' });
  const back = page.getByRole('button', { name: 'Back to the newest' });
  const problem = page.getByText('That did not work.');
  await further.click();
  await problem.waitFor();
  await back.click();
  await problem.waitFor({ state: 'detached' });
  await back.waitFor({ state: 'detached' });
  await further.click();
  await problem.waitFor();
  await further.click();
  await page.getByText('found late').waitFor();
  assert.equal(await problem.count(), 0);
});

test('each page brings the scripts that it needs, and none of another', async (t) => {
  const url = await startSearches(t);
  const scriptsOf = async (path: string) => {
    const answer = await fetch(`${url}${path}`);
    assert.equal(answer.headers.get('content-type'), 'text/html; charset=utf-8');
    return [...(await answer.text()).matchAll(/modulepreload" href="\/([a-z]+-page)?/g)].flatMap(
      ([, page]) => (page === undefined ? [] : [page]),
    );
  };
  assert.deepEqual(await scriptsOf('/'), ['map-page']);
  assert.deepEqual(await scriptsOf('/traces'), ['traces-page']);
  assert.deepEqual(await scriptsOf('/traces/00000000000000000000000000000001'), ['traces-page']);
  // What is not there is said by the front end.
  assert.deepEqual(await scriptsOf('/nowhere'), ['map-page']);
});
