import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTrace } from '@banyan/telemetry';
import { startOtlpReceiver } from '@banyan/test-support/otlp-receiver';
import { createTestTelemetry } from '@banyan/test-support/test-telemetry';
import { createStatementSpans } from '../src/statement-spans.ts';

const named: readonly (readonly [text: string, name: string])[] = [
  ['select * from orders', 'SELECT orders'],
  ['with old as (select id from logs) delete from orders using old', 'DELETE orders'],
  ['with old as (select (now() - age) from logs where (a) and b) update orders set x = 1', 'UPDATE orders'],
  [
    'with a as (select 1), b (x) as materialized (select (2) from c) insert into orders select 1',
    'INSERT orders',
  ],
  [`with a as (select ')' from b -- (\n) select 1 from orders`, 'SELECT orders'],
  ['with recursive a as (select 1 /* ( */ union select 2 from a) select from orders', 'SELECT orders'],
];

test('a statement is named by what it does, whatever it prepares by `with`', async (t) => {
  const receiver = await startOtlpReceiver(t);
  const { telemetry, stop } = createTestTelemetry('orders', receiver.url);
  const tracer = telemetry('1').tracer({ name: 'orders' });
  assert.ok(tracer);
  const observer = createStatementSpans(tracer).observer(createTrace());
  for (const [text] of named) observer.began(text, true).ended(0);
  await stop();
  assert.deepEqual(
    receiver.spans.map(({ name }) => name),
    named.map(([, name]) => name),
  );
});

test('an error whose causes go round in a circle tells its SQLSTATE, or that it has none', async (t) => {
  const receiver = await startOtlpReceiver(t);
  const { telemetry, stop } = createTestTelemetry('orders', receiver.url);
  const tracer = telemetry('1').tracer({ name: 'orders' });
  assert.ok(tracer);
  const observer = createStatementSpans(tracer).observer(createTrace());
  const outer = new Error('outer');
  const inner = new Error('inner', { cause: outer });
  outer.cause = inner;
  observer.began('select 1', true).failed(outer);
  observer.began('select 2', true).failed(Object.assign(inner, { code: '57014' }));
  await stop();
  assert.deepEqual(
    receiver.spans.map(({ attributes }) => attributes['db.response.status_code']),
    [undefined, '57014'],
  );
});
