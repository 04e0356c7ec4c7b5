import assert from 'node:assert/strict';
import { test } from 'node:test';
import { broken } from '@banyan/test-support/releases';
import { printingService } from '../printing/service.ts';
import { startPhotoPrint } from './fixtures/photo-print.ts';

test('while printing is down an order is paid and waits; it completes on recovery, charged once', async (t) => {
  const { system, customer, chargesOf } = await startPhotoPrint(t);
  const ada = await customer();
  const [host] = system.hosts;
  assert.ok(host);
  await assert.rejects(host.reload(broken(printingService)));

  const placed = await ada.order({});
  assert.equal(placed.status, 202);
  const { orderId } = placed.json;
  const paid = await ada.until(orderId, 'paid');
  assert.deepEqual(Object.keys(paid.times), ['placed', 'paid']);
  // Whether the job has started, only printing knows.
  const cancellation = await ada.send('POST', `/print-orders/${orderId}/cancellation`, { json: {} });
  assert.ok([503, 504].includes(cancellation.status), `${cancellation.status}`);
  assert.equal((await ada.until(orderId, 'paid', 'cancelled')).status, 'paid');

  await host.reload(printingService);
  await ada.until(orderId, 'despatched');
  assert.deepEqual(
    (await chargesOf(orderId)).map(({ status }) => status),
    ['captured'],
  );
});
