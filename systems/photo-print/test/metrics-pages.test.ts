import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import photoPrint from '../system.ts';
import { startPhotoPrint } from './fixtures/photo-print.ts';

/** Of the Debian package `prometheus`. */
const promtool = process.env['PROMTOOL'] ?? 'promtool';
const isMissing = spawnSync(promtool, ['--version']).error !== undefined;

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
