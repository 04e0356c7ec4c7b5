import assert from 'node:assert/strict';
import { test } from 'node:test';
import { collectProcessMetrics, createMetrics, createTrace, expositionContentTypes } from '@banyan/telemetry';
import fc from 'fast-check';
import { parseExposition } from './fixtures/exposition-parser.ts';

const formats = ['prometheus', 'openmetrics'] as const;

test('a counter, a gauge and a histogram are written as Prometheus text 0.0.4', () => {
  const metrics = createMetrics();
  const requests = metrics.counter({
    name: 'requests_total',
    help: 'Requests.',
    labels: ['method', 'status'],
  });
  requests.labels('GET', '200').inc();
  requests.labels('GET', '200').inc(2);
  requests.labels('POST', '500').inc();
  const open = metrics.gauge({ name: 'open_links', help: 'Links that are open.' }).labels();
  open.set(5);
  open.dec();
  open.inc(0.5);
  const seconds = metrics.histogram({
    name: 'call_seconds',
    help: 'Calls.',
    labels: ['op'],
    buckets: [0.1, 1, 10],
  });
  for (const value of [0.1, 0.2, 1, 99]) seconds.labels('a').observe(value);
  assert.equal(
    metrics.render(),
    `# HELP requests_total Requests.
# TYPE requests_total counter
requests_total{method="GET",status="200"} 3
requests_total{method="POST",status="500"} 1
# HELP open_links Links that are open.
# TYPE open_links gauge
open_links 4.5
# HELP call_seconds Calls.
# TYPE call_seconds histogram
call_seconds_bucket{op="a",le="0.1"} 1
call_seconds_bucket{op="a",le="1.0"} 3
call_seconds_bucket{op="a",le="10.0"} 3
call_seconds_bucket{op="a",le="+Inf"} 4
call_seconds_sum{op="a"} 100.3
call_seconds_count{op="a"} 4
`,
  );
});

test('OpenMetrics names the family without _total and ends in EOF', () => {
  const metrics = createMetrics();
  metrics.counter({ name: 'requests_total', help: 'Said "twice".' }).labels().inc();
  assert.equal(
    metrics.render('openmetrics'),
    '# HELP requests Said \\"twice\\".\n# TYPE requests counter\nrequests_total 1\n# EOF\n',
  );
  assert.equal(createMetrics().render('openmetrics'), '# EOF\n');
  assert.equal(createMetrics().render(), '');
  assert.match(expositionContentTypes.openmetrics, /version=1\.0\.0/);
});

test('a metric without labels starts at 0', () => {
  const metrics = createMetrics();
  metrics.counter({ name: 'failures_total', help: 'Failures.' });
  assert.match(metrics.render(), /^failures_total 0$/m);
});

test('a name is free for another definition when all who defined it have released it, and stays on the page till then', () => {
  const metrics = createMetrics();
  const define = (help: string) => metrics.counter({ name: 'orders_total', help });
  define('Orders.').labels().inc();
  define('Orders.').labels().inc();
  metrics.release('orders_total');
  assert.throws(() => define('Placed orders.'), /another definition/);
  metrics.release('orders_total');
  assert.match(metrics.render(), /^orders_total 2$/m);
  define('Placed orders.');
  assert.match(metrics.render(), /^# HELP orders_total Placed orders\.\n.*\norders_total 0$/m);
  assert.throws(() => define('Orders.'), /another definition/);
});

test('bounds are written in canonical form', () => {
  const metrics = createMetrics();
  metrics.histogram({
    name: 'size',
    help: 'Size.',
    buckets: [-1, 0, 1e-7, 0.25, 1, 100, 1e6, 2.5e21, Number.POSITIVE_INFINITY],
  });
  const bounds = parseExposition(metrics.render(), 'prometheus').flatMap(
    (sample) => sample.labels['le'] ?? [],
  );
  assert.deepEqual(bounds, ['-1.0', '0.0', '1e-07', '0.25', '1.0', '100.0', '1e+06', '2.5e+21', '+Inf']);
});

test('whatever stands in labels and help, both formats obey their grammar and give the values back', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.tuple(fc.string({ unit: 'binary', maxLength: 20 }), fc.string({ maxLength: 20 }), fc.nat(100)),
        { maxLength: 20 },
      ),
      fc.string({ minLength: 1 }).filter((help) => help.trim() !== ''),
      (entries, help) => {
        const metrics = createMetrics();
        const counter = metrics.counter({ name: 'c_total', help, labels: ['a', 'b'] });
        const histogram = metrics.histogram({ name: 'h', help, labels: ['a', 'b'], buckets: [1, 10] });
        const sums = new Map<string, number>();
        for (const [a, b, by] of entries) {
          counter.labels(a, b).inc(by);
          histogram.labels(a, b).observe(by);
          const key = JSON.stringify([a.toWellFormed(), b.toWellFormed()]);
          sums.set(key, (sums.get(key) ?? 0) + by);
        }
        for (const format of formats) {
          const samples = parseExposition(metrics.render(format), format);
          for (const name of ['c_total', 'h_sum']) {
            const found = samples.filter((sample) => sample.name === name);
            assert.deepEqual(
              new Map(found.map(({ labels, value }) => [JSON.stringify([labels['a'], labels['b']]), value])),
              sums,
            );
          }
        }
      },
    ),
  );
});

