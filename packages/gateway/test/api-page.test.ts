import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type TestContext, test } from 'node:test';
import { contract, operation } from '@banyan/contract';
import { expose } from '@banyan/gateway';
import { chromium, type Page } from 'playwright-core';
import { z } from 'zod';
import { everything, runShop } from './support/running-shop.ts';

const executablePath = '/usr/bin/chromium';
const browserMissing = existsSync(executablePath) ? false : `${executablePath} is not installed`;
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

async function openPage(t: TestContext, url: string, colorScheme: 'light' | 'dark'): Promise<Page> {
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
  t.after(() => browser.close());
  // For axe alone: the page itself runs no script at all.
  const page = await browser.newPage({ viewport: { width: 390, height: 844 }, colorScheme, bypassCSP: true });
  await page.goto(url);
  return page;
}

for (const scheme of ['light', 'dark'] as const) {
  test(`the API page is accessible on a phone in ${scheme} colours`, { skip: browserMissing }, async (t) => {
    const { url } = await runShop(t);
    const page = await openPage(t, `${url}/docs`, scheme);
    await page.addScriptTag({ content: axe });
    const found = await page.evaluate<{ id: string; target: string }[]>(
      '(async () => (await axe.run()).violations.map(({ id, nodes }) => ({ id, target: nodes[0].html })))()',
    );
    assert.deepEqual(found, []);
    const width = await page.evaluate<number>('document.documentElement.scrollWidth');
    assert.equal(width, 390);
  });
}

test('the API page is styled under its own content policy', { skip: browserMissing }, async (t) => {
  const { url } = await runShop(t);
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
  t.after(() => browser.close());
  const page = await browser.newPage();
  const complaints: string[] = [];
  page.on('console', (message) => complaints.push(message.text()));
  await page.goto(`${url}/docs`);
  assert.notEqual(
    await page.evaluate('getComputedStyle(document.querySelector("article")).borderTopStyle'),
    'none',
  );
  // Browsers ask for the icon by themselves.
  assert.deepEqual(
    complaints.filter((text) => !text.includes('404')),
    [],
  );
});

test('describes every exposed operation and no other', async (t) => {
  const { url } = await runShop(t, { gateway: { description: 'All about <mugs> & more.' } });
  const page = await (await fetch(`${url}/docs`)).text();
  for (const text of [
    'photo shop API', 'All about &lt;mugs&gt; &amp; more.', '/products', '/orders/:orderId', 'List what can be ordered',
    'Takes the order and makes it later.', 'shipTo.city', 'lines[].text', '&quot;FR&quot; | &quot;DE&quot; | &quot;GB&quot;', 'What to make.',
    'soldOut', '409', 'details.left', 'There is none left.', 'image/png, image/jpeg; at most 32 MiB', 'signed-in user',
    'signed-in user with scope reports:read', '/orders/{orderId}', 'default 10', 'length ≤ 40',
  ]) {
    assert(page.includes(text), text);
  } // biome-ignore format: a table
  assert.doesNotMatch(page, /\/hidden|\/keys|<script/);
});

test('each operation has a curl line that works', async (t) => {
  const shop = await runShop(t);
  const page = await (await fetch(`${shop.url}/docs`)).text();
  const lines = [...page.matchAll(/<code>(curl [^<]*)<\/code>/g)].map((match) =>
    unescapeHtml(match[1] ?? ''),
  );
  assert.equal(lines.length, 9);
  assert(
    lines.includes(
      `curl -X POST '${shop.url}/orders' -H 'content-type: application/json' -d '{"sku":"text","shipTo":{"city":"text","country":"FR"}}'`,
    ),
    lines.join('\n'),
  );
  assert(lines.includes(`curl -X DELETE '${shop.url}/orders/text' -H "authorization: Bearer $TOKEN"`));
  assert(
    lines.includes(`curl -X POST '${shop.url}/pictures' -H 'content-type: image/png' --data-binary @file`),
  );
});

test('texts of a contract cannot become markup or leave the quotes of the shell', async (t) => {
  const evil = `'"><script>alert(1)</script>$(id)\``;
  const nasty = contract('nasty', {
    version: '1.0.0',
    description: evil,
    operations: {
      run: operation('POST /run', {
        summary: evil,
        description: evil,
        input: z.object({ text: z.string().default(evil).describe(evil), [evil]: z.string() }),
        output: z.object({ ok: z.literal(evil) }),
        errors: { no: { status: 400, description: evil } },
      }),
    },
  });
  const { url } = await runShop(t, {
    gateway: { expose: [everything, expose(nasty, { run: 'anyone' })], title: evil },
  });
  const page = await (await fetch(`${url}/docs`)).text();
  assert.doesNotMatch(page, /<script/);
  const line = [...page.matchAll(/<code>(curl [^<]*)<\/code>/g)]
    .map((match) => unescapeHtml(match[1] ?? ''))
    .at(-1);
  // Outside of single quotes there is nothing left that a shell would act on.
  assert.doesNotMatch((line ?? '').replaceAll(/'[^']*'|\\'/g, ''), /[$`<>"]/);
});

test('names recursive and deep schemas without getting lost', async (t) => {
  const Node = z.object({
    name: z.string(),
    get children() {
      return z.array(Node);
    },
  });
  const trees = contract('trees', {
    version: '1.0.0',
    operations: { plant: operation('POST /trees', { input: Node, output: Node }) },
  });
  const { url } = await runShop(t, { gateway: { expose: [everything, expose(trees, { plant: 'anyone' })] } });
  const page = await (await fetch(`${url}/docs`)).text();
  assert(page.includes('children[].children[].name'));
  assert(page.length < 200_000, `${page.length} characters`);
});

function unescapeHtml(markup: string): string {
  return markup
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&');
}
