import assert from 'node:assert/strict';
import { test } from 'node:test';
import { contract, counter, gauge, histogram, type Metrics, metricName } from '@banyan/contract';

const shop = (metrics: Metrics, name = 'photo-shop') =>
  contract(name, { version: '1.0.0', operations: {}, metrics });

test('what a metric is called on the page follows from the contract, its key, its unit and its type', () => {
  const { metrics } = shop({
    ordersPlaced: counter('Orders that were placed.'),
    paid: counter('What was paid.', { unit: 'euros' }),
    shelf2: gauge('Free places.'),
    printing: histogram('From the first sheet to the last.', { unit: 'seconds' }),
  });
  assert.deepEqual(Object.values(metrics).map(metricName), [
    'photo_shop_orders_placed_total',
    'photo_shop_paid_euros_total',
    'photo_shop_shelf2',
    'photo_shop_printing_seconds',
  ]);
});

test('a contract without metrics has none', () => {
  assert.deepEqual(contract('plain', { version: '1.0.0', operations: {} }).metrics, {});
});

test('a metric may be named with a word that every object knows', () => {
  const { metrics } = shop({ constructorCalls: counter('Calls.') });
  assert.deepEqual(Object.values(metrics).map(metricName), ['photo_shop_constructor_calls_total']);
});

const help = 'Orders.';
const many = Array.from({ length: 11 }, (_, index) => `v${index}`);
const refused: readonly (readonly [what: string, metrics: () => Metrics, why: RegExp])[] = [
  ['no help', () => ({ placed: counter(' ') }), /say first what it measures/],
  ['a key in snake_case', () => ({ orders_placed: counter(help) }), /'orders_placed' in camelCase/],
  ['an ending with a meaning', () => ({ ordersTotal: counter(help) }), /leave 'total' out/],
  ['its own type', () => ({ orderCounter: counter(help) }), /leave 'counter' out/],
  ['a unit in the key, too', () => ({ waitSeconds: gauge(help, { unit: 'seconds' }) }), /leave the unit out/],
  [
    'milliseconds',
    () => ({ wait: gauge(help, { unit: 'milliseconds' }) }),
    /seconds instead of milliseconds/,
  ],
  ['hours in the key', () => ({ hoursWorked: gauge(help) }), /seconds instead of hours/],
  ['a unit cut short', () => ({ wait: gauge(help, { unit: 'ms' }) }), /'ms' reads like a unit/],
  ['a unit with a capital', () => ({ paid: counter(help, { unit: 'EUR' }) }), /unit in lower case/],
  [
    'a label in camelCase',
    () => ({ a: counter(help, { labels: { paidBy: ['card'] } }) }),
    /'paidBy' in snake_case/,
  ],
  [
    "a label of Prometheus' own",
    () => ({ a: counter(help, { labels: { job: ['x'] } }) }),
    /rename the label 'job'/,
  ],
  ['a label without values', () => ({ a: counter(help, { labels: { by: [] } }) }), /each of its values once/],
  ['a value twice', () => ({ a: counter(help, { labels: { by: ['x', 'x'] } }) }), /each of its values once/],
  [
    '121 combinations',
    () => ({ a: counter(help, { labels: { x: many, y: many } }) }),
    /121 combinations; 100 are/,
  ],
  ['no buckets', () => ({ a: histogram(help, { unit: 'euros' }) }), /give it buckets/],
  ['buckets that descend', () => ({ a: histogram(help, { buckets: [2, 1] }) }), /ascending order/],
  ['no bucket', () => ({ a: histogram(help, { unit: 'seconds', buckets: [] }) }), /1 to 50 buckets/],
  ['one name twice', () => ({ sold: counter(help), Sold: gauge(help) }), /'Sold' in camelCase/],
  [
    'one name twice by way of a unit',
    () => ({ sold: gauge(help, { unit: 'euros' }), soldEuros: gauge(help) }),
    /same name on the page/,
  ],
  [
    'a counter and a gauge of one family',
    () => ({ soldEuros: gauge(help), sold: counter(help, { unit: 'euros' }) }),
    /same name on the page/,
  ],
];

for (const [what, metrics, why] of refused) {
  test(`a contract is refused for ${what}, with the fix in the text`, () => {
    assert.throws(() => shop(metrics()), { name: 'TypeError', message: why });
  });
}

test("a contract whose metrics would look like the platform's is refused", () => {
  assert.throws(
    () => shop({ sold: counter(help) }, 'process'),
    /the platform's own metrics begin with 'process_'/,
  );
});
