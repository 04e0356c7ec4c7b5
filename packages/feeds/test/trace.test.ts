import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startOtlpReceiver } from '@banyan/test-support/otlp-receiver';
import { createTestTelemetry } from '@banyan/test-support/test-telemetry';
import { startTestSystem, until } from '@banyan/testing';
import { ordersSystem } from './fixtures/orders.ts';
import { shipping, shippingSystem } from './fixtures/shipping.ts';
import { atom, startScriptedServer } from './support/scripted-server.ts';

for (const accept of ['atom', 'json', 'json-feed'] as const) {
  test(`who reads a feed as ${accept} goes on with the trace of the entry, in another system`, async (t) => {
    const receiver = await startOtlpReceiver(t);
    const selling = createTestTelemetry('selling', receiver.url);
    const sending = createTestTelemetry('sending', receiver.url);
    const producer = await startTestSystem(t, ordersSystem(), { telemetry: selling.telemetry, harsh: false });
    const place = async (orderId: string) => {
      const answer = await fetch(`${producer.publicUrl}/orders`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ orderId, item: 'mug' }),
      });
      assert.equal(answer.status, 200);
      return answer.headers.get('x-trace-id') ?? '';
    };
    const traceIds = [await place('o1'), await place('o2')];
    const url = `${producer.publicUrl}/feed`;
    const consumer = await startTestSystem(t, shippingSystem({ url, accept, intervalMs: 50 }), {
      telemetry: sending.telemetry,
      harsh: false,
    });
    const client = consumer.client(shipping, { timeoutMs: 60_000 });
    await until(async () => (await client.shipments({})).shipments.length === 2, 'both orders are shipped');
    await consumer.stop();
    await producer.stop();
    await Promise.all([selling.stop(), sending.stop()]);
    for (const traceId of traceIds) {
      const names = receiver.spans.filter((span) => span.traceId === traceId).map(({ name }) => name);
      for (const name of [
        'orders.placeOrder',
        'process orders.placed',
        'background orders',
        'INSERT shipment',
      ])
        assert.ok(names.includes(name), `${name} is not in the trace of ${names}`);
      assert.ok(names.includes('publish shipping.shipped'), 'what the reader tells is in it, too');
    }
  });
}

test('an entry whose trace cannot be read is handled in a trace of its own', async (t) => {
  const receiver = await startOtlpReceiver(t);
  const { telemetry, stop } = createTestTelemetry('sending', receiver.url);
  const server = await startScriptedServer(t);
  const ids = [
    '0'.repeat(32),
    '0af7651916cd43dd8448eb211c80319c',
    `${'0af7651916cd43dd8448eb211c80319c'.repeat(100)}`,
  ];
  const terms = [`00-${ids[0]}-b7ad6b7169203331-01`, `ff-${ids[1]}-b7ad6b7169203331-01`, `00-${ids[2]}`];
  const scheme = 'https://www.w3.org/TR/trace-context/#traceparent-header';
  const entries = terms.map((term, index) => ({
    id: `e${index}`,
    inside: `<category scheme="${scheme}" term="${term}"/>`,
  }));
  server.on('/feed', atom(entries));
  const url = `${server.origin}/feed`;
  const consumer = await startTestSystem(t, shippingSystem({ url, fetchContent: false, intervalMs: 50 }), {
    telemetry,
    harsh: false,
  });
  const client = consumer.client(shipping, { timeoutMs: 60_000 });
  await until(async () => (await client.shipments({})).shipments.length === 3, 'all are handled');
  await consumer.stop();
  await stop();
  const inserts = receiver.spans.filter(({ name }) => name === 'INSERT shipment');
  assert.equal(new Set(inserts.map(({ traceId }) => traceId)).size, 3);
  assert.ok(inserts.every(({ traceId }) => !ids.includes(traceId)));
});
