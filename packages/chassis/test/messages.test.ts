import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { uuidv7 } from '@banyan/core';
import { createMetrics, type Metrics } from '@banyan/telemetry';
import { startTestSystem } from '@banyan/testing';
import { eventually } from './fixtures/eventually.ts';
import { control, market, shop, stock } from './fixtures/market/market.ts';

const placements = {
  'in one process': [['gateway', 'stock', 'shop', 'cheap', 'dear', 'silent']],
  split: [['gateway', 'shop'], ['stock'], ['cheap'], ['dear'], ['silent']],
};

interface StartOptions {
  readonly placement: readonly (readonly string[])[];
  readonly harsh?: boolean;
}

async function start(t: Parameters<typeof startTestSystem>[0], options: StartOptions) {
  const metrics = createMetrics();
  const system = await startTestSystem(t, market, { ...options, metrics });
  return { metrics, shop: system.client(shop, { timeoutMs: 60_000 }), stock: system.client(stock) };
}

/** What the metrics page says about one metric. */
function linesOf(metrics: Metrics, name: string): readonly string[] {
  return metrics
    .render()
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`));
}

/** Has a handler wait until it is opened. */
function closeGate(name: string): () => void {
  const { promise, resolve } = Promise.withResolvers<void>();
  control.gates.set(name, promise);
  return resolve;
}

for (const [name, placement] of Object.entries(placements)) {
  describe(`messages ${name}`, () => {
    let clients: Awaited<ReturnType<typeof start>>;
    const closing: (() => unknown)[] = [];
    before(async () => {
      clients = await start({ after: (close) => void closing.push(close as () => unknown) }, { placement });
    });
    after(async () => {
      for (const close of closing) await close();
    });
    const confirmationsOf = async (orderIds: readonly string[]) =>
      (await clients.shop.confirmations({})).filter(({ orderId }) => orderIds.includes(orderId));
    const reservationsOf = async (orderIds: readonly string[]) =>
      (await clients.stock.reservations({})).filter(({ orderId }) => orderIds.includes(orderId));

    test('are handled once, and their replies come once to a handler, with the id of the request', async () => {
      const items = Array.from({ length: 5 }, (_, quantity) => ({ orderId: uuidv7(), quantity }));
      const orderIds = items.map(({ orderId }) => orderId);
      const sent = await Promise.all(items.map((item) => clients.shop.send(item)));
      await eventually(
        () => confirmationsOf(orderIds),
        (found) => found.length >= 5,
      );
      // Deliveries are repeated: a second effect would be there by the time a later message has been answered.
      const last = { orderId: uuidv7(), quantity: 9 };
      await clients.shop.send(last);
      await eventually(
        () => confirmationsOf([last.orderId]),
        (found) => found.length > 0,
      );
      const byOrder = (left: { orderId: string }, right: { orderId: string }) =>
        left.orderId.localeCompare(right.orderId);
      const expected = items.map((item, index) => ({ ...item, requestId: sent[index]?.id }));
      assert.deepEqual((await confirmationsOf(orderIds)).sort(byOrder), expected.sort(byOrder));
      const reservations = await reservationsOf(orderIds);
      assert.deepEqual(reservations.map(({ orderId }) => orderId).sort(), [...orderIds].sort());
      assert.ok(reservations.every(({ sender }) => sender === 'shop'));
    });

    test('of a transaction that fails are not sent', async () => {
      const [givenUp, kept] = [uuidv7(), uuidv7()];
      await assert.rejects(clients.shop.send({ orderId: givenUp, quantity: 1, fail: true }), {
        code: 'internal',
      });
      await clients.shop.ask({ orderId: kept, quantity: 1, timeoutMs: 30_000 });
      const reservations = await reservationsOf([givenUp, kept]);
      assert.deepEqual(
        reservations.map(({ orderId }) => orderId),
        [kept],
      );
    });

    test('are accepted one-way: the sender gets an id and no reply', async () => {
      const orderId = uuidv7();
      const { id } = await clients.shop.note({ orderId, quantity: 1, words: 'fragile' });
      assert.match(id, /^[0-9a-f-]{36}$/);
      const notes = await eventually(
        async () => (await clients.stock.notes({})).filter((note) => note.orderId === orderId),
        (found) => found.length > 0,
      );
      assert.deepEqual(
        notes.map(({ words }) => words),
        ['fragile'],
      );
      assert.deepEqual(await confirmationsOf([orderId]), []);
    });

    test('answer 100 concurrent requests without crossing', async () => {
      const asked = Array.from({ length: 100 }, (_, quantity) => ({ orderId: uuidv7(), quantity }));
      const answers = await Promise.all(
        asked.map((item) => clients.shop.ask({ ...item, timeoutMs: 50_000 })),
      );
      assert.deepEqual(
        answers.map(({ orderId, quantity }) => ({ orderId, quantity })),
        asked,
      );
      // Whoever waits has it: the handler of replies does not get it as well.
      assert.deepEqual(await confirmationsOf(asked.map(({ orderId }) => orderId)), []);
    });

    test('answered too late are dropped and counted', async (t) => {
      // A handler that is interrupted, as in development, would find the message expired when it runs again.
      const calm = await start(t, { placement, harsh: false });
      let open = () => {};
      // A message that nobody had begun in time would expire; give a busy machine more of it.
      for (const timeoutMs of [1_000, 5_000, 25_000]) {
        const orderId = uuidv7();
        open = closeGate(orderId);
        await assert.rejects(calm.shop.ask({ orderId, quantity: 1, timeoutMs }), {
          code: 'deadline_exceeded',
          reason: 'no_reply',
        });
        if (control.begun.includes(orderId)) break;
      }
      open();
      await eventually(
        async () => linesOf(calm.metrics, 'banyan_replies_late_total'),
        (lines) => lines.includes('banyan_replies_late_total{service="shop",message="stock.reserve"} 1'),
      );
      assert.deepEqual(await calm.shop.confirmations({}), []);
    });

    test('are answered into a queue that the sender polls', async () => {
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
      for (const unknown of [uuidv7(), 'no-id-at-all'])
        assert.deepEqual(await clients.shop.reply({ id: unknown }), { state: 'expired' });
    });

    test('that are delayed are not handled before they are due', async () => {
      const orderId = uuidv7();
      const sentAtMs = Date.now();
      const delayMs = 1_000;
      await clients.shop.note({ orderId, quantity: 1, delayMs });
      const [note] = await eventually(
        async () => (await clients.stock.notes({})).filter((each) => each.orderId === orderId),
        (found) => found.length > 0,
      );
      assert.ok(Date.parse(note?.notedAt ?? '') >= sentAtMs + delayMs, JSON.stringify(note));
    });

    test('that expired are dropped and counted', async () => {
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
      assert.equal((await reservationsOf([orderId])).length, 1);
    });

    test('to an unknown addressee, or of an unknown kind, are refused; an event that nobody hears is fine', async () => {
      for (const nowhere of ['payments.charge', 'stock.release'])
        await assert.rejects(clients.shop.sendNowhere({ name: nowhere }), { code: 'internal' });
      await clients.shop.announce({ sku: 'mug' });
    });

    test('larger than an event may be arrive as if they had travelled along', async () => {
      const words = 'é'.repeat(400_000);
      const item = { orderId: uuidv7(), quantity: 1, words };
      const { wordCount } = await clients.shop.ask({ ...item, timeoutMs: 30_000 });
      assert.equal(wordCount, words.length);
    });

    test('go to everybody and gather the answers that come in time', async () => {
      const all = await clients.shop.quote({ sku: uuidv7(), forMs: 30_000, atMost: 2 });
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
