import assert from 'node:assert/strict';
import { request } from 'node:http';
import { test } from 'node:test';
import { ServiceError } from '@banyan/core';
import { runShop, until } from './support/running-shop.ts';

const json = { 'content-type': 'application/json' };
const newOrder = JSON.stringify({ sku: 'mug', shipTo: { city: 'Lyon', country: 'FR' } });

test('carries path, query and body to the operation, and its answer back', async (t) => {
  const shop = await runShop(t);
  const products = await fetch(`${shop.url}/products?limit=7&tag=red&tag=blue`);
  assert.deepEqual(await products.json(), { products: ['mug'], limit: 7, tags: ['red', 'blue'] });
  assert.equal(products.status, 200);
  assert.equal(products.headers.get('cache-control'), 'no-store');

  const placed = await fetch(`${shop.url}/orders`, { method: 'POST', headers: json, body: newOrder });
  assert.equal(placed.status, 202);
  assert.equal(placed.headers.get('location'), '/orders/o%2F1%20%C3%A9');

  const token = await shop.token();
  const authorization = `Bearer ${token}`;
  const got = await fetch(`${shop.url}/orders/caf%C3%A9%20%3F`, { headers: { authorization } });
  assert.equal(((await got.json()) as { orderId: string }).orderId, 'café ?');

  const gone = await fetch(`${shop.url}/orders/1`, { method: 'DELETE', headers: { authorization } });
  assert.equal(gone.status, 204);
  assert.equal(await gone.text(), '');
});

test('answers HEAD like GET without a body, and OPTIONS with the methods', async (t) => {
  const { url } = await runShop(t);
  const head = await fetch(`${url}/products`, { method: 'HEAD' });
  const get = await fetch(`${url}/products`);
  assert.equal(head.status, 200);
  assert.equal(await head.text(), '');
  assert.equal(head.headers.get('content-length'), String((await get.text()).length));
  const options = await fetch(`${url}/orders/1`, { method: 'OPTIONS' });
  assert.equal(options.status, 204);
  assert.equal(options.headers.get('allow'), 'DELETE, GET, HEAD, OPTIONS');
});

test('gives the same 404 for paths that do not exist and operations that are not exposed', async (t) => {
  const { url } = await runShop(t);
  const bodies = new Set<string>();
  for (const path of [
    '/nothing',
    '/hidden',
    '/keys',
    '/orders/1/2',
    '/products/',
    '/.env',
    '/health',
    '/docs/',
  ]) {
    const answer = await fetch(`${url}${path}`);
    assert.equal(answer.status, 404, path);
    const { traceId, ...body } = (await answer.json()) as Record<string, unknown>;
    assert.match(String(traceId), /^[0-9a-f]{32}$/);
    bodies.add(JSON.stringify(body));
  }
  assert.equal(bodies.size, 1);
});

test('names the allowed methods in a 405; TRACE is none of them and echoes nothing', async (t) => {
  const { url, port } = await runShop(t);
  const put = await fetch(`${url}/products`, { method: 'PUT' });
  assert.equal(put.status, 405);
  assert.equal(put.headers.get('allow'), 'GET, HEAD, OPTIONS');
  const status = await new Promise<number | undefined>((resolve, reject) => {
    request({ port, method: 'TRACE', path: '/products', headers: { 'x-secret': 'echo-me' } }, (answer) => {
      let text = '';
      answer.on('data', (chunk) => {
        text += chunk;
      });
      answer.on('end', () => {
        assert(!text.includes('echo-me'));
        resolve(answer.statusCode);
      });
    })
      .on('error', reject)
      .end();
  });
  assert.equal(status, 405);
});

