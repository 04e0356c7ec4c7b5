import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { service, system } from '@banyan/chassis';
import { contract, counter, event, gauge, histogram, operation } from '@banyan/contract';
import { createMetrics, createTelemetry, readTelemetrySettings } from '@banyan/telemetry';
import { startOtlpReceiver } from '@banyan/test-support/otlp-receiver';
import { eventually, startTestSystem, type TestSystemOptions } from '@banyan/testing';
import { z } from 'zod';
import { figureOf } from './fixtures/figure.ts';

const Order = z.object({ orderId: z.string(), plan: z.string() });
const Nothing = z.object({});
const orders = contract('orders', {
  version: '1.0.0',
  operations: {
    place: operation('POST /orders', {
      input: Order,
      output: Nothing,
      errors: { soldOut: { status: 409 } },
    }),
    placeTogether: operation('POST /orders-together', { input: Order, output: Nothing }),
  },
  events: { placed: event('OrderPlaced', { data: Order, key: 'orderId' }) },
  metrics: {
    placed: counter('Orders that were placed.', { labels: { plan: ['plain', 'gift'] } }),
    refused: counter('Orders that were refused.'),
    heard: counter('Orders that were heard of.'),
    waiting: gauge('Orders that wait.'),
    value: histogram('What an order costs.', { unit: 'euros', buckets: [10, 100] }),
  },
});
const asker = contract('asker', { version: '1.0.0', operations: {} });

/** Fails the first time that an event of a plan `retried` is handled. */
function createSystem() {
  let failures = 0;
  const ordersService = service(orders, {
    operations: {
      async place({ orderId, plan }, { tx, fail, metrics: { refused } }) {
        if (plan === 'refused') {
          refused.inc();
          return fail('soldOut');
        }
        await tx(async ({ sql, emit, savepoint, metrics }) => {
          metrics.placed.inc({ plan: plan === 'gift' ? 'gift' : 'plain' });
          metrics.value.observe(40);
          await savepoint(async () => {
            metrics.placed.inc({ plan: 'gift' }, 100);
            throw new Error('undone');
          }).catch(() => {});
          await sql`select 1`;
          if (plan === 'undone') fail('soldOut');
          emit('placed', { orderId, plan });
        });
        return {};
      },
      async placeTogether({ orderId, plan }, { groupCommit }) {
        await groupCommit(({ sql, emit, metrics }) => {
          metrics.placed.inc({ plan: 'plain' });
          emit('placed', { orderId, plan });
          return [plan === 'undone' ? sql`select 1 / 0` : sql`select 1`];
        });
        return {};
      },
    },
    on: {
      'orders.placed': async ({ plan }, { sql, metrics }) => {
        metrics.heard.inc();
        await sql`select 1`;
        if (plan === 'retried' && failures++ === 0) throw new Error('once');
      },
    },
    background: {
      watch: async ({ metrics }) => {
        metrics.waiting.set(7);
        metrics.waiting.dec(2);
      },
    },
  });
  const askerService = service(asker, { uses: { orders }, operations: {} });
  return system('measured', { services: [ordersService, askerService] });
}

async function start(t: TestContext, options: TestSystemOptions = {}) {
  const metrics = createMetrics();
  const running = await startTestSystem(t, createSystem(), { metrics, ...options });
  const as = (idempotencyKey?: string) =>
    running.client(orders, {
      service: 'asker',
      timeoutMs: 60_000,
      ...(idempotencyKey === undefined ? undefined : { idempotencyKey }),
    });
  const figure = (series: string) => figureOf(metrics, series);
  const heard = () => figure('orders_heard_total{service="orders"}');
  return { running, metrics, as, figure, heard };
}

test('a measurement in a transaction counts when it commits, and what is undone does not', async (t) => {
  const { as, figure } = await start(t);
  await as().place({ orderId: '1', plan: 'plain' });
  await as().place({ orderId: '2', plan: 'gift' });
  await assert.rejects(as().place({ orderId: '3', plan: 'undone' }), { reason: 'soldOut' });
  assert.equal(figure('orders_placed_total{service="orders",plan="plain"}'), 1);
  assert.equal(figure('orders_placed_total{service="orders",plan="gift"}'), 1);
  assert.equal(figure('orders_value_euros_bucket{service="orders",le="10.0"}'), 0);
  assert.equal(figure('orders_value_euros_bucket{service="orders",le="100.0"}'), 2);
});

