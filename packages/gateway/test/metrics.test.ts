import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { ServiceError } from '@banyan/core';
import { expose, forward } from '@banyan/gateway';
import { createMetrics, createTelemetry, readTelemetrySettings } from '@banyan/telemetry';
import { exchangeRaw, openRaw, runShop, until } from './support/running-shop.ts';
import { shop as contract } from './support/shop.ts';
import { runUpstream } from './support/upstream.ts';

/** Lines of one metric, `route method status` → value. */
function valuesOf(page: string, name: string): Record<string, number> {
  const lines = [...page.matchAll(new RegExp(`^${name}\\{([^}]*)\\} (\\S+)$`, 'gm'))];
  return Object.fromEntries(
    lines.map(([, labels = '', value]) => [
      [...labels.matchAll(/\w+="([^"]*)"/g)].map(([, each]) => each).join(' '),
      Number(value),
    ]),
  );
}

const requests = 'banyan_gateway_request_duration_seconds_count';

test('counts, times and bytes by route and class of status are those of the load that was driven', async (t) => {
  const metrics = createMetrics();
  const old = await runUpstream(t, (_incoming, response) => response.end('x'.repeat(5_000)));
  const shop = await runShop(t, {
    edge: { metrics },
    handlers: {
      slowOrder: () => new Promise((resolve) => setTimeout(() => resolve({ done: true }), 30)),
    },
    gateway: { forward: [forward('/old/*', { to: old.url, access: 'anyone' })] },
  });
  const drive: readonly (readonly [count: number, path: string, init?: RequestInit])[] = [
    [7, '/products'],
    [3, '/products?limit=1000'],
    [2, '/orders/1'],
    [2, '/slow'],
    [4, '/old/any/path'],
    [
      1,
      '/failures',
      { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"how":"x"}' },
    ],
    [5, '/nothing/at/all'],
    [1, '/health/live'],
  ];
  for (const [count, path, init] of drive)
    await Promise.all(
      Array.from({ length: count }, async () => (await fetch(shop.url + path, init)).arrayBuffer()),
    );
  // Methods are the client's choice, and so not all of them have a series.
  for (const method of ['PROPFIND', 'MKCOL', 'LOCK'])
    await exchangeRaw(shop.port, `${method} /products HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
  await exchangeRaw(shop.port, 'NONSENSE\r\n\r\n');
  await until(() => shop.log.filter(({ message }) => message === 'request').length === 28, 'all are over');
  const page = metrics.render();
  assert.deepEqual(valuesOf(page, requests), {
    '/products GET 2xx': 7,
    '/products GET 4xx': 3,
    '/orders/:orderId GET 4xx': 2,
    '/slow GET 2xx': 2,
    '/old/* GET 2xx': 4,
    '/failures POST 5xx': 1,
    '(none) GET 4xx': 5,
    '/health/live GET 2xx': 1,
    '(none) other 4xx': 3,
  });
  const bytes = valuesOf(page, 'banyan_gateway_response_bytes_total');
  const logged = (route: string) =>
    shop.log
      .filter(({ fields }) => fields['route'] === route)
      .reduce((sum, { fields }) => sum + Number(fields['bytes']), 0);
  assert.equal(bytes['/old/* GET 2xx'], logged('/old/*'));
  assert((bytes['/old/* GET 2xx'] ?? 0) > 20_000);
  const seconds = valuesOf(page, 'banyan_gateway_request_duration_seconds_sum')['/slow GET 2xx'] ?? 0;
  assert(seconds >= 0.058 && seconds < 30, `${seconds} s`);
  assert.match(page, /^banyan_gateway_unreadable_requests_total 1$/m);
});

test('requests in progress are counted, and answers that were cut off are told from whole ones', async (t) => {
  const metrics = createMetrics();
  const gate = Promise.withResolvers<void>();
  const shop = await runShop(t, {
    edge: { metrics },
    handlers: {
      slowOrder: () => gate.promise.then(() => ({ done: true })),
      getPicture: () => ({
        contentType: 'image/png',
        body: (async function* () {
          yield Buffer.alloc(1_000);
          throw new Error('the disk is gone');
        })(),
      }),
    },
  });
  const active = () => /^banyan_gateway_active_requests (\d+)$/m.exec(metrics.render())?.[1];
  const running = [fetch(`${shop.url}/slow`), fetch(`${shop.url}/slow`)];
  await until(() => active() === '2', 'two are in progress');
  const impatient = openRaw(shop.port);
  impatient.write('GET /slow HTTP/1.1\r\nHost: a\r\n\r\n');
  await until(() => active() === '3', 'three are in progress');
  impatient.destroy();
  await once(impatient, 'close');
  await until(() => active() === '2', 'one has left');
  gate.resolve();
  await Promise.all(running);
  await assert.rejects(fetch(`${shop.url}/pictures/1`).then((answer) => answer.arrayBuffer()));
  await until(() => active() === '0', 'all are over');
  assert.deepEqual(valuesOf(metrics.render(), requests), {
    '/slow GET 4xx': 1,
    '/slow GET 2xx': 2,
    '/pictures/:pictureId GET cut_off': 1,
  });
});

test('what became of requests to routes whose answers are kept is counted', async (t) => {
  const metrics = createMetrics();
  let fails = false;
  const shop = await runShop(t, {
    edge: { metrics },
    handlers: {
      listProducts: () => {
        if (fails) throw new ServiceError('away', { code: 'unavailable', reason: 'connection_lost' });
        return { products: [], limit: 1, tags: [] };
      },
    },
    gateway: {
      expose: [
        expose(contract, { listProducts: { access: 'anyone', cache: { maxAgeS: 60, same: 'everyone' } } }),
      ],
    },
  });
  const ask = async (query: string) => (await fetch(`${shop.url}/products?${query}`)).arrayBuffer();
  await ask('limit=1');
  await ask('limit=1');
  await ask('limit=1');
  fails = true;
  await ask('limit=2');
  assert.deepEqual(valuesOf(metrics.render(), 'banyan_gateway_cache_total'), {
    '/products miss': 1,
    '/products hit': 2,
    '/products failed': 1,
  });
});

test('a bucket leads to the trace of a request that fell into it, and never to that of a probe', async (t) => {
  const metrics = createMetrics();
  const source = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' };
  const settings = readTelemetrySettings(source, { development: true, runId: 'run' });
  const telemetry = createTelemetry({ settings, system: 's', instance: '1', pid: 1, metrics });
  t.after(() => telemetry.stop());
  const shop = await runShop(t, { edge: { metrics, tracer: telemetry.tracer({ name: 'gateway' }) } });
  const answer = await fetch(`${shop.url}/products`);
  await answer.arrayBuffer();
  await (await fetch(`${shop.url}/health/live`)).arrayBuffer();
  const render = () => metrics.render('openmetrics');
  await until(() => render().includes('route="/health/live"'), 'the probe is counted');
  const traces = [...render().matchAll(/request_duration_seconds_bucket.* # \{trace_id="(\w+)"/g)];
  assert.deepEqual(
    traces.map(([, traceId]) => traceId),
    [answer.headers.get('x-trace-id')],
  );
});
