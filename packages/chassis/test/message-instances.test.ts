import assert from 'node:assert/strict';
import { test } from 'node:test';
import { uuidv7 } from '@banyan/core';
import { startTestSystem } from '@banyan/testing';
import { eventually } from './fixtures/eventually.ts';
import { market, quotes, shop, stock } from './fixtures/market/market.ts';

const others = ['cheap', 'dear', 'silent'];

test('of three competing instances, each message goes to exactly one', async (t) => {
  const placement = [['gateway', 'shop', ...others], ['stock'], ['stock'], ['stock']];
  const system = await startTestSystem(t, market, { placement });
  const client = system.client(shop);
  const sent: string[] = [];
  const reservations = await eventually(
    async () => {
      const orderIds = Array.from({ length: 12 }, () => uuidv7());
      await Promise.all(orderIds.map((orderId) => client.send({ orderId, quantity: 1 })));
      sent.push(...orderIds);
      const found = async () => system.client(stock).reservations({});
      return eventually(found, (rows) => rows.length >= sent.length);
    },
    (rows) => new Set(rows.map(({ instance }) => instance)).size === 3,
  );
  assert.deepEqual(reservations.map(({ orderId }) => orderId).sort(), [...sent].sort());
});

test('state travels in the message, so that different instances serve consecutive steps', async (t) => {
  const placement = [['gateway', 'shop', ...others], ['stock'], ['stock']];
  const system = await startTestSystem(t, market, { placement });
  const client = system.client(shop, { timeoutMs: 30_000 });
  let state = { stepId: uuidv7(), count: 0, servedBy: [] as string[] };
  let steps = 0;
  await eventually(
    async () => {
      state = await client.step({ ...state, stepId: uuidv7() });
      steps += 1;
      return state.servedBy;
    },
    (servedBy) => new Set(servedBy).size === 2,
  );
  assert.equal(state.count, steps);
  assert.notEqual(state.servedBy.at(-1), state.servedBy.at(-2));
});

test('a reply wakes whoever waits, whichever instance of the sender receives it', async (t) => {
  const placement = [['gateway', 'shop'], ['shop'], ['stock', ...others]];
  const system = await startTestSystem(t, market, { placement });
  const client = system.client(shop, { timeoutMs: 60_000 });
  const asked = Array.from({ length: 40 }, (_, quantity) => ({ orderId: uuidv7(), quantity }));
  const answers = await Promise.all(asked.map((item) => client.ask({ ...item, timeoutMs: 50_000 })));
  assert.deepEqual(
    answers.map(({ orderId, quantity }) => ({ orderId, quantity })),
    asked,
  );
});

test('three subscribers each get every event once', async (t) => {
  const system = await startTestSystem(t, market);
  const client = system.client(shop);
  const skus = Array.from({ length: 10 }, () => uuidv7());
  for (const sku of skus) await client.announce({ sku });
  for (const name of others) {
    const heard = system.client(quotes(name));
    await eventually(
      () => heard.heard({}),
      (rows) => rows.length >= skus.length,
    );
    // Deliveries are repeated: a second effect would be there by the time a later event is.
    const last = uuidv7();
    await client.announce({ sku: last });
    const rows = await eventually(
      () => heard.heard({}),
      (found) => found.some(({ sku }) => sku === last),
    );
    skus.push(last);
    assert.deepEqual(rows.map(({ sku }) => sku).sort(), [...skus].sort(), name);
  }
});
