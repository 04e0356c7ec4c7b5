import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { eventually } from '@banyan/core/testing';
import { startTestSystem } from '@banyan/testing';
import { parseXml, XmlElement } from '@rgrove/parse-xml';
import { type OrdersFixture, orders, ordersSystem } from './fixtures/orders.ts';
import { exchange } from './support/raw-bytes.ts';

async function startOrders(t: TestContext, options: OrdersFixture = {}, placement?: string[][]) {
  const running = await startTestSystem(
    t,
    ordersSystem(options),
    placement === undefined ? {} : { placement },
  );
  const client = running.client(orders, { timeoutMs: 60_000 });
  const url = `${running.publicUrl}/feed`;
  const append = (...ids: string[]) => client.append({ entries: ids.map((id) => ({ id, title: id })) });
  return { client, url, append };
}

interface JsonPage {
  readonly updated: string;
  readonly links: Readonly<Record<string, string>>;
  readonly entries: readonly {
    readonly id: string;
    readonly sequence: number;
    readonly updated: string;
    readonly title: string;
    readonly href?: string;
    readonly content?: unknown;
  }[];
}

async function json(url: string, accept = 'application/json'): Promise<JsonPage> {
  const response = await fetch(url, { headers: { accept } });
  assert.equal(response.status, 200);
  return (await response.json()) as JsonPage;
}

const titlesOf = ({ entries }: JsonPage) => entries.map(({ title }) => title);

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

test('the archive has every entry on one page, each page for good', async (t) => {
  const { client, url } = await startOrders(t, { pageSize: 10 });
  await client.fill({ from: 1, count: 37 });
  const walk = async () => {
    const pages: JsonPage[] = [];
    for (let next: string | undefined = url; next !== undefined; ) {
      const page: JsonPage = await json(next);
      pages.push(page);
      next = page.links['prevArchive'] && new URL(page.links['prevArchive'], next).href;
    }
    return pages;
  };
  const before = await walk();
  assert.deepEqual(
    before.map(({ entries }) => entries.length),
    [17, 10, 10],
  );
  const sequences = before.flatMap(({ entries }) => entries.map(({ sequence }) => sequence));
  assert.deepEqual(
    sequences,
    Array.from({ length: 37 }, (_, index) => 37 - index),
  );
  const archived = await fetch(`${url}?page=2`);
  assert.match(archived.headers.get('cache-control') ?? '', /immutable/);
  const bytes = await archived.text();
  assert.match(bytes, /<fh:archive\/>/);
  await client.fill({ from: 38, count: 40 });
  assert.equal(await (await fetch(`${url}?page=2`)).text(), bytes);
  assert.equal((await fetch(`${url}?page=2`)).headers.get('etag'), archived.headers.get('etag'));
  assert.deepEqual(
    (await walk()).map(({ entries }) => entries.length),
    [17, 10, 10, 10, 10, 10, 10],
  );
  // Forwards too, from the first page to the newest full one, which is not final yet.
  let forward = `${url}?page=1`;
  for (let page = 2; page <= 7; page += 1) {
    const { links } = await json(forward);
    forward = new URL(links['nextArchive'] ?? '', forward).href;
    assert.equal(forward, `${url}?page=${page}`);
  }
  assert.equal((await json(forward)).links['nextArchive'], undefined);
  assert.equal((await fetch(forward)).headers.get('cache-control'), 'no-cache');
});

test('a cursor reads on from any entry, oldest first', async (t) => {
  const { client, url, append } = await startOrders(t, { pageSize: 10 });
  await client.fill({ from: 1, count: 25 });
  let next = `${url}?after=0`;
  const titles: string[] = [];
  for (const count of [10, 10, 5, 0]) {
    const page = await json(next);
    assert.equal(page.entries.length, count);
    titles.push(...titlesOf(page));
    next = new URL(page.links['next'] ?? '', next).href;
  }
  assert.deepEqual(
    titles,
    Array.from({ length: 25 }, (_, index) => `Order ${index + 1}`),
  );
  await append('late');
  assert.deepEqual(titlesOf(await json(next)), ['late']);
});

