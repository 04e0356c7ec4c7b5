import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createMetrics } from '@banyan/telemetry';
import { broken } from '@banyan/test-support/releases';
import { eventually, temporaryFolder } from '@banyan/testing';
import { accountingService } from '../accounting/service.ts';
import { expiredCard, startFood } from './fixtures/food.ts';

const rules = new URL('../alerts.prometheus.yaml', import.meta.url);
/** Of the Debian package `prometheus`. */
const promtool = process.env['PROMTOOL'] ?? 'promtool';
const isMissing = spawnSync(promtool, ['--version']).error !== undefined;

for (const createOrder of ['orchestration', 'choreography']) {
  test(`orders placed, approved and rejected are counted once (${createOrder})`, async (t) => {
    const metrics = createMetrics();
    const food = await startFood(t, { metrics, environment: { ORDERS_CREATE_ORDER: createOrder } });
    const figure = (series: string) =>
      metrics
        .render()
        .split('\n')
        .find((line) => line.startsWith(`${series} `));
    const restaurant = await food.restaurant();
    for (const [card, state] of [
      [undefined, 'APPROVED'],
      [undefined, 'APPROVED'],
      [expiredCard, 'REJECTED'],
    ] as const) {
      const consumer = await food.consumer(...(card === undefined ? [] : [card]));
      const { orderId } = (await food.order(consumer, restaurant)).json;
      await food.until(consumer, orderId, state);
    }
    const placed = `orders_placed_total{service="orders",coordination="${createOrder}"}`;
    assert.equal(figure(placed), `${placed} 3`);
    assert.equal(
      figure('orders_approved_total{service="orders"}'),
      'orders_approved_total{service="orders"} 2',
    );
    assert.equal(
      figure('orders_rejected_total{service="orders"}'),
      'orders_rejected_total{service="orders"} 1',
    );
    const waiting = 'orders_awaiting_approval{service="orders"}';
    const waitingIs = (count: number) =>
      eventually(
        async () => figure(waiting),
        (line) => line === `${waiting} ${count}`,
      );
    const patient = await food.consumer();
    await assert.rejects(food.reload(broken(accountingService)));
    const { orderId } = (await food.order(patient, restaurant)).json;
    await waitingIs(1);
    await food.reload(accountingService);
    await food.until(patient, orderId, 'APPROVED');
    await waitingIs(0);
  });
}

/** Ten orders a minute from the start, of which `rejected` are rejected. */
const course = (rejected: number, alerts: string) => `
  - interval: 1m
    input_series:
      - { series: 'orders_placed_total{service="orders",coordination="orchestration"}', values: '0+10x30' }
      - { series: 'orders_rejected_total{service="orders"}', values: '0+${rejected}x30' }
      - { series: 'orders_awaiting_approval{service="orders"}', values: '3x30' }
    alert_rule_test: [{ eval_time: 20m, alertname: ManyOrdersRejected, exp_alerts: [${alerts}] }]`;

test('Prometheus alerts when more than one in five orders is rejected, and not when one in ten is', {
  skip: isMissing && 'needs promtool',
}, async (t) => {
  const folder = await temporaryFolder(t, 'alerts');
  const summary = /summary: (.*rejected\.)/.exec(readFileSync(rules, 'utf8'))?.[1];
  const alert = `{ exp_labels: { severity: ticket }, exp_annotations: { summary: '${summary}' } }`;
  const file = `${folder}/test.yaml`;
  writeFileSync(file, `rule_files: ['${fileURLToPath(rules)}']\ntests:${course(3, alert)}${course(1, '')}\n`);
  const { status, stdout, stderr } = spawnSync(promtool, ['test', 'rules', file], { encoding: 'utf8' });
  assert.equal(status, 0, `${stdout}${stderr}`);
});
