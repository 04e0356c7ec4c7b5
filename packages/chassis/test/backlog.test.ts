import assert from 'node:assert/strict';
import { test } from 'node:test';
import { uuidv7 } from '@banyan/core';
import { eventually } from '@banyan/core/testing';
import { createMetrics } from '@banyan/telemetry';
import { startTestSystem } from '@banyan/testing';
import { control, market, shop, stock } from './fixtures/market/market.ts';

test('while a consumer stands still its backlog rises on the metrics page; then it drains, and nothing is lost', async (t) => {
  const metrics = createMetrics();
  const system = await startTestSystem(t, market, { metrics });
  const client = system.client(shop);
  /** Messages to stock that are not handled, by the page. */
  const backlog = () => {
    const page = metrics.render().split('\n');
    const valueOn = (name: string) =>
      Number(
        page
          .find((line) => line.startsWith(`${name}{service="stock"} `))
          ?.split(' ')
          .at(-1) ?? 0,
      );
    return valueOn('banyan_consumer_lag') + valueOn('banyan_consumer_pending');
  };
  const gate = Promise.withResolvers<void>();
  const orderIds = Array.from({ length: 30 }, () => uuidv7());
  for (const orderId of orderIds) control.gates.set(orderId, gate.promise);
  for (const orderId of orderIds.slice(0, 10)) await client.send({ orderId, quantity: 1 });
  await eventually(
    async () => backlog(),
    (count) => count >= 10,
  );
  for (const orderId of orderIds.slice(10)) await client.send({ orderId, quantity: 1 });
  await eventually(
    async () => backlog(),
    (count) => count >= 30,
  );
  gate.resolve();
  await eventually(
    async () => backlog(),
    (count) => count === 0,
  );
  const reserved = await system.client(stock).reservations({});
  assert.deepEqual(reserved.map(({ orderId }) => orderId).sort(), orderIds.sort());
});
