import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startOtlpReceiver } from '@banyan/test-support/otlp-receiver';
import { createTestTelemetry } from '@banyan/test-support/test-telemetry';
import { heading, noChromium, payWith, startPageBrowser } from './fixtures/page-browser.ts';
import { everyPart, startPhotoPrint } from './fixtures/photo-print.ts';

test('what "Order and pay" sets off is one trace, from the button in the browser to the label, with every service by itself', {
  skip: noChromium,
}, async (t) => {
  const receiver = await startOtlpReceiver(t);
  const { telemetry, stop } = createTestTelemetry('photo-print', receiver.url);
  const apart = everyPart.map((part) => [part]);
  const photoPrint = await startPhotoPrint(t, apart, { telemetry, harsh: false });
  const browser = await startPageBrowser(t, photoPrint.system.publicUrl ?? '');
  const page = await browser.checkOut(t, await photoPrint.customer());
  const sent = new Set<string | undefined>();
  page.on('request', (request) => {
    if (request.method() === 'POST') sent.add(request.headers()['traceparent']);
  });
  await payWith(page, 'A new card', 'tok_ok');
  await heading(page, 'Thank you!').waitFor();
  await page.getByText(/^LB\d{9}NL$/).waitFor();
  await stop();

  const [named = ''] = sent;
  assert.equal(sent.size, 1, 'all that the click sends names one trace');
  const [, traceId, spanId] = named.split('-');
  const spans = receiver.spans.filter((span) => span.traceId === traceId);
  const ids = new Set(spans.map((span) => span.spanId));
  const roots = spans.filter(({ parentSpanId = '' }) => !ids.has(parentSpanId));
  // What the page asks meanwhile to show how far the order is belongs to no click.
  assert.deepEqual(roots.map(({ service, name, parentSpanId }) => [service, name, parentSpanId]).sort(), [
    ['gateway', 'POST /cards', spanId],
    ['gateway', 'POST /print-orders', spanId],
  ]);
  const names = new Set(spans.map(({ service, name }) => `${service} ${name}`));
  for (const name of [
    'orders orders.placeOrder',
    'payments process orders.placed',
    'printing process orders.paid',
    'despatch process printing.printed',
    'orders process despatch.despatched',
  ])
    assert.ok(names.has(name), name);
});