test('a measurement beside the transactions counts at once: a refusal', async (t) => {
  const { as, figure } = await start(t);
  await assert.rejects(as().place({ orderId: '1', plan: 'refused' }), { reason: 'soldOut' });
  assert.equal(figure('orders_refused_total{service="orders"}'), 1);
});

test('of lists that are committed together each counts if its own statements were', async (t) => {
  const { as, figure } = await start(t);
  const plans = ['plain', 'undone', 'plain', 'undone', 'plain'];
  const outcomes = await Promise.allSettled(
    plans.map((plan, index) => as().placeTogether({ orderId: `${index}`, plan })),
  );
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    plans.map((plan) => (plan === 'undone' ? 'rejected' : 'fulfilled')),
  );
  assert.equal(figure('orders_placed_total{service="orders",plan="plain"}'), 3);
});

test('an event counts once, however often it is delivered and its handler fails', async (t) => {
  const { as, heard } = await start(t, { harsh: true });
  const plans = ['plain', 'retried', 'gift'];
  for (const [index, plan] of plans.entries()) await as().place({ orderId: `${index}`, plan });
  await eventually(
    async () => heard(),
    (count) => count >= plans.length,
  );
  // The last one of a key comes after everything that could be counted twice.
  for (const index of plans.keys()) await as().place({ orderId: `${index}`, plan: 'plain' });
  await eventually(
    async () => heard(),
    (count) => count >= 2 * plans.length,
  );
  assert.equal(heard(), 2 * plans.length);
});

test('every combination of a counter is there from the start, a gauge when it was set', async (t) => {
  const { metrics, figure } = await start(t);
  assert.equal(figure('orders_placed_total{service="orders",plan="gift"}'), 0);
  await eventually(
    async () => figure('orders_waiting{service="orders"}'),
    (value) => value === 5,
  );
  const page = metrics.render();
  assert.match(page, /^# HELP orders_placed_total Orders that were placed\.$/m);
  assert.match(page, /^# TYPE orders_waiting gauge$/m);
});

test('they leave with the others as OTLP, and a bucket leads to the trace', async (t) => {
  const receiver = await startOtlpReceiver(t);
  const metrics = createMetrics();
  const settings = readTelemetrySettings(
    { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url },
    { development: true, runId: 'test' },
  );
  const telemetry = createTelemetry({ settings, system: 'measured', instance: '1', pid: 1, metrics });
  const { running, as } = await start(t, { telemetry: () => telemetry, metrics, harsh: false });
  await as().place({ orderId: '1', plan: 'gift' });
  const [, traceId] =
    /orders_value_euros_bucket\{service="orders",le="100.0"\} 1 # \{trace_id="(.*?)"/.exec(
      metrics.render('openmetrics'),
    ) ?? [];
  await running.stop();
  await telemetry.stop();
  const led = receiver.spans.filter((span) => span.traceId === traceId).map(({ name }) => name);
  assert.ok(led.includes('orders.place'), led.join());
  const sent = receiver.metrics.find(({ name }) => name === 'orders_placed_total');
  assert.deepEqual(
    [sent?.kind, sent?.points],
    [
      'sum',
      [
        { labels: { service: 'orders', plan: 'plain' }, value: 0 },
        { labels: { service: 'orders', plan: 'gift' }, value: 1 },
      ],
    ],
  );
});

test('a bucket leads nowhere if no spans are made', async (t) => {
  const { metrics, as } = await start(t);
  await as().place({ orderId: '1', plan: 'gift' });
  const page = metrics.render('openmetrics');
  assert.match(page, /^orders_value_euros_bucket\{service="orders",le="100.0"\} 1$/m);
});

test('two services whose metrics would be one on the page, and are not the same, make no system', () => {
  const define = (name: string, help: string, key: string) =>
    service(contract(name, { version: '1.0.0', operations: {}, metrics: { [key]: counter(help) } }), {
      operations: {},
    });
  const services = [define('photo', 'Photos.', 'bookSold'), define('photo-book', 'Books.', 'sold')];
  assert.throws(
    () => system('shop', { services }),
    /'photo' and 'photo-book' have different metrics 'photo_book_sold_total'/,
  );
});