test('each observation falls into the bucket of the specification: value <= bound', () => {
  const bounds = [-5, 0, 0.5, 1, 7, 100];
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.double({ min: -10, max: 200, noNaN: true }), fc.constantFrom(...bounds))),
      (values) => {
        const metrics = createMetrics();
        const histogram = metrics.histogram({ name: 'h', help: 'H.', buckets: bounds }).labels();
        for (const value of values) histogram.observe(value);
        const samples = parseExposition(metrics.render(), 'prometheus').filter(
          ({ name }) => name === 'h_bucket',
        );
        assert.deepEqual(
          samples.map(({ value }) => value),
          [...bounds, Number.POSITIVE_INFINITY].map(
            (bound) => values.filter((value) => value <= bound).length,
          ),
        );
      },
    ),
  );
});

test('a measurement that makes no sense changes nothing and throws nothing', () => {
  const metrics = createMetrics();
  const counter = metrics.counter({ name: 'c_total', help: 'C.' }).labels();
  const gauge = metrics.gauge({ name: 'g', help: 'G.' }).labels();
  const histogram = metrics.histogram({ name: 'h', help: 'H.', buckets: [1] }).labels();
  const before = metrics.render();
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 'x' as never]) {
    counter.inc(value);
    gauge.set(value);
    gauge.inc(value);
    gauge.dec(value);
    histogram.observe(value);
  }
  counter.inc(-1);
  assert.equal(metrics.render(), before);
});

test('beyond maxSeries new label values are counted as `other`, and nothing is lost', () => {
  const metrics = createMetrics();
  const counter = metrics.counter({ name: 'c_total', help: 'C.', labels: ['path', 'user'], maxSeries: 10 });
  for (let index = 0; index < 10_000; index += 1) counter.labels(`/p${index}`, 'u').inc();
  counter.labels('/p3', 'u').inc();
  counter.labels('other', 'other').inc();
  const samples = parseExposition(metrics.render(), 'prometheus');
  assert.equal(samples.length, 11);
  const countAt = (path: string) => samples.find(({ labels }) => labels['path'] === path)?.value;
  assert.deepEqual([countAt('/p3'), countAt('other')], [2, 9_991]);
});

test('a label value named `other` before the limit shares its series with what comes after', () => {
  const metrics = createMetrics();
  const counter = metrics.counter({ name: 'c_total', help: 'C.', labels: ['path'], maxSeries: 1 });
  for (const path of ['other', 'a', 'b']) counter.labels(path).inc();
  assert.deepEqual(parseExposition(metrics.render(), 'prometheus'), [
    { name: 'c_total', labels: { path: 'other' }, value: 3 },
  ]);
});

test('a huge label value is cut', () => {
  const metrics = createMetrics();
  metrics
    .gauge({ name: 'g', help: 'G.', labels: ['path'] })
    .labels('x'.repeat(1_000_000))
    .set(1);
  assert.ok(metrics.render().length < 1_000);
});

test('series keep apart values that only look alike when joined', () => {
  const metrics = createMetrics();
  const counter = metrics.counter({ name: 'c_total', help: 'C.', labels: ['a', 'b'] });
  for (const [a, b] of [
    ['1:x', ''],
    ['', '1:x'],
    ['x1', ':'],
    ['x', '1:'],
  ] as const)
    counter.labels(a, b).inc();
  assert.equal(parseExposition(metrics.render(), 'prometheus').length, 4);
});

test('defining a metric again the same way gives the same metric; another way is refused', () => {
  const metrics = createMetrics();
  const options = { name: 'c_total', help: 'C.', labels: ['a'] };
  metrics.counter(options).labels('x').inc();
  metrics
    .counter({ ...options })
    .labels('x')
    .inc();
  assert.match(metrics.render(), /^c_total\{a="x"\} 2$/m);
  assert.throws(() => metrics.counter({ ...options, labels: ['b'] }), /taken by another definition/);
  assert.throws(() => metrics.gauge({ name: 'c', help: 'C.' }), /taken by another definition/);
});

