import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ReceivedSpan, startOtlpReceiver } from '@banyan/test-support/otlp-receiver';
import { createTestTelemetry } from '@banyan/test-support/test-telemetry';
import foodToGo from '../system.ts';
import { expiredCard, startFood } from './fixtures/food.ts';

const everyPart = ['gateway', ...[...foodToGo.services, ...foodToGo.development].map(({ name }) => name)];

/** Spans of the saga's steps, by name, each under the span of the run. */
function stepsOf(spans: readonly ReceivedSpan[]): {
  readonly run: ReceivedSpan;
  readonly steps: readonly string[];
} {
  const run = spans.find(({ name }) => name.startsWith('saga '));
  assert.ok(run);
  const steps = spans.filter(({ parentSpanId }) => parentSpanId === run.spanId);
  const named = steps.map(({ name, attributes }) => `${name} ${attributes['banyan.saga.direction']}`);
  return { run, steps: [...new Set(named)].sort() };
}

for (const [where, placement] of Object.entries({ 'in one process': undefined, apart: everyPart })) {
  test(`an order with its saga ${where} is one trace: what started the saga, its run, its steps and what they called`, async (t) => {
    const receiver = await startOtlpReceiver(t);
    const { telemetry, stop } = createTestTelemetry('food-to-go', receiver.url);
    const food = await startFood(t, {
      telemetry,
      environment: { ORDERS_CREATE_ORDER: 'orchestration' },
      ...(placement === undefined ? undefined : { placement: placement.map((part) => [part]) }),
    });
    const consumer = await food.consumer();
    const restaurant = await food.restaurant();
    const { json, headers } = await food.order(consumer, restaurant, 5);
    await food.until(consumer, json.orderId, 'APPROVED');
    // First the services, so that what they are in the midst of ends, with its span.
    await food.system.stop();
    await stop();
    const spans = receiver.spans.filter(({ traceId }) => traceId === headers.get('x-trace-id'));
    const { run, steps } = stepsOf(spans);
    assert.equal(run.attributes['banyan.saga.status'], 'completed');
    assert.equal(run.service, 'orders');
    for (const step of ['verifyConsumer', 'createTicket', 'confirmTicket', 'approve']) {
      assert.ok(steps.includes(`step ${run.attributes['banyan.saga.name']}.${step} forward`), steps.join());
    }
    const ids = new Map(spans.map((span) => [span.spanId, span]));
    const orphans = spans.filter(({ parentSpanId = '' }) => parentSpanId !== '' && !ids.has(parentSpanId));
    assert.deepEqual(orphans, []);
    const ticket = spans.find(({ name, kind }) => name === 'kitchen.createTicket' && kind === 2);
    const isBelowRun = (span: ReceivedSpan | undefined): boolean =>
      span !== undefined && (span === run || isBelowRun(ids.get(span.parentSpanId ?? '')));
    assert.ok(isBelowRun(ticket));
    assert.ok(
      run.startMs <= (ticket?.startMs ?? 0) && run.endMs >= (ticket?.endMs ?? Number.POSITIVE_INFINITY),
    );
  });
}

test('a saga that goes back shows the steps of its way back', async (t) => {
  const receiver = await startOtlpReceiver(t);
  const { telemetry, stop } = createTestTelemetry('food-to-go', receiver.url);
  const food = await startFood(t, { telemetry, environment: { ORDERS_CREATE_ORDER: 'orchestration' } });
  const consumer = await food.consumer(expiredCard);
  const { json, headers } = await food.order(consumer, await food.restaurant(), 5);
  await food.until(consumer, json.orderId, 'REJECTED');
  await food.system.stop();
  await stop();
  const spans = receiver.spans.filter(({ traceId }) => traceId === headers.get('x-trace-id'));
  const { run, steps } = stepsOf(spans);
  assert.equal(run.attributes['banyan.saga.status'], 'compensated');
  const name = run.attributes['banyan.saga.name'];
  assert.ok(steps.includes(`step ${name}.createTicket forward`), steps.join());
  assert.ok(steps.includes(`step ${name}.createTicket compensate`), steps.join());
  assert.ok(steps.includes(`step ${name}.pending compensate`), steps.join());
});
