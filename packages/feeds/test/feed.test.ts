import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '@banyan/core/testing';
import { parseXml, XmlElement } from '@rgrove/parse-xml';
import { json, startOrders, titlesOf } from './support/orders-feed.ts';
import { exchange } from './support/raw-bytes.ts';

function childrenOf(parent: XmlElement, name: string): XmlElement[] {
  return parent.children.filter(
    (child): child is XmlElement => child instanceof XmlElement && child.name === name,
  );
}

function onlyText(parent: XmlElement, name: string): string {
  const [only, ...others] = childrenOf(parent, name);
  assert.ok(only !== undefined && others.length === 0, `one ${name} in ${parent.name}`);
  return only.text;
}

const rfc3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z$/;
const tagUri = /^tag:orders\.example,2026:orders\/feed(?:\/[^/]+)?$/;

for (const [what, placement] of [
  ['in one process', undefined],
  ['with the gateway elsewhere', [['gateway'], ['orders']]],
] as const) {
  test(`an event becomes an Atom entry as RFC 4287 wants it, ${what}`, async (t) => {
    const { client, url } = await startOrders(
      t,
      {},
      placement?.map((group) => [...group]),
    );
    await client.placeOrder({ orderId: 'a/1', item: 'mug <b>&amp;</b> \u0001' });
    await client.append({ entries: [{ id: 'bare', title: 'Bare' }] });
    await eventually(
      async () => titlesOf(await json(url)).length,
      (count) => count === 2,
    );
    const response = await fetch(url);
    assert.equal(response.headers.get('content-type'), 'application/atom+xml');
    assert.match(response.headers.get('vary') ?? '', /accept/i);
    const { root } = parseXml(await response.text());
    assert.ok(root !== null && root.name === 'feed');
    assert.equal(root.attributes['xmlns'], 'http://www.w3.org/2005/Atom');
    assert.match(onlyText(root, 'id'), tagUri);
    assert.equal(onlyText(root, 'title'), 'Order');
    assert.equal(onlyText(root, 'subtitle'), 'Orders & what became of them');
    const [author] = childrenOf(root, 'author');
    assert.equal(author && onlyText(author, 'name'), 'Order service');
    const self = childrenOf(root, 'link').filter((link) => link.attributes['rel'] === 'self');
    assert.deepEqual(
      self.map((link) => new URL(link.attributes['href'] ?? '', url).href),
      [url],
    );
    const entries = childrenOf(root, 'entry');
    const updated = entries.map((entry) => onlyText(entry, 'updated'));
    assert.equal(onlyText(root, 'updated'), updated.toSorted().at(-1));
    for (const entry of entries) {
      assert.match(onlyText(entry, 'id'), tagUri);
      assert.match(onlyText(entry, 'updated'), rfc3339);
      assert.notEqual(onlyText(entry, 'summary'), '');
    }
    assert.equal(new Set(entries.map((entry) => onlyText(entry, 'id'))).size, 2);
    const order = entries.find((entry) => onlyText(entry, 'title') === 'Order 1');
    assert.equal(order && onlyText(order, 'summary'), '1 × mug <b>&amp;</b> \ufffd');
    const [content] = order === undefined ? [] : childrenOf(order, 'content');
    assert.equal(content?.attributes['type'], 'application/json');
    const bare = entries.find((entry) => onlyText(entry, 'title') === 'Bare');
    assert.equal(bare && onlyText(bare, 'content'), 'Bare');
  });
}

test('the same URL answers Atom, JSON with summaries or embedded content, and JSON Feed', async (t) => {
  const { client, url } = await startOrders(t);
  await client.placeOrder({ orderId: 'o1', item: 'mug' });
  const order = { orderId: 'o1', number: 1, item: 'mug', cancelled: false };
  await eventually(
    async () => titlesOf(await json(url)),
    (titles) => titles.length === 1,
  );
  const [summary] = (await json(url)).entries;
  assert.equal(summary && 'content' in summary, false);
  assert.deepEqual(await json(new URL(summary?.href ?? '', url).href), order);
  const [embedded] = (await json(url, 'application/json; entries=embedded')).entries;
  assert.deepEqual(embedded?.content, order);
  assert.deepEqual((await json(`${url}?entries=embedded`)).entries[0]?.content, order);
  const feed = (await json(url, 'application/feed+json')) as unknown as Record<string, unknown>;
  assert.equal(feed['version'], 'https://jsonfeed.org/version/1.1');
  const { root } = parseXml(await (await fetch(`${url}?entries=embedded`)).text());
  const [entry] = root === null ? [] : childrenOf(root, 'entry');
  assert.deepEqual(
    JSON.parse(Buffer.from(entry ? onlyText(entry, 'content') : '', 'base64').toString()),
    order,
  );
  const tags = new Set<string | null>();
  for (const accept of [
    '*/*',
    'application/json',
    'application/json; entries=embedded',
    'application/feed+json',
  ]) {
    tags.add((await fetch(url, { headers: { accept } })).headers.get('etag'));
  }
  assert.equal(tags.size, 4);
  assert.equal((await fetch(url, { headers: { accept: 'image/png' } })).status, 406);
});

