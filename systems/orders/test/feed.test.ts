import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { broken } from '@banyan/test-support/releases';
import { until } from '@banyan/testing';
// The feed itself, to put something into it that order never would.
import { orderFeed } from '../order/publish.ts';
import { orderService } from '../order/service.ts';
import { shipping } from '../shipping/contract.ts';
import { shippingService } from '../shipping/service.ts';
import { type Orders, startOrders } from './fixtures/orders.ts';
import { describeOrders } from './fixtures/orders-suite.ts';
import { inDatabaseOf } from './fixtures/service-database.ts';

for (const feed of ['atom', 'json', 'json-embedded'] as const) {
  describeOrders(`orders told in the ${feed} feed, without events`, { feed });
}

const feedAs = ({ send }: Orders, accept: string, headers = {}, query = '') =>
  send('GET', `/order/feed${query}`, undefined, { accept, ...headers });

describe('the feed', () => {
  let orders: Orders;
  const cleanUps: (() => unknown)[] = [];
  before(async () => {
    const suite = { after: (cleanUp: () => unknown) => void cleanUps.unshift(cleanUp) };
    orders = await startOrders(suite, { feed: 'atom' });
  });
  after(async () => {
    for (const cleanUp of cleanUps) await cleanUp();
  });

  test('the feed is Atom: tag ids, author, subtitle, self link, and entries that lead to the JSON', async () => {
    const orderId = await orders.place();
    const { status, headers, text } = await feedAs(orders, 'application/atom+xml');
    assert.equal(status, 200);
    assert.match(headers.get('content-type') ?? '', /^application\/atom\+xml/);
    assert.match(text, /<id>tag:orders\.example,2026:[^<]+<\/id>/);
    assert.match(text, /<title[^>]*>Order<\/title>/);
    assert.match(text, /<subtitle[^>]*>[^<]+<\/subtitle>/);
    assert.match(text, /<author>\s*<name>Order service<\/name>/);
    assert.match(text, /<link [^>]*rel="self"/);
    const [, entry = ''] = text.split('<entry>');
    assert.match(entry, /<id>tag:orders\.example,2026:[^<]+<\/id>/);
    assert.match(entry, /<title[^>]*>Order \d+<\/title>/);
    assert.match(entry, /<summary[^>]*>[^<]+<\/summary>/);
    const updated = (part: string) => /<updated>([^<]+)<\/updated>/.exec(part)?.[1];
    assert.equal(updated(text), updated(entry));
    const [content = ''] = /<content [^>]*>/.exec(entry) ?? [];
    assert.match(content, /type="application\/json"/);
    const src = /src="([^"]+)"/.exec(content)?.[1] ?? '';
    const linked = new URL(src, `${orders.url}/order/feed`);
    assert.equal((await orders.send('GET', linked.pathname)).json.id, orderId);
  });

  test('Last-Modified and If-Modified-Since: 304 without a body until a new order', async () => {
    await orders.place();
    // An order in a second that was named already is dated a second ahead, and answered in full until then.
    const since = await until(async () => {
      const { headers } = await feedAs(orders, 'application/atom+xml');
      const condition = { 'if-modified-since': headers.get('last-modified') ?? '' };
      const same = await feedAs(orders, 'application/atom+xml', condition);
      if (same.status !== 304) return undefined;
      assert.equal(same.text, '');
      return condition;
    }, 'answer that is known');
    await orders.place();
    assert.equal((await feedAs(orders, 'application/atom+xml', since)).status, 200);
  });

  test('the same address answers JSON: summaries with links, or whole orders, and Atom when asked', async () => {
    const orderId = await orders.place();
    const summary = await feedAs(orders, 'application/json');
    const embedded = await feedAs(orders, 'application/json; entries=embedded');
    assert.match(summary.headers.get('content-type') ?? '', /^application\/json/);
    assert.ok(!summary.text.includes('example.org'));
    assert.ok(embedded.text.includes('example.org'));
    assert.ok(embedded.text.includes(orderId));
    for (const { headers } of [summary, embedded]) assert.match(headers.get('vary') ?? '', /accept/i);
    for (const blog of ['author', 'subtitle', 'rights', 'category']) {
      assert.ok(!Object.hasOwn(summary.json, blog), blog);
    }
    const atom = await feedAs(orders, 'application/atom+xml');
    assert.match(atom.headers.get('content-type') ?? '', /^application\/atom\+xml/);
  });

  test('W11 links that lead to the page: through the gateway, and through a port in front of it, they lead to the JSON', async () => {
    const orderId = await orders.place();
    for (const base of [orders.url, orders.door.url]) {
      const address = `${base}/order/feed`;
      const response = await fetch(address, {
        headers: { accept: 'application/atom+xml', host: 'evil.example' },
      });
      const src = /<content [^>]*src="([^"]+)"/.exec(await response.text())?.[1] ?? '';
      const record = await fetch(new URL(src, address), { headers: { accept: 'application/json' } });
      assert.match(record.headers.get('content-type') ?? '', /^application\/json/);
      assert.equal(((await record.json()) as { id: string }).id, orderId);
    }
  });
});

test('POST /poll asks at once and leads to the list; without a feed it says so', async (t) => {
  const orders = await startOrders(t, { feed: 'atom' });
  const orderId = await orders.place();
  assert.equal((await orders.send('GET', `/shipping/shipments/${orderId}`)).status, 404);
  const polled = await orders.send('POST', '/shipping/poll', {});
  assert.deepEqual([polled.status, polled.headers.get('location')], [303, '/shipping/']);
  assert.equal((await orders.send('GET', `/shipping/shipments/${orderId}`)).status, 200);

  const told = await startOrders(t);
  const { status, json } = await told.send('POST', '/shipping/poll', {});
  assert.deepEqual([status, json.reason], [409, 'feedOff']);
});