test('refuses bodies that are too large, of another type, broken or nested too deeply', async (t) => {
  const { url } = await runShop(t, { gateway: { limits: { maxJsonBytes: 1_000 } } });
  const post = (body: string, headers: Record<string, string> = json) =>
    fetch(`${url}/orders`, { method: 'POST', headers, body });
  assert.equal((await post(`"${'x'.repeat(1_000)}"`)).status, 413);
  assert.equal((await post(newOrder, { 'content-type': 'text/plain' })).status, 415);
  assert.equal((await post(newOrder, { ...json, 'content-encoding': 'gzip' })).status, 415);
  assert.equal((await post('{"sku":')).status, 400);
  assert.equal((await post(`${'['.repeat(200)}${']'.repeat(200)}`)).status, 400);
  assert.equal((await post('[]')).status, 400);
  const invalid = await post('{"sku":7}');
  assert.equal(invalid.status, 400);
  const problem = (await invalid.json()) as { reason: string; details: { issues: { path: string }[] } };
  assert.equal(problem.reason, 'invalid_input');
  assert(problem.details.issues.some((issue) => issue.path === '/sku'));
});

test('passes declared refusals with status and data', async (t) => {
  const { url } = await runShop(t, {
    handlers: {
      placeOrder: () => {
        throw new ServiceError('There is none left.', {
          code: 'already_exists',
          reason: 'soldOut',
          status: 409,
          details: { left: 0 },
          declared: true,
        });
      },
    },
  });
  const answer = await fetch(`${url}/orders`, { method: 'POST', headers: json, body: newOrder });
  assert.equal(answer.status, 409);
  assert.equal(answer.headers.get('content-type'), 'application/problem+json');
  const body = (await answer.json()) as Record<string, unknown>;
  assert.equal(body['reason'], 'soldOut');
  assert.deepEqual(body['details'], { left: 0 });
});

test('keeps the inside of failures inside, and in the log', async (t) => {
  const errors: Record<string, unknown> = {
    plain: new Error('secret: password of host db-7'),
    internal: new ServiceError('secret table', { code: 'internal', reason: 'x', details: { secret: 1 } }),
    down: new ServiceError('connect ECONNREFUSED secret', {
      code: 'unavailable',
      reason: 'connection_refused',
    }),
    trust: new ServiceError('secret', { code: 'unauthenticated', reason: 'invalid_service_token' }),
    unique: new ServiceError('Exists.', {
      code: 'already_exists',
      reason: 'unique_violation',
      details: { constraint: 'secret_key' },
    }),
  };
  const shop = await runShop(t, {
    handlers: {
      fail: ({ how }: { how: string }) => {
        throw errors[how];
      },
    },
  });
  const statuses: Record<string, number> = {};
  for (const how of Object.keys(errors)) {
    const body = JSON.stringify({ how });
    const answer = await fetch(`${shop.url}/failures`, { method: 'POST', headers: json, body });
    statuses[how] = answer.status;
    assert.doesNotMatch(await answer.text(), /secret/);
  }
  assert.deepEqual(statuses, { plain: 500, internal: 500, down: 503, trust: 500, unique: 409 });
  const logged = shop.log.filter((line) => line.level === 'error').map((line) => line.fields['error']);
  assert.deepEqual(logged, [errors['plain'], errors['internal'], errors['down'], errors['trust']]);
});

test('answers with the trace of the call, which is never the one of the client', async (t) => {
  const shop = await runShop(t);
  const theirs = '4bf92f3577b34da6a3ce929d0e0e4736';
  const answer = await fetch(`${shop.url}/products`, {
    headers: { traceparent: `00-${theirs}-00f067aa0ba902b7-01`, 'x-trace-id': theirs },
  });
  const traceId = answer.headers.get('x-trace-id');
  assert.equal(traceId, shop.contexts[0]?.trace.traceId);
  assert.notEqual(traceId, theirs);
  assert.match(answer.headers.get('traceresponse') ?? '', new RegExp(`^00-${traceId}-[0-9a-f]{16}-0[0-3]$`));
});