test('an entry that is appended again is left out, an append that is rolled back leaves no gap', async (t) => {
  const { client, url, append } = await startOrders(t);
  assert.deepEqual(await append('a', 'b', 'a'), { added: 2 });
  assert.deepEqual(await append('b', 'c'), { added: 1 });
  const entries = [{ id: 'undone', title: 'undone' }];
  await assert.rejects(client.append({ entries, thenFail: true }));
  await append('d');
  const page = await json(`${url}?after=0`);
  assert.deepEqual(titlesOf(page), ['a', 'b', 'c', 'd']);
  assert.deepEqual(
    page.entries.map(({ sequence }) => sequence),
    [1, 2, 3, 4],
  );
  await assert.rejects(client.append({ entries: [{ id: 'x', title: 'x', href: 'javascript:alert(1)' }] }));
  await assert.rejects(client.append({ entries: [{ id: 'x', title: 'x', href: '//evil.example/x' }] }));
});

test('whoever reads while many append, and some roll back, sees every entry once and in order', async (t) => {
  const { client, url } = await startOrders(t, { pageSize: 7 });
  const writers = 8;
  const each = 25;
  let isWriting = true;
  const writing = Promise.all(
    Array.from({ length: writers }, async (_, writer) => {
      for (let number = 0; number < each; number += 1) {
        const entries = [
          { id: `${writer}-${number}`, title: `${writer}-${String(number).padStart(2, '0')}` },
        ];
        if (number % 5 === 4) await client.append({ entries, thenFail: true }).catch(() => {});
        await client.append({ entries });
      }
    }),
  ).finally(() => (isWriting = false));
  const seen: string[] = [];
  let last = 0;
  for (let isLast = false; !isLast; ) {
    isLast = !isWriting;
    for (;;) {
      const { entries } = await json(`${url}?after=${last}`);
      if (entries.length === 0) break;
      assert.equal(entries[0]?.sequence, last + 1);
      seen.push(...entries.map(({ title }) => title));
      last += entries.length;
    }
  }
  await writing;
  assert.equal(new Set(seen).size, writers * each);
  assert.equal(seen.length, writers * each);
  for (let writer = 0; writer < writers; writer += 1) {
    const own = seen.filter((title) => title.startsWith(`${writer}-`));
    assert.deepEqual(own, own.toSorted());
  }
});

test('an unchanged feed costs less than 1 KB, whichever condition asks', async (t) => {
  const { client, url, append } = await startOrders(t);
  await client.fill({ from: 1, count: 200 });
  const first = await fetch(url);
  const etag = first.headers.get('etag') ?? '';
  const lastModified = first.headers.get('last-modified') ?? '';
  assert.ok((await first.text()).length > 10_000);
  const conditions: Record<string, string>[] = [
    { 'if-none-match': etag },
    { 'if-none-match': `"other", W/${etag}` },
    { 'if-modified-since': lastModified },
    { 'if-none-match': etag, 'if-modified-since': 'Thu, 01 Jan 1970 00:00:00 GMT' },
  ];
  for (const headers of conditions) {
    const { status, sent, received, text } = await exchange(url, { headers });
    assert.equal(status, 304, JSON.stringify(headers));
    assert.ok(text.endsWith('\r\n\r\n'), 'no body');
    assert.ok(sent + received < 1_024, `${sent} + ${received} bytes`);
    assert.ok(text.includes(etag) && text.includes(lastModified));
  }
  for (const headers of [
    { 'if-none-match': '"other"', 'if-modified-since': lastModified },
    { 'if-modified-since': 'Thu, 01 Jan 1970 00:00:00 GMT' },
    { 'if-modified-since': 'Fri, 01 Jan 2100 00:00:00 GMT' },
    { 'if-modified-since': 'yesterday' },
  ]) {
    assert.equal((await fetch(url, { headers })).status, 200, JSON.stringify(headers));
  }
  const head = await exchange(url, { method: 'HEAD' });
  assert.equal(head.status, 200);
  assert.ok(head.text.endsWith('\r\n\r\n') && head.text.includes(etag));
  await append('new');
  for (const headers of conditions) assert.equal((await fetch(url, { headers })).status, 200);
});

