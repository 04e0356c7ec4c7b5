import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { type Listeners, startListeners } from './fixtures/listeners.ts';
import { newOrder } from './fixtures/news.ts';

const dayMs = 24 * 60 * 60 * 1_000;
const daysAgo = (days: number) => new Date(Date.now() - days * dayMs).toISOString();

describe('order history', () => {
  let listeners: Listeners;
  const cleanUps: (() => unknown)[] = [];
  before(async () => {
    listeners = await startListeners({ after: (cleanUp) => void cleanUps.unshift(cleanUp) });
  });
  after(async () => {
    for (const cleanUp of cleanUps) await cleanUp();
  });

  type Created = ReturnType<typeof newOrder>;

  /** Has orders tell of a new order and waits until the history shows it. */
  async function place(change: Partial<Created> = {}): Promise<Created> {
    const created = newOrder(change);
    await listeners.tell('orders', 'created', created);
    await shown(created);
    return created;
  }

  const shown = ({ orderId, revision, consumerId }: Pick<Created, 'orderId' | 'revision' | 'consumerId'>) =>
    listeners.history(consumerId).getOrder({ orderId, atLeast: revision }, { timeoutMs: 60_000 });

  const idsOf = ({ orders }: { readonly orders: readonly { readonly orderId: string }[] }) =>
    orders.map(({ orderId }) => orderId);

  test('an order is shown as it is after the last event, with its total and the time of its first', async () => {
    const created = await place();
    const { orderId, consumerId, lineItems } = created;
    const news = { orderId, consumerId };
    await listeners.tell('orders', 'approved', { ...news, revision: 2, at: daysAgo(0) });
    const two = [{ ...lineItems[0], quantity: 10 }] as typeof lineItems;
    await listeners.tell('orders', 'revised', {
      ...{ ...news, revision: 5, at: daysAgo(0) },
      ...{ lineItems: two, total: { amount: 12_340, currency: 'EUR' } },
    });
    await listeners.tell('orders', 'delivered', { ...news, revision: 6, at: daysAgo(0) });
    await listeners.tell('orders', 'reinstated', { ...news, revision: 7, at: daysAgo(0) });
    const { createdAt, ...order } = await shown({ orderId, consumerId, revision: 7 });
    assert.equal(Date.parse(createdAt), Date.parse(created.at));
    assert.deepEqual(order, {
      ...{ orderId, revision: 7, status: 'APPROVED', restaurant: 'Ajanta' },
      lineItems: [{ name: 'Chicken Vindaloo', quantity: 10 }],
      total: { amount: 12_340, currency: 'EUR' },
    });
  });

  test('orders are listed newest first, those of the last 30 days unless told otherwise, and one’s own only', async () => {
    const consumerId = randomUUID();
    const old = await place({ consumerId, at: daysAgo(31) });
    const newest = await place({ consumerId, at: daysAgo(1) });
    const older = await place({ consumerId, at: daysAgo(29) });
    await place();
    const history = listeners.history(consumerId);
    assert.deepEqual(idsOf(await history.listOrders({})), [newest.orderId, older.orderId]);
    const all = await history.listOrders({ since: daysAgo(40) });
    assert.deepEqual(idsOf(all), [newest.orderId, older.orderId, old.orderId]);
    const [before, after] = [daysAgo(2), daysAgo(30)];
    assert.deepEqual(idsOf(await history.listOrders({ since: after, until: before })), [older.orderId]);
    await assert.rejects(listeners.history(randomUUID()).getOrder({ orderId: old.orderId }), {
      reason: 'orderNotFound',
    });
  });

  test('pages of one follow each other by an opaque token, also within one moment', async () => {
    const consumerId = randomUUID();
    const at = daysAgo(1);
    const placed = [];
    for (let count = 0; count < 3; count += 1) placed.push(await place({ consumerId, at }));
    const history = listeners.history(consumerId);
    const seen: string[] = [];
    let page: string | undefined;
    do {
      const answer = await history.listOrders({ limit: 1, ...(page !== undefined && { page }) });
      assert.equal(answer.orders.length, 1);
      seen.push(...idsOf(answer));
      page = answer.next;
      assert.doesNotMatch(page ?? '', /[{}:"]/);
    } while (page !== undefined);
    assert.deepEqual(
      seen,
      placed
        .map(({ orderId }) => orderId)
        .sort()
        .reverse(),
    );
    for (const madeUp of ['1', 'e30', Buffer.from('{"createdAt":1}').toString('base64url')]) {
      await assert.rejects(history.listOrders({ page: madeUp }), { reason: 'unknownPage' });
    }
  });

  test('W21 several keywords find what has any of them, in the names of restaurant and dishes', async () => {
    const consumerId = randomUUID();
    const [line] = newOrder().lineItems;
    assert.ok(line);
    const dishes = (...names: string[]) => ({ lineItems: names.map((name) => ({ ...line, name })) });
    const curry = await place({ consumerId, ...dishes('Chicken Vindaloo', 'Garlic Naan') });
    const restaurant = { ...newOrder().restaurant, name: 'Kräftig 100%' };
    const fish = await place({ consumerId, restaurant, ...dishes('Fish/Chips') });
    const find = async (keyword: string) =>
      idsOf(await listeners.history(consumerId).listOrders({ keyword })).sort();
    const both = [curry.orderId, fish.orderId].sort();
    assert.deepEqual(await find('vindaloo'), [curry.orderId]);
    assert.deepEqual(await find('Ajanta'), [curry.orderId]);
    assert.deepEqual(await find('chips'), [fish.orderId]);
    assert.deepEqual(await find('KRÄFTIG'), [fish.orderId]);
    assert.deepEqual(await find('vindaloo chips'), both);
    assert.deepEqual(await find('naan, sushi'), [curry.orderId]);
    assert.deepEqual(await find('sushi'), []);
    // Nothing in a keyword is an operator.
    assert.deepEqual(await find('100%'), [fish.orderId]);
    assert.deepEqual(await find("vindaloo' | !chips"), both);
  });

  test('orders are found by status', async () => {
    const consumerId = randomUUID();
    const [approved, rejected, fresh] = [
      await place({ consumerId }),
      await place({ consumerId }),
      await place({ consumerId }),
    ];
    const news = { consumerId, revision: 1, at: daysAgo(0) };
    await listeners.tell('orders', 'approved', { ...news, orderId: approved.orderId });
    await listeners.tell('orders', 'rejected', {
      ...news,
      orderId: rejected.orderId,
      reason: 'cardDeclined',
    });
    await shown({ ...news, orderId: approved.orderId });
    await shown({ ...news, orderId: rejected.orderId });
    assert.equal((await shown({ ...news, orderId: rejected.orderId })).rejection, 'cardDeclined');
    const history = listeners.history(consumerId);
    const found = async (status: 'APPROVED' | 'REJECTED' | 'APPROVAL_PENDING' | 'CANCELLED') =>
      idsOf(await history.listOrders({ status }));
    assert.deepEqual(await found('APPROVED'), [approved.orderId]);
    assert.deepEqual(await found('REJECTED'), [rejected.orderId]);
    assert.deepEqual(await found('APPROVAL_PENDING'), [fresh.orderId]);
    assert.deepEqual(await found('CANCELLED'), []);
  });

  test('the same event twice has one effect, and an older one after a newer one has none', async () => {
    const created = await place();
    const { orderId, consumerId } = created;
    const cancelled = { orderId, consumerId, revision: 4, at: daysAgo(0) };
    await listeners.tell('orders', 'cancelled', cancelled);
    const before = await shown(cancelled);
    assert.equal(before.status, 'CANCELLED');
    // Each is an event of its own to the platform, which drops repetitions of one by itself.
    await listeners.tell('orders', 'cancelled', cancelled);
    await listeners.tell('orders', 'created', created);
    await listeners.tell('orders', 'approved', { ...cancelled, revision: 2 });
    // What comes last of this order tells that the others have been handled.
    await listeners.tell('orders', 'delivered', { ...cancelled, revision: 6 });
    assert.deepEqual(await shown({ ...cancelled, revision: 6 }), {
      ...before,
      revision: 6,
      status: 'DELIVERED',
    });
    assert.equal((await listeners.history(consumerId).listOrders({})).orders.length, 1);
    const revisions = await listeners.inHistory(
      (sql) => sql<{ revision: number }>`
        select revision from received where order_id = ${orderId} order by revision`,
    );
    assert.deepEqual(
      revisions.map(({ revision }) => revision),
      [0, 2, 4, 6],
    );
  });

  test('whoever was told a revision waits until the view has it, and is told when that takes too long', async () => {
    const { orderId, consumerId } = await place();
    const history = listeners.history(consumerId);
    const reading = history.getOrder({ orderId, atLeast: 3 });
    await listeners.tell('orders', 'approved', { orderId, consumerId, revision: 3, at: daysAgo(0) });
    assert.deepEqual(await reading.then(({ revision, status }) => ({ revision, status })), {
      revision: 3,
      status: 'APPROVED',
    });
    await assert.rejects(history.getOrder({ orderId, atLeast: 4 }), {
      reason: 'behind',
      details: { atLeast: 4 },
    });
  });

  test('a view that was wiped is rebuilt from the events, byte for byte, creation dates included', async () => {
    const consumerId = randomUUID();
    for (let days = 1; days <= 20; days += 1) {
      const { orderId } = await place({ consumerId, at: daysAgo(days) });
      if (days % 3 === 0) {
        const news = { orderId, consumerId, revision: 1, at: daysAgo(0) };
        await listeners.tell('orders', days % 2 === 0 ? 'approved' : 'cancelled', news);
        await shown(news);
      }
    }
    const dump = () =>
      listeners.inHistory(
        (sql) => sql<{ row: string }>`select shown::text as row from shown order by order_id`,
      );
    const before = await dump();
    assert.ok(before.length >= 20);
    await listeners.inHistory((sql) => sql`delete from shown`);
    const history = listeners.history(consumerId);
    assert.deepEqual((await history.listOrders({})).orders, []);

    assert.deepEqual(await history.rebuild({}), { orders: before.length });
    assert.deepEqual(await dump(), before);
  });

  test('readers see one whole view or the other while it is rebuilt, and what comes meanwhile is in it', async () => {
    const consumerId = randomUUID();
    for (let count = 0; count < 30; count += 1) await place({ consumerId });
    const history = listeners.history(consumerId);
    let isOver = false;
    const counts: number[] = [];
    const reading = (async () => {
      while (!isOver) counts.push((await history.listOrders({ limit: 100 })).orders.length);
    })();
    const telling = (async () => {
      for (let count = 0; count < 30; count += 1) await place({ consumerId });
    })();
    for (let count = 0; count < 20; count += 1) await history.rebuild({});
    await telling;
    isOver = true;
    await reading;
    assert.ok(counts.length > 20, String(counts.length));
    assert.deepEqual(
      counts,
      counts.toSorted((one, other) => one - other),
    );
    assert.equal(counts[0], 30);
    assert.equal((await history.listOrders({ limit: 100 })).orders.length, 60);
  });
});
