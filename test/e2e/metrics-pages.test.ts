import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { startTestSystem } from '@banyan/testing';
import books from '../../systems/books/stage-1/system.ts';
import foodToGo from '../../systems/food-to-go/system.ts';
import interactions from '../../systems/interactions/system.ts';
import orders from '../../systems/orders/system.ts';
import transfers from '../../systems/two-phase-commit/system.ts';

/** Of the Debian package `prometheus`. */
const promtool = process.env['PROMTOOL'] ?? 'promtool';
const isMissing = spawnSync(promtool, ['--version']).error !== undefined;

// Photo print has a test of its own, with orders under way.
for (const system of [books, foodToGo, interactions, orders, transfers]) {
  test(`Prometheus has nothing to say against the metrics page of any service of ${system.name}`, {
    skip: isMissing && 'needs promtool',
  }, async (t) => {
    const running = await startTestSystem(t, system);
    for (const { name } of system.services) {
      const page = await (await fetch(`${await running.internalUrl(name)}/metrics`)).text();
      assert.match(page, /^# TYPE /m);
      const options = { input: page, encoding: 'utf8' } as const;
      const { status, stdout, stderr } = spawnSync(promtool, ['check', 'metrics'], options);
      assert.equal(`${stdout}${stderr}`, '', name);
      assert.equal(status, 0, name);
    }
  });
}
