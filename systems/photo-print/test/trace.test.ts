import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type ReceivedSpan, startOtlpReceiver } from '@banyan/test-support/otlp-receiver';
import { createTestTelemetry } from '@banyan/test-support/test-telemetry';
import { everyPart, type Placement, startPhotoPrint } from './fixtures/photo-print.ts';

const serverKind = 2;
const clientKind = 3;

/** From the order to the label: what each service told, and who handled it. */
const wholePath = [
  'orders 3 INSERT orders',
  'orders 3 COMMIT',
  'orders 4 publish orders.placed',
  'payments 5 process orders.placed',
  'payments 4 publish payments.requested',
  'payments 5 process payments.requested',
  'payment-provider 2 payment-provider.charge',
  'payments 4 publish payments.captured',
  'orders 5 process payments.captured',
  'orders 4 publish orders.paid',
  'printing 5 process orders.paid',
  'printing 4 publish printing.printed',
  'despatch 5 process printing.printed',
  'despatch 3 INSERT parcels',
  'despatch 4 publish despatch.despatched',
  'orders 5 process despatch.despatched',
];

interface TracedOrder {
  readonly spans: readonly ReceivedSpan[];
  readonly root: ReceivedSpan;
}

/** Orders a print, waits until it is despatched, and resolves with the trace that the gateway named in its answer. */
async function traceAnOrder(t: TestContext, placement: Placement): Promise<TracedOrder> {
  const receiver = await startOtlpReceiver(t);
  const { telemetry, stop } = createTestTelemetry('photo-print', receiver.url);
  const { customer } = await startPhotoPrint(t, placement, { telemetry });
  const ada = await customer();
  const answer = await ada.order({});
  const traceId = answer.headers.get('x-trace-id');
  await ada.until(answer.json.orderId, 'despatched');
  await stop();
  const spans = receiver.spans.filter((span) => span.traceId === traceId);
  const root = spans.find(({ parentSpanId }) => parentSpanId === undefined);
  assert.ok(root);
  return { spans, root };
}

for (const [where, placement] of Object.entries({
  'in one process': undefined,
  'with every service by itself': everyPart.map((part) => [part]),
} satisfies Record<string, Placement>)) {
  test(`an order ${where} is one trace`, async (t) => {
    const { spans, root } = await traceAnOrder(t, placement);
    assert.equal(root.name, 'POST /print-orders');
    assert.equal(root.service, 'gateway');
    assert.equal(root.attributes['http.response.status_code'], 202);
    const placed = spans.find(({ name, kind }) => name === 'orders.placeOrder' && kind === serverKind);
    assert.equal(placed?.service, 'orders');
    assert.equal(placed?.attributes['banyan.caller'], 'gateway');
    assert.equal(placed?.attributes['banyan.placement'], placement === undefined ? 'local' : 'remote');
    const asked = spans.find(({ name, kind }) => name === 'orders.placeOrder' && kind === clientKind);
    assert.equal(asked?.service, placement === undefined ? undefined : 'gateway');
    assert.equal(placed?.parentSpanId, placement === undefined ? root.spanId : asked?.spanId);
    const ids = new Set(spans.map(({ spanId }) => spanId));
    const orphans = spans.filter(({ parentSpanId }) => parentSpanId !== undefined && !ids.has(parentSpanId));
    assert.deepEqual(
      orphans.map(({ name }) => name),
      [],
    );
    const names = new Set(spans.map(({ service, name, kind }) => `${service} ${kind} ${name}`));
    for (const name of wholePath) assert.ok(names.has(name), name);
    const statements = spans.filter(({ attributes }) => attributes['db.system.name'] === 'postgresql');
    assert.ok(statements.every(({ kind }) => kind === clientKind));
    const inserted = statements.find(({ name }) => name === 'INSERT orders');
    assert.match(String(inserted?.attributes['db.query.text']), /^insert into orders .*\$1/);
  });
}
