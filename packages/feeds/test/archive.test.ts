import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '@banyan/core/testing';
import { type JsonPage, json, startOrders, titlesOf } from './support/orders-feed.ts';

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