test('takes identity from the token alone, whatever the headers claim', async (t) => {
  const shop = await runShop(t);
  await fetch(`${shop.url}/products`, {
    headers: {
      'banyan-user': await shop.token('mallory'),
      'banyan-deadline-ms': '999999999',
      authorization: `Bearer ${await shop.token('mallory')}`,
      forwarded: 'for=1.2.3.4',
      'x-forwarded-for': '1.2.3.4',
      'x-user-id': 'admin',
    },
  });
  const [context] = shop.contexts;
  assert.deepEqual(context?.caller, { service: 'gateway' });
  assert(context !== undefined && context.deadlineMs <= Date.now() + 10_000);
});

test('passes a valid idempotency key on and refuses others', async (t) => {
  const shop = await runShop(t);
  const post = (key: string) =>
    fetch(`${shop.url}/orders`, {
      method: 'POST',
      headers: { ...json, 'idempotency-key': key },
      body: newOrder,
    });
  assert.equal((await post('key 1')).status, 202);
  assert.equal(shop.contexts[0]?.idempotencyKey, 'key 1');
  assert.equal((await post('k'.repeat(255))).status, 202);
  // What sagas of the system ask with is nobody's outside.
  for (const key of ['k'.repeat(256), 'caf\u00e9', '', 'saga/1/pay', 'void:saga/1/pay']) {
    const answer = await post(key);
    assert.equal(answer.status, 400, key);
    assert.equal(((await answer.json()) as { reason: string }).reason, 'invalid_idempotency_key');
  }
  assert.equal(shop.contexts.length, 2);
});

test('gives the operation no more time than its contract and the gateway allow', async (t) => {
  const shop = await runShop(t, {
    gateway: { limits: { requestTimeoutMs: 4_000 } },
    handlers: { slowOrder: () => ({ done: true }) },
  });
  const before = Date.now();
  await fetch(`${shop.url}/slow`);
  await fetch(`${shop.url}/products`);
  const [slow, products] = shop.contexts.map((context) => context.deadlineMs - before);
  assert(slow !== undefined && slow >= 4_000 && slow < 9_000);
  assert(products !== undefined && products >= 4_000 && products < 9_000);
});

test('cancels the call when the client goes away', async (t) => {
  const shop = await runShop(t, {
    handlers: {
      slowOrder: (_input, context) =>
        new Promise((_resolve, reject) => {
          context.signal.addEventListener('abort', () => reject(context.signal.reason));
        }),
    },
  });
  const controller = new AbortController();
  const going = fetch(`${shop.url}/slow`, { signal: controller.signal });
  await until(() => shop.contexts.length === 1, 'the call has begun');
  controller.abort();
  await assert.rejects(going, { name: 'AbortError' });
  await until(() => shop.contexts[0]?.signal.aborted === true, 'the call is cancelled');
  assert.equal((shop.contexts[0]?.signal.reason as ServiceError | undefined)?.code, 'cancelled');
  await until(() => shop.log.length === 1, 'the request is logged');
  assert.equal(shop.log[0]?.fields['status'], 499);
});

test('logs one line per request, by template, without tokens and query values', async (t) => {
  const shop = await runShop(t);
  const token = await shop.token('ada');
  await (
    await fetch(`${shop.url}/orders/o-77?card=4111`, { headers: { authorization: `Bearer ${token}` } })
  ).text();
  await (await fetch(`${shop.url}/unknown/4111`)).text();
  await until(() => shop.log.length === 2, 'both are logged');
  const [found, missed] = shop.log;
  assert.equal(found?.level, 'info');
  assert.deepEqual(Object.keys(found?.fields ?? {}).sort(), [
    'bytes',
    'method',
    'ms',
    'route',
    'spanId',
    'status',
    'traceId',
    'upstream',
    'userId',
  ]);
  assert.equal(found?.fields['route'], '/orders/:orderId');
  assert.equal(found?.fields['upstream'], 'shop');
  assert.equal(found?.fields['userId'], 'ada');
  assert.equal(missed?.fields['route'], '');
  assert.equal(missed?.fields['reason'], 'route_not_found');
  assert.doesNotMatch(JSON.stringify(shop.log), new RegExp(`4111|o-77|${token}`));
});