const refused: readonly (readonly [string, () => unknown, RegExp])[] = [
  ['a counter without _total', () => createMetrics().counter({ name: 'c', help: 'C.' }), /c_total/],
  [
    'a gauge with a reserved ending',
    () => createMetrics().gauge({ name: 'jobs_count', help: 'J.' }),
    /without _total/,
  ],
  ['a name with a space', () => createMetrics().gauge({ name: 'a b', help: 'A.' }), /letters, digits/],
  [
    'a name with a line break',
    () => createMetrics().gauge({ name: 'a\nb 1', help: 'A.' }),
    /letters, digits/,
  ],
  ['no name', () => createMetrics().gauge({ help: 'A.' } as never), /letters, digits/],
  ['no help', () => createMetrics().gauge({ name: 'a', help: ' ' }), /`help`/],
  ['a bad label', () => createMetrics().gauge({ name: 'a', help: 'A.', labels: ['a-b'] }), /label "a-b"/],
  [
    'a reserved label',
    () => createMetrics().gauge({ name: 'a', help: 'A.', labels: ['__name'] }),
    /not starting with __/,
  ],
  ['a label twice', () => createMetrics().gauge({ name: 'a', help: 'A.', labels: ['b', 'b'] }), /once/],
  [
    'label le on a histogram',
    () => createMetrics().histogram({ name: 'a', help: 'A.', labels: ['le'] }),
    /'le'/,
  ],
  [
    'buckets out of order',
    () => createMetrics().histogram({ name: 'a', help: 'A.', buckets: [2, 1] }),
    /ascending/,
  ],
  [
    'a bucket that is no number',
    () => createMetrics().histogram({ name: 'a', help: 'A.', buckets: [Number.NaN] }),
    /ascending/,
  ],
  ['no buckets', () => createMetrics().histogram({ name: 'a', help: 'A.', buckets: [] }), /1 to 200/],
  ['no series', () => createMetrics().gauge({ name: 'a', help: 'A.', maxSeries: 0 }), /maxSeries/],
  [
    'too few values',
    () =>
      createMetrics()
        .gauge({ name: 'a', help: 'A.', labels: ['b'] })
        .labels(),
    /1 label values \(b\)/,
  ],
];
for (const [what, define, message] of refused) {
  test(`a metric with ${what} is refused with the fix`, () => {
    assert.throws(define, (error) => error instanceof TypeError && message.test(error.message));
  });
}

test('process metrics are read at each rendering, until they are ended', () => {
  const metrics = createMetrics();
  const stop = collectProcessMetrics(metrics);
  const first = new Map(
    parseExposition(metrics.render(), 'prometheus').map(({ name, value }) => [name, value]),
  );
  assert.ok((first.get('process_resident_memory_bytes') ?? 0) > 10e6);
  assert.ok((first.get('process_cpu_seconds_total') ?? 0) > 0);
  assert.ok((first.get('nodejs_eventloop_delay_seconds') ?? -1) >= 0);
  const uptime = () => /^process_uptime_seconds (.*)$/m.exec(metrics.render())?.[1];
  const before = uptime();
  assert.notEqual(uptime(), before);
  stop();
  const stopped = uptime();
  assert.equal(uptime(), stopped);
  parseExposition(metrics.render('openmetrics'), 'openmetrics');
});

test('a bucket leads to the trace of a measurement that fell into it, on the OpenMetrics page alone', () => {
  const metrics = createMetrics();
  const wait = metrics.histogram({ name: 'wait_seconds', help: 'Wait.', buckets: [1, 2] }).labels();
  const sampled = createTrace();
  wait.observe(1.5, sampled);
  wait.observe(0.5, createTrace({ sampled: false }));
  wait.observe(9);
  const page = metrics.render('openmetrics');
  const { traceId, spanId } = sampled;
  const [line] = page
    .split('\n')
    .filter((each) => each.includes('#') && each.startsWith('wait_seconds_bucket'));
  assert.match(
    line ?? '',
    new RegExp(
      `^wait_seconds_bucket{le="2.0"} 2 # {trace_id="${traceId}",span_id="${spanId}"} 1\\.5 \\d+(\\.\\d+)?$`,
    ),
  );
  assert.equal(page.split(' # {').length, 2);
  assert.doesNotMatch(metrics.render(), /trace_id/);
});