test('consumers poll by themselves', async (t) => {
  const orders = await startOrders(t, { feed: 'atom', pollSeconds: 1 });
  await orders.settled(await orders.place());
});

test('a consumer that starts again doubles nothing, and order being down takes nothing away', async (t) => {
  const orders = await startOrders(t, { feed: 'atom' });
  const placed = [await orders.place(), await orders.place()];
  for (const orderId of placed) await orders.settled(orderId);
  const [host] = orders.system.hosts;
  await host?.reload(shippingService);
  await orders.poll();
  const list = async () => (await orders.send('GET', '/shipping/shipments')).json.shipments.length;
  assert.equal(await list(), 2);

  await assert.rejects(host?.reload(broken(orderService)) ?? Promise.resolve());
  assert.equal(await list(), 2);
  const polled = await orders.send('POST', '/shipping/poll', {});
  assert.ok([500, 503, 504].includes(polled.status), polled.text);
  await host?.reload(orderService);
  await orders.settled(await orders.place());
});

test('W8 an unbounded feed with a request for each entry: pages, an ETag, and whole orders in one answer', async (t) => {
  const orders = await startOrders(t, { feed: 'json-embedded' });
  const placed = await Promise.all(Array.from({ length: 120 }, () => orders.place()));
  const newest = await feedAs(orders, 'application/atom+xml');
  const count = newest.text.split('<entry>').length - 1;
  assert.ok(count < 120, `${count} entries on the first page`);
  assert.match(newest.text, /rel="prev-archive"/);
  const etag = newest.headers.get('etag') ?? '';
  assert.match(etag, /^"[^"]+"$/);
  const known = await feedAs(orders, 'application/atom+xml', { 'if-none-match': etag });
  assert.deepEqual([known.status, known.text], [304, '']);
  await orders.poll();
  for (const orderId of placed) {
    assert.equal((await orders.send('GET', `/invoicing/invoices/${orderId}`)).status, 200);
  }
});

test('W9 lost orders: two in one second, one on either side of a poll, both arrive', async (t) => {
  const orders = await startOrders(t, { feed: 'atom' });
  const { place, poll, send } = orders;
  const secondOf = async (orderId: string) =>
    (await send('GET', `/order/${orderId}`)).json.updated.slice(0, 'YYYY-MM-DDThh:mm:ss'.length);
  const placed: string[] = [];
  // Nearly always an order, a poll and an order fit into one second; on a machine that is busy it may take some tries.
  await until(async () => {
    const first = await place();
    await poll();
    const second = await place();
    placed.push(first, second);
    return (await secondOf(first)) === (await secondOf(second)) ? true : undefined;
  }, 'two orders in one second');
  for (const orderId of placed) {
    await until(async () => {
      await poll();
      return (await send('GET', `/shipping/shipments/${orderId}`)).status === 200 ? true : undefined;
    }, `shipment of ${orderId}`);
  }
});

test('W10 deletions are invisible and pollers race: a cancellation is news, and two instances do the work once', async (t) => {
  const parts = ['gateway', 'order', 'shipping', 'invoicing'];
  const orders = await startOrders(t, { feed: 'atom', placement: [parts, ['shipping']] });
  const first = await orders.place();
  const newest = await orders.place();
  await orders.settled(newest);
  const before = await feedAs(orders, 'application/atom+xml');
  await orders.send('DELETE', `/order/${newest}`);
  const after = await feedAs(orders, 'application/atom+xml', {
    'if-modified-since': before.headers.get('last-modified') ?? '',
  });
  assert.equal(after.status, 200);
  const time = (answer: { headers: Headers }) => Date.parse(answer.headers.get('last-modified') ?? '');
  assert.ok(time(after) >= time(before));
  const { shipment } = await orders.settled(newest, ({ status }) => status === 'cancelled');
  assert.equal(shipment.revision, 2);

  // Both instances at once.
  const client = orders.system.client(shipping);
  const added = await Promise.all(Array.from({ length: 5 }, () => orders.place()));
  const polls = await Promise.all([client.poll({}), client.poll({}), client.poll({})]);
  assert.equal(
    polls.reduce((sum, { handled }) => sum + handled, 0),
    added.length,
  );
  const { shipments } = (await orders.send('GET', '/shipping/shipments')).json;
  assert.equal(shipments.length, 2 + added.length);
  assert.ok(shipments.some(({ orderId }: { orderId: string }) => orderId === first));
});

test('W11 no time-out on polls: a feed that never answers ends the poll, and the next one goes on', async (t) => {
  const orders = await startOrders(t, { feed: 'atom' });
  const orderId = await orders.place();
  orders.door.hang(true);
  const polled = await orders.send('POST', '/shipping/poll', {});
  assert.ok([503, 504].includes(polled.status), polled.text);
  orders.door.hang(false);
  await orders.settled(orderId);
});

test('W11 a failing entry blocks every later one: it waits by itself, and later ones are handled', async (t) => {
  const orders = await startOrders(t, { feed: 'atom' });
  await inDatabaseOf(orders, orderService, async (sql) => {
    const nobody = '01890000-0000-7000-8000-00000000dead';
    await orderFeed.append(sql, { id: 'nobody-1', title: 'Order 0', href: `/order/${nobody}`, key: nobody });
  });
  await orders.settled(await orders.place());
  const { pending, dead } = await orders.system.client(shipping).getFeedStatus({});
  assert.equal(pending + dead, 1);
});