test('what cannot be asked for is refused', async (t) => {
  const { url, append } = await startOrders(t, { pageSize: 2 });
  await append('a', 'b', 'c');
  const refused: readonly (readonly [query: string, status: number, reason: string])[] = [
    ['page=0', 400, 'invalid_input'],
    ['page=-1', 400, 'invalid_input'],
    ['page=1.5', 400, 'invalid_input'],
    ['page=1e400', 400, 'invalid_input'],
    ['page=9007199254740993', 400, 'invalid_input'],
    ['page=2', 404, 'feed_page_unknown'],
    ['page=9007199254740991', 404, 'feed_page_unknown'],
    ['after=-1', 400, 'invalid_input'],
    ['after=', 400, 'invalid_input'],
    ["after=1'--", 400, 'invalid_input'],
    ['after=4', 400, 'feed_cursor_ahead'],
    ['after=1&after=2', 400, 'invalid_input'],
    ['after=1&page=1', 400, 'invalid_input'],
    ['entries=all', 400, 'invalid_input'],
  ];
  for (const [query, status, reason] of refused) {
    const response = await fetch(`${url}?${query}`);
    const problem = (await response.json()) as { readonly reason: string };
    assert.deepEqual([response.status, problem.reason], [status, reason], query);
  }
  // No limit can be asked for, so no page is larger than the feed's own.
  assert.equal((await json(`${url}?after=0&limit=100000`)).entries.length, 2);
});

test('a cancellation is a new entry, and Last-Modified goes on', async (t) => {
  const { client, url } = await startOrders(t);
  const until = (count: number) =>
    eventually(
      async () => titlesOf(await json(url)),
      (titles) => titles.length === count,
    );
  await client.placeOrder({ orderId: 'o1', item: 'mug' });
  await until(1);
  const before = (await fetch(url)).headers.get('last-modified') ?? '';
  await client.cancelOrder({ orderId: 'o1' });
  assert.deepEqual(await until(2), ['Order 1 cancelled', 'Order 1']);
  const response = await fetch(url, { headers: { 'if-modified-since': before } });
  assert.equal(response.status, 200);
  assert.ok(Date.parse(response.headers.get('last-modified') ?? '') >= Date.parse(before));
});

test('links lead through the gateway, whatever host a client claims', async (t) => {
  const { client, url } = await startOrders(t);
  await client.placeOrder({ orderId: 'o1', item: 'mug' });
  await eventually(
    async () => titlesOf(await json(url)),
    (titles) => titles.length === 1,
  );
  const forged = { host: 'evil.example', 'x-forwarded-host': 'evil.example', 'x-forwarded-prefix': '/evil' };
  const { text, status } = await exchange(url, { headers: forged });
  assert.equal(status, 200);
  assert.ok(!text.includes('evil'));
  const [entry] = (await json(url)).entries;
  const order = await fetch(new URL(entry?.href ?? '', url));
  assert.equal(((await order.json()) as { readonly orderId: string }).orderId, 'o1');
});

test('a feed that knows its address has absolute links', async (t) => {
  const { url, append, client } = await startOrders(t, { baseUrl: 'https://shop.example/api/', pageSize: 1 });
  await append('a', 'b', 'c');
  await client.fill({ from: 7, count: 1 });
  const { links, entries } = await json(url);
  assert.equal(links['self'], 'https://shop.example/api/feed');
  assert.equal(links['prevArchive'], 'https://shop.example/api/feed?page=3');
  assert.equal(entries[0]?.href, 'https://shop.example/api/orders/7');
});
