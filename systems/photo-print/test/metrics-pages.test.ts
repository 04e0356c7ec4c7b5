import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import photoPrint from '../system.ts';
import { startPhotoPrint } from './fixtures/photo-print.ts';

/** Of the Debian package `prometheus`. */
const promtool = process.env['PROMTOOL'] ?? 'promtool';
const isMissing = spawnSync(promtool, ['--version']).error !== undefined;

test('orders placed, refused and despatched are counted once, whatever is delivered twice or interrupted', async (t) => {
  const { system, customer } = await startPhotoPrint(t);
  const ada = await customer();
  const { json } = await ada.order({});
  assert.equal((await ada.order({ product: 'hat' })).status, 422);
  await ada.until(json.orderId, 'despatched');
  const page = await (await fetch(`${await system.internalUrl('orders')}/metrics`)).text();
  const figures = page.split('\n').filter((line) => /^orders_(placed|refused|ended)_total/.test(line));
  const of = (name: string, label: string) => `orders_${name}_total{service="orders",${label}}`;
  assert.deepEqual(figures, [
    `${of('placed', 'payment="card"')} 0`,
    `${of('placed', 'payment="wallet"')} 1`,
    `${of('refused', 'reason="unsupported_combination"')} 1`,
    `${of('refused', 'reason="photo_not_found"')} 0`,
    `${of('refused', 'reason="too_few_pixels"')} 0`,
    `${of('ended', 'outcome="despatched"')} 1`,
    `${of('ended', 'outcome="payment_declined"')} 0`,
    `${of('ended', 'outcome="cancelled"')} 0`,
  ]);
  assert.match(page, /^orders_value_euros_count\{service="orders"\} 1$/m);
});

test('Prometheus has nothing to say against the metrics page of any service', {
  skip: isMissing && 'needs promtool',
}, async (t) => {
  const { system, customer } = await startPhotoPrint(t);
  const ada = await customer();
  const { json } = await ada.order({});
  await ada.until(json.orderId, 'despatched');
  for (const { name } of photoPrint.services) {
    const page = await (await fetch(`${await system.internalUrl(name)}/metrics`)).text();
    assert.match(page, /^# TYPE /m);
    const { status, stdout, stderr } = spawnSync(promtool, ['check', 'metrics'], {
      input: page,
      encoding: 'utf8',
    });
    assert.equal(`${stdout}${stderr}`, '', name);
    assert.equal(status, 0, name);
  }
});