test('of two entries in one second, one on either side of a poll, both arrive by Last-Modified alone', async (t) => {
  const { url, append } = await startOrders(t);
  let sameSecond = 0;
  let lastModified = '';
  let newest = 0;
  for (let round = 0; round < 20; round += 1) {
    await append(`a${round}`);
    const first = await fetch(url, { headers: { accept: 'application/json' } });
    assert.equal(titlesOf((await first.json()) as JsonPage)[0], `a${round}`);
    lastModified = first.headers.get('last-modified') ?? '';
    await append(`b${round}`);
    const second = await fetch(url, {
      headers: { accept: 'application/json', 'if-modified-since': lastModified },
    });
    assert.equal(second.status, 200);
    assert.equal(titlesOf((await second.json()) as JsonPage)[0], `b${round}`);
    if (first.headers.get('date') === second.headers.get('date')) sameSecond += 1;
    for (const { headers } of [first, second]) {
      const named = Date.parse(headers.get('last-modified') ?? '');
      assert.ok(named >= newest, 'never goes back');
      assert.ok(named <= Date.parse(headers.get('date') ?? '') + 1_000, 'names no future');
      newest = named;
    }
  }
  assert.ok(sameSecond > 0, 'no two answers came within one second');
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

test('pages that are old enough are forgotten and answer 410; all others stay as they are', async (t) => {
  const { url, client } = await startOrders(t, { pageSize: 10 });
  await client.fill({ from: 1, count: 55 });
  const text = async (query: string) => (await fetch(url + query)).text();
  const kept = await text('?page=5');
  assert.deepEqual(await client.prune({ olderThanMs: 3_600_000 }), { pruned: 0 });
  // Entries may be dated a second ahead. The newest document keeps what it shows: 41 to 55.
  let pruned = 0;
  await eventually(
    async () => {
      pruned += (await client.prune({ olderThanMs: 0 })).pruned;
      return pruned;
    },
    (count) => count === 40,
  );
  assert.deepEqual(await client.prune({ olderThanMs: 0 }), { pruned: 0 });

  const newest = await json(url);
  assert.deepEqual(
    newest.entries.map(({ sequence }) => sequence),
    Array.from({ length: 15 }, (_, index) => 55 - index),
  );
  assert.equal(newest.links['prevArchive'], undefined);
  // Whoever kept an archive page has the one that would be served: also its way back, which now leads to nothing.
  assert.equal(await text('?page=5'), kept);
  for (const query of ['?page=1', '?page=4', '?after=0', '?after=39']) {
    const answer = await fetch(url + query);
    assert.equal(answer.status, 410, query);
    const problem = (await answer.json()) as { readonly reason: string; readonly detail: string };
    assert.equal(problem.reason, 'feed_page_pruned');
    assert.match(problem.detail, /number 41, on archive page 5/);
  }
  assert.equal((await json(`${url}?after=40`)).entries[0]?.sequence, 41);

  // What is forgotten makes room for nothing: numbers go on.
  await client.fill({ from: 56, count: 15 });
  assert.equal((await json(url)).entries[0]?.sequence, 70);
  assert.match((await json(url)).links['prevArchive'] ?? '', /page=6$/);
});

test('pruning while others append and read: no page is ever half there', async (t) => {
  const { url, client } = await startOrders(t, { pageSize: 5 });
  await client.fill({ from: 1, count: 500 });
  const seen = { whole: 0, gone: 0 };
  let isDone = false;
  const reading = async () => {
    for (let page = 1; !isDone; page = (page % 99) + 1) {
      const answer = await fetch(`${url}?page=${page}`, { headers: { accept: 'application/json' } });
      if (answer.status === 410) seen.gone += 1;
      else {
        assert.equal(answer.status, 200);
        assert.equal(((await answer.json()) as JsonPage).entries.length, 5, `page ${page}`);
        seen.whole += 1;
      }
    }
  };
  const readers = [reading(), reading()];
  const done = eventually(
    async () => {
      if (seen.whole === 0) return seen;
      await client.append({ entries: [{ id: `more-${seen.whole}-${seen.gone}`, title: 'more' }] });
      await Promise.all([client.prune({ olderThanMs: 0 }), client.prune({ olderThanMs: 0 })]);
      return seen;
    },
    ({ gone }) => gone > 0,
  ).finally(() => {
    isDone = true;
  });
  await Promise.all([done, ...readers]);
});

test('an age that is none is refused', async (t) => {
  const { client } = await startOrders(t);
  await client.fill({ from: 1, count: 200 });
  await assert.rejects(client.prune({ olderThanMs: -1 }), { code: 'internal' });
});
