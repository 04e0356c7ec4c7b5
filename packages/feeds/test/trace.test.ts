import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startOtlpReceiver } from '@banyan/test-support/otlp-receiver';
import { createTestTelemetry } from '@banyan/test-support/test-telemetry';
import { startTestSystem, until } from '@banyan/testing';
import { ordersSystem } from './fixtures/orders.ts';
import { shipping, shippingSystem } from './fixtures/shipping.ts';
import { atom, startScriptedServer } from './support/scripted-server.ts';

for (const accept of ['atom', 'json', 'json-feed'] as const) {
  test(`who reads a feed as ${accept} goes on with the trace of the entry, in another system, if it is told to`, async (t) => {
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
    const consumer = await startTestSystem(
      t,
      shippingSystem({ url, accept, intervalMs: 50, continueTraces: 'always' }),
      {
        telemetry: sending.telemetry,
        harsh: false,
      },
    );
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

const theirs = '0af7651916cd43dd8448eb211c80319c';

function entryOf(traceparent: string, index: number) {
  const scheme = 'https://www.w3.org/TR/trace-context/#traceparent-header';
  return { id: `e${index}`, inside: `<category scheme="${scheme}" term="${traceparent}"/>` };
}

for (const continueTraces of [undefined, 'always'] as const) {
  for (const [sampler, flag, isKept] of [
    ['parentbased_always_on', '00', true],
    ['parentbased_always_off', '01', false],
  ] as const) {
    test(`a feed with flag ${flag} chooses ${continueTraces === undefined ? 'neither a trace nor' : 'the trace, but not'} what ${sampler} keeps`, async (t) => {
      const receiver = await startOtlpReceiver(t);
      const { telemetry, stop } = createTestTelemetry('sending', receiver.url, {
        OTEL_TRACES_SAMPLER: sampler,
        BANYAN_TRACE_SLOW_MS: '600000',
      });
      const server = await startScriptedServer(t);
      server.on('/feed', atom([entryOf(`00-${theirs}-b7ad6b7169203331-${flag}`, 0)]));
      const reading = { url: `${server.origin}/feed`, fetchContent: false, intervalMs: 50 };
      const consumer = await startTestSystem(
        t,
        shippingSystem({ ...reading, ...(continueTraces && { continueTraces }) }),
        { telemetry, harsh: false },
      );
      const client = consumer.client(shipping, { timeoutMs: 60_000 });
      await until(async () => (await client.shipments({})).shipments.length === 1, 'it is handled');
      await consumer.stop();
      await stop();
      const spans = receiver.spans.filter(({ name }) => name === 'INSERT shipment');
      assert.equal(spans.length, isKept ? 1 : 0);
      if (!isKept) return;
      assert.equal(spans[0]?.traceId === theirs, continueTraces === 'always');
      assert.equal(
        receiver.bodies.some((body) =>
          body.includes(`"links":[{"traceId":"${theirs}","spanId":"b7ad6b7169203331"`),
        ),
        continueTraces === undefined,
      );
    });
  }
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
  server.on('/feed', atom(terms.map(entryOf)));
  const url = `${server.origin}/feed`;
  const reading = { url, fetchContent: false, intervalMs: 50, continueTraces: 'always' } as const;
  const consumer = await startTestSystem(t, shippingSystem(reading), { telemetry, harsh: false });
  const client = consumer.client(shipping, { timeoutMs: 60_000 });
  await until(async () => (await client.shipments({})).shipments.length === 3, 'all are handled');
  await consumer.stop();
  await stop();
  const inserts = receiver.spans.filter(({ name }) => name === 'INSERT shipment');
  assert.equal(new Set(inserts.map(({ traceId }) => traceId)).size, 3);
  assert.ok(inserts.every(({ traceId }) => !ids.includes(traceId)));
});
