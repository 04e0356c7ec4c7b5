import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startTestSystem } from '@banyan/testing';
import { orders, ordersSystem } from './fixtures/orders.ts';
import { feedparserMissing, readWithFeedparser } from './support/feedparser.ts';

const skip = await feedparserMissing();
const feedId = 'tag:orders.example,2026:orders/feed';

/** Entries, and how many of them a page has: feedparser takes a connection for each page, so the largest feed has large ones. */
const sizes: readonly (readonly [entries: number, pageSize: number])[] = [
  [0, 50],
  [1, 50],
  [1_000, 50],
  [100_000, 1_000],
];

for (const [size, pageSize] of sizes) {
  test(`feedparser reads a feed of ${size} entries without complaint`, { skip: skip ?? false }, async (t) => {
    const running = await startTestSystem(t, ordersSystem({ pageSize }));
    const client = running.client(orders, { timeoutMs: 60_000 });
    for (let from = 1; from <= size; from += 10_000) {
      await client.fill({ from, count: Math.min(10_000, size - from + 1) });
    }
    const url = `${running.publicUrl}/feed`;
    const seen = await readWithFeedparser(url);
    assert.deepEqual(seen.bozo, []);
    assert.equal(seen.version, 'atom10');
    assert.equal(seen.feed['id'], feedId);
    assert.equal(seen.feed['title'], 'Order');
    assert.equal(seen.feed['subtitle'], 'Orders & what became of them');
    assert.equal(seen.feed['author'], 'Order service');
    assert.deepEqual(seen.self, [url]);
    assert.deepEqual(seen.again, [304, 304]);
    assert.equal(seen.different, seen.entries);
    assert.equal(seen.entries, size);
    // The newest page has those of the last full one as well.
    const newest = size < 2 * pageSize ? size : pageSize + (size % pageSize);
    assert.equal(seen.pages, 1 + (size - newest) / pageSize);
    if (size === 0) return;
    assert.equal(seen.last, `${feedId}/e1`);
    assert.equal(seen.feed['updated'], seen.entry['updated']);
    const { id, title, summary, links, content } = seen.entry;
    assert.deepEqual(
      { id, title, summary, links: (links as { href: string }[]).map(({ href }) => href) },
      {
        id: `${feedId}/e${size}`,
        title: `Order ${size}`,
        summary: `Number ${size}`,
        links: [`${running.publicUrl}/orders/${size}`],
      },
    );
    const [{ src, type }] = content as [{ src: string; type: string }];
    // feedparser leaves this one as it stands.
    assert.deepEqual({ src, type }, { src: `orders/${size}`, type: 'application/json' });
  });
}
