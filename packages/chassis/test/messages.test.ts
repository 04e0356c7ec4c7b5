import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { uuidv7 } from '@banyan/core';
import { createMetrics, type Metrics } from '@banyan/telemetry';
import { startTestSystem, type TestSystem } from '@banyan/testing';
import { eventually } from './fixtures/eventually.ts';
import { control, market, shop, stock } from './fixtures/market/market.ts';

const placements = {
  'in one process': [['gateway', 'stock', 'shop', 'cheap', 'dear', 'silent']],
  split: [['gateway', 'shop'], ['stock'], ['cheap'], ['dear'], ['silent']],
};

function clientsOf(system: TestSystem) {
  return { shop: system.client(shop, { timeoutMs: 60_000 }), stock: system.client(stock) };
}

/** What the metrics page says about one metric. */
function linesOf(metrics: Metrics, name: string): readonly string[] {
  return metrics
    .render()
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`));
}

/** Holds the stock's handler of one order until it is opened. */
function closeGate(name: string): () => void {
  const { promise, resolve } = Promise.withResolvers<void>();
  control.gates.set(name, promise);
  return resolve;
}

for (const [name, placement] of Object.entries(placements)) {
  describe(`messages ${name}`, () => {
    const run = async (t: Parameters<typeof startTestSystem>[0], harsh = true) => {
      const metrics = createMetrics();
      const system = await startTestSystem(t, market, { placement, metrics, harsh });
      return { system, metrics, ...clientsOf(system) };
    };

    test('are handled once, and their replies come once to a handler, with the id of the request', async (t) => {
      const clients = await run(t);
      const orderIds = Array.from({ length: 5 }, () => uuidv7());
      const sent = await Promise.all(
        orderIds.map((orderId, quantity) => clients.shop.send({ orderId, quantity })),
      );
      const confirmations = await eventually(
        () => clients.shop.confirmations({}),
        (found) => found.length >= 5,
      );
      const expected = sent.map(({ id }, index) => ({
        requestId: id,
        orderId: orderIds[index],
        quantity: index,
      }));
      // Deliveries are repeated: a second effect of the first five would be there by the time a sixth has come.
      const last = await clients.shop.send({ orderId: uuidv7(), quantity: 9 });
      const all = await eventually(
        () => clients.shop.confirmations({}),
        (found) => found.some(({ requestId }) => requestId === last.id),
      );
      assert.equal(all.length, 6);
      const byRequest = (left: { requestId: string }, right: { requestId: string }) =>
        left.requestId.localeCompare(right.requestId);
      assert.deepEqual([...confirmations].sort(byRequest), [...expected].sort(byRequest));
      const reservations = await clients.stock.reservations({});
      assert.equal(reservations.length, 6);
      assert.deepEqual(new Set(reservations.map(({ sender }) => sender)), new Set(['shop']));
    });

    test('of a transaction that fails are not sent', async (t) => {
      const clients = await run(t);
      await assert.rejects(clients.shop.send({ orderId: 'given-up', quantity: 1, fail: true }), {
        code: 'internal',
      });
      await clients.shop.ask({ orderId: 'kept', quantity: 1, timeoutMs: 30_000 });
      const reservations = await clients.stock.reservations({});
      assert.deepEqual(
        reservations.map(({ orderId }) => orderId),
        ['kept'],
      );
    });

    test('are accepted one-way: the sender gets an id and no reply', async (t) => {
      const clients = await run(t);
      const { id } = await clients.shop.note({ orderId: 'o-1', quantity: 1, words: 'fragile' });
      assert.match(id, /^[0-9a-f-]{36}$/);
      const notes = await eventually(
        () => clients.stock.notes({}),
        (found) => found.length > 0,
      );
      assert.deepEqual(
        notes.map(({ orderId, words }) => ({ orderId, words })),
        [{ orderId: 'o-1', words: 'fragile' }],
      );
      assert.deepEqual(await clients.shop.confirmations({}), []);
    });

    test('answer 100 concurrent requests without crossing', async (t) => {
      const clients = await run(t);
      const asked = Array.from({ length: 100 }, (_, quantity) => ({ orderId: uuidv7(), quantity }));
      const answers = await Promise.all(
        asked.map((item) => clients.shop.ask({ ...item, timeoutMs: 50_000 })),
      );
      assert.deepEqual(
        answers.map(({ orderId, quantity }) => ({ orderId, quantity })),
        asked,
      );
      assert.deepEqual(await clients.shop.confirmations({}), []);
    });

    test('answered too late are dropped and counted', async (t) => {
      // A handler that is interrupted, as in development, would find the message expired when it runs again.
      const clients = await run(t, false);
      let open = () => {};
      // A message that nobody had begun in time would expire; give a busy machine more of it.
      for (const timeoutMs of [1_000, 5_000, 25_000]) {
        const orderId = uuidv7();
        open = closeGate(orderId);
        await assert.rejects(clients.shop.ask({ orderId, quantity: 1, timeoutMs }), {
          code: 'deadline_exceeded',
          reason: 'no_reply',
        });
        if (control.begun.includes(orderId)) break;
      }
      open();
      await eventually(
        async () => linesOf(clients.metrics, 'banyan_replies_late_total'),
        (lines) => lines.includes('banyan_replies_late_total{service="shop",message="stock.reserve"} 1'),
      );
      assert.deepEqual(await clients.shop.confirmations({}), []);
    });

    test('are answered into a queue that the sender polls', async (t) => {
      const clients = await run(t);
      const orderId = uuidv7();
      const open = closeGate(orderId);
      const { id } = await clients.shop.send({ orderId, quantity: 7 });
      await eventually(
        async () => control.begun.includes(orderId),
        (begun) => begun,
      );
      assert.deepEqual(await clients.shop.reply({ id }), { state: 'waiting' });
      open();
      const found = await eventually(
        () => clients.shop.reply({ id }),
        ({ state }) => state !== 'waiting',
      );
      assert.deepEqual(found, { state: 'answered', quantity: 7 });
      assert.deepEqual(await clients.shop.reply({ id: uuidv7() }), { state: 'expired' });
    });

    test('that are delayed are not handled before they are due', async (t) => {
      const clients = await run(t);
      const sentAtMs = Date.now();
      const delayMs = 1_500;
      await clients.shop.note({ orderId: 'later', quantity: 1, delayMs });
      await clients.shop.note({ orderId: 'now', quantity: 1 });
      const notes = await eventually(
        () => clients.stock.notes({}),
        (found) => found.length === 2,
      );
      const later = notes.find(({ orderId }) => orderId === 'later');
      assert.ok(Date.parse(later?.notedAt ?? '') >= sentAtMs + delayMs, JSON.stringify(notes));
    });

    test('that expired are dropped and counted', async (t) => {
      const clients = await run(t);
      // The first one of the key holds the second one back until that is of no use any more.
      const orderId = uuidv7();
      const open = closeGate(orderId);
      await clients.shop.send({ orderId, quantity: 1 });
      const { id } = await clients.shop.send({ orderId, quantity: 2, expiresInMs: 300 });
      await eventually(
        () => clients.shop.reply({ id }),
        ({ state }) => state === 'expired',
      );
      open();
      await eventually(
        async () => linesOf(clients.metrics, 'banyan_messages_expired_total'),
        (lines) => lines.includes('banyan_messages_expired_total{service="stock",message="stock.reserve"} 1'),
      );
      assert.equal((await clients.stock.reservations({})).length, 1);
    });

    test('to an unknown addressee, or of an unknown kind, are refused; an event that nobody hears is fine', async (t) => {
      const clients = await run(t);
      for (const nowhere of ['payments.charge', 'stock.release'])
        await assert.rejects(clients.shop.sendNowhere({ name: nowhere }), { code: 'internal' });
      await clients.shop.announce({ sku: 'mug' });
    });

    test('larger than an event may be arrive as if they had travelled along', async (t) => {
      const clients = await run(t);
      const words = 'é'.repeat(400_000);
      const { wordCount } = await clients.shop.ask({
        orderId: uuidv7(),
        quantity: 1,
        words,
        timeoutMs: 30_000,
      });
      assert.equal(wordCount, words.length);
    });

    test('go to everybody and gather the answers that come in time', async (t) => {
      const clients = await run(t);
      const all = await clients.shop.quote({ sku: 'mug', forMs: 30_000, atMost: 2 });
      assert.deepEqual(
        [...all].sort((left, right) => left.cents - right.cents),
        [
          { from: 'cheap', cents: 5 },
          { from: 'dear', cents: 9 },
        ],
      );
      // A busy machine may need longer for the one answer that is to come.
      for (const forMs of [1_500, 6_000, 25_000]) {
        const sku = uuidv7();
        const open = closeGate(`dear ${sku}`);
        const inTime = await clients.shop.quote({ sku, forMs });
        open();
        if (inTime.length === 0 && forMs < 25_000) continue;
        assert.deepEqual(inTime, [{ from: 'cheap', cents: 5 }]);
        break;
      }
    });
  });
}
