import assert from 'node:assert/strict';
import { test } from 'node:test';
import { contract, operation } from '@banyan/contract';
import { ServiceError } from '@banyan/core';
import { createManualClock } from '@banyan/core/testing';
import { type CacheRule, expose, gateway } from '@banyan/gateway';
import { z } from 'zod';
import { exchangeRaw, type RunningShop, runShop, type ShopOptions, until } from './support/running-shop.ts';
import { shop } from './support/shop.ts';

const keys = { issuer: 'shop', audience: 'shop', keys: [shop, 'publicKeys'] } as const;

function runCachedShop(
  t: Parameters<typeof runShop>[0],
  rule: CacheRule,
  handlers: NonNullable<ShopOptions['handlers']> = {},
) {
  const clock = createManualClock(Date.now());
  return runShop(t, {
    gateway: {
      userTokens: keys,
      expose: [
        expose(shop, {
          listProducts: { access: 'anyone', cache: rule },
          placeOrder: 'anyone',
          fail: 'anyone',
        }),
      ],
    },
    handlers,
    edge: { clock },
  }).then((server) => ({ server, clock }));
}

async function get(server: RunningShop, path: string, headers: Readonly<Record<string, string>> = {}) {
  const answer = await fetch(`${server.url}${path}`, { headers });
  return {
    status: answer.status,
    text: await answer.text(),
    from: answer.headers.get('cache-status'),
    headers: answer.headers,
  };
}

test('ten requests are one call while the answer is fresh, and one more when it is not', async (t) => {
  const { server, clock } = await runCachedShop(t, { maxAgeS: 60 });
  const first = await get(server, '/products?limit=3');
  assert.equal(first.status, 200);
  assert.equal(first.from, 'banyan; fwd=miss');
  assert.equal(first.headers.get('cache-control'), 'public, max-age=60');
  clock.advance(20_000);
  for (let count = 0; count < 9; count += 1) {
    const hit = await get(server, '/products?limit=3');
    assert.equal(hit.text, first.text);
    assert.equal(hit.from, 'banyan; hit; ttl=40');
    assert.equal(hit.headers.get('age'), '20');
    assert.equal(hit.headers.get('etag'), first.headers.get('etag'));
  }
  assert.equal(server.contexts.length, 1);
  clock.advance(40_000);
  assert.equal((await get(server, '/products?limit=3')).from, 'banyan; fwd=miss');
  assert.equal(server.contexts.length, 2);
});

test('a client that has the answer gets 304 without a body', async (t) => {
  const { server } = await runCachedShop(t, { maxAgeS: 60 });
  const etag = (await get(server, '/products')).headers.get('etag') ?? '';
  for (const asked of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
    const answer = await get(server, '/products', { 'if-none-match': asked });
    assert.equal(answer.status, 304, asked);
    assert.equal(answer.text, '');
    assert.equal(answer.headers.get('etag'), etag);
  }
  assert.equal((await get(server, '/products', { 'if-none-match': '"other"' })).status, 200);
  assert.equal(server.contexts.length, 1);
});

test('a hundred at once are one call', async (t) => {
  const gate = Promise.withResolvers<void>();
  const { server } = await runCachedShop(
    t,
    { maxAgeS: 60 },
    { listProducts: () => gate.promise.then(() => ({ products: [], limit: 1, tags: [] })) },
  );
  // In one packet, so that all of them are there before the first one can be answered.
  const request = (connection: string) =>
    `GET /products HTTP/1.1\r\nHost: shop\r\nConnection: ${connection}\r\n\r\n`;
  const asked = exchangeRaw(server.port, request('keep-alive').repeat(99) + request('close'));
  await until(() => server.contexts.length === 1, 'the first one asks');
  gate.resolve();
  const answers = await asked;
  assert.equal(server.contexts.length, 1);
  assert.equal(answers.match(/HTTP\/1\.1 200 /g)?.length, 100);
  assert.equal(answers.match(/^cache-status: banyan; fwd=miss; collapsed\r$/gm)?.length, 99);
});

test('the call goes on when the one who asked first goes away', async (t) => {
  const gate = Promise.withResolvers<void>();
  const { server } = await runCachedShop(
    t,
    { maxAgeS: 60 },
    { listProducts: () => gate.promise.then(() => ({ products: [], limit: 1, tags: [] })) },
  );
  const leaving = new AbortController();
  const left = fetch(`${server.url}/products`, { signal: leaving.signal }).catch(() => 'gone');
  await until(() => server.contexts.length === 1, 'the first one asks');
  const staying = get(server, '/products');
  leaving.abort();
  assert.equal(await left, 'gone');
  await until(() => server.log.some(({ fields }) => fields['status'] === 499), 'the gateway has noticed');
  gate.resolve();
  assert.equal((await staying).status, 200);
  assert.equal(server.contexts.length, 1);
});

test('a stale answer is given while a new one is fetched, for as long as the rule says', async (t) => {
  let made = 0;
  const { server, clock } = await runCachedShop(
    t,
    { maxAgeS: 10, staleWhileRevalidateS: 30 },
    {
      listProducts: () => {
        made += 1;
        return { products: [`version ${made}`], limit: 1, tags: [] };
      },
    },
  );
  await get(server, '/products');
  clock.advance(15_000);
  const stale = await get(server, '/products');
  assert.match(stale.text, /version 1/);
  assert.equal(stale.from, 'banyan; hit; ttl=-5');
  await until(() => made === 2, 'a new one is fetched');
  await until(async () => (await get(server, '/products')).from === 'banyan; hit; ttl=10', 'it is stored');
  assert.match((await get(server, '/products')).text, /version 2/);
  assert.equal(made, 2);
  clock.advance(40_000);
  assert.match((await get(server, '/products')).text, /version 3/);
});

test('a stale answer stands in for a service that does not answer, and never for a refusal', async (t) => {
  let failure: ServiceError | undefined;
  const { server, clock } = await runCachedShop(
    t,
    { maxAgeS: 10, staleIfErrorS: 100 },
    {
      listProducts: () => {
        if (failure !== undefined) throw failure;
        return { products: ['mug'], limit: 1, tags: [] };
      },
    },
  );
  await get(server, '/products');
  clock.advance(15_000);
  failure = new ServiceError('down', { code: 'unavailable', reason: 'connection_refused' });
  const stale = await get(server, '/products');
  assert.equal(stale.status, 200);
  assert.equal(stale.from, 'banyan; hit; ttl=-5; detail=stale-if-error');
  failure = new ServiceError('no', { code: 'permission_denied', reason: 'not_yours' });
  assert.equal((await get(server, '/products')).status, 403);
  failure = new ServiceError('down', { code: 'unavailable', reason: 'connection_refused' });
  clock.advance(100_000);
  assert.equal((await get(server, '/products')).status, 503);
});

test('failures are not kept', async (t) => {
  let isDown = true;
  const { server } = await runCachedShop(
    t,
    { maxAgeS: 60 },
    {
      listProducts: () => {
        if (isDown) throw new ServiceError('down', { code: 'unavailable', reason: 'connection_refused' });
        return { products: [], limit: 1, tags: [] };
      },
    },
  );
  const failed = await get(server, '/products');
  assert.equal(failed.status, 503);
  assert.equal(failed.headers.get('cache-control'), 'no-store');
  isDown = false;
  assert.equal((await get(server, '/products')).status, 200);
});

test('what is not in the key does not reach the service, so nobody can poison an answer', async (t) => {
  const { server } = await runCachedShop(t, { maxAgeS: 60 });
  await get(server, '/products?limit=3');
  const unkeyed = {
    'x-forwarded-host': 'evil.example',
    'x-original-url': '/orders/1',
    'accept-language': 'fr',
    cookie: 'session=1',
    'x-http-method-override': 'POST',
    authorization: 'Bearer nonsense',
    'cache-control': 'no-cache',
    range: 'bytes=0-3',
  };
  for (const [name, value] of Object.entries(unkeyed)) {
    const answer = await get(server, '/products?limit=3', { [name]: value });
    assert.equal(answer.status, 200, name);
    assert.match(answer.from ?? '', /hit/, name);
  }
  assert.equal(server.contexts.length, 1);
  // Every spelling of the same input is the same answer, and other inputs are others.
  assert.match((await get(server, '/%70roducts?limit=3')).from ?? '', /hit/);
  assert.match((await get(server, '/products?limit=%33')).from ?? '', /hit/);
  assert.match((await get(server, '/products?limit=4')).from ?? '', /miss/);
  assert.match((await get(server, '/products?limit=3&tag=a')).from ?? '', /miss/);
  assert.match((await get(server, '/products?limit=3&tag=a&tag=b')).from ?? '', /miss/);
});

test('paths that look like files, or hide something, are never another answer', async (t) => {
  const { server } = await runCachedShop(t, { maxAgeS: 60 });
  await get(server, '/products');
  for (const path of [
    '/products/x.css',
    '/products;a=1.js',
    '/products%2f..%2forders',
    '/products%00.css',
    '/products//',
  ]) {
    const { status, from } = await get(server, path);
    assert.ok(status >= 400, `${path} is ${status}`);
    assert.equal(from, null, path);
  }
});

test("one user's answer is never another's, and what is for all who may see it still wants a token", async (t) => {
  const server = await runShop(t, {
    gateway: {
      userTokens: keys,
      expose: [
        expose(shop, {
          getOrder: { access: 'user', cache: { maxAgeS: 60, same: 'user' } },
          report: { access: { scope: 'reports:read' }, cache: { maxAgeS: 60, same: 'everyone' } },
        }),
      ],
    },
  });
  const bearer = async (id: string, scopes: readonly string[] = []) => ({
    authorization: `Bearer ${await server.token(id, { scopes })}`,
  });
  const [ada, bob, eve] = [
    await bearer('ada', ['reports:read']),
    await bearer('bob', ['reports:read']),
    await bearer('eve'),
  ];
  assert.match((await get(server, '/orders/1', ada)).from ?? '', /miss/);
  assert.match((await get(server, '/orders/1', bob)).from ?? '', /miss/);
  const own = await get(server, '/orders/1', ada);
  assert.match(own.from ?? '', /hit/);
  assert.match(own.headers.get('cache-control') ?? '', /^private/);
  assert.match(own.headers.get('vary') ?? '', /authorization/);
  assert.equal((await get(server, '/orders/1')).status, 401);
  assert.match((await get(server, '/report', ada)).from ?? '', /miss/);
  assert.match((await get(server, '/report', bob)).from ?? '', /hit/);
  assert.equal((await get(server, '/report', eve)).status, 403);
  assert.equal((await get(server, '/report')).status, 401);
  assert.equal(server.contexts.length, 3);
});

test('a change at the same path outdates its answers, whatever the query; a refused one does not', async (t) => {
  const things = contract('shop', {
    version: '1.0.0',
    operations: {
      getThing: operation('GET /things/:id', {
        input: z.object({ id: z.string(), part: z.string().optional() }),
        output: z.object({ id: z.string() }),
      }),
      changeThing: operation('PUT /things/:id', {
        input: z.object({ id: z.string(), fails: z.boolean().optional() }),
        output: z.object({}),
        errors: { locked: { status: 409 } },
      }),
      addThing: operation('POST /things', {
        input: z.object({}),
        output: z.object({ id: z.string() }),
        status: 201,
        location: '/things/{id}',
      }),
    },
  });
  let refuses = false;
  const server = await runShop(t, {
    contract: things,
    gateway: {
      expose: [
        expose(things, {
          getThing: { access: 'anyone', cache: { maxAgeS: 60 } },
          changeThing: 'anyone',
          addThing: 'anyone',
        }),
      ],
    },
    handlers: {
      getThing: ({ id }: { id: string }) => ({ id }),
      changeThing: () => {
        if (refuses)
          throw new ServiceError('locked', {
            code: 'aborted',
            reason: 'locked',
            status: 409,
            declared: true,
          });
        return {};
      },
      addThing: () => ({ id: '2' }),
    },
  });
  const from = async (path: string) => ((await get(server, path)).from ?? '').replace(/; ttl=.*/, '');
  const send = (method: string, path: string) =>
    fetch(`${server.url}${path}`, { method, headers: { 'content-type': 'application/json' }, body: '{}' });
  for (const path of ['/things/1', '/things/1?part=a', '/things/2'])
    assert.equal(await from(path), 'banyan; fwd=miss');
  refuses = true;
  assert.equal((await send('PUT', '/things/1')).status, 409);
  assert.equal(await from('/things/1'), 'banyan; hit');
  refuses = false;
  assert.equal((await send('PUT', '/things/1')).status, 200);
  assert.equal(await from('/things/1'), 'banyan; fwd=miss');
  assert.equal(await from('/things/1?part=a'), 'banyan; fwd=miss');
  assert.equal(await from('/things/2'), 'banyan; hit');
  assert.equal((await send('POST', '/things')).status, 201);
  assert.equal(await from('/things/2'), 'banyan; fwd=miss');
  // The same resource in two spellings: `@` needs no encoding in a path, and may have it.
  for (const [kept, changed] of [
    ['/things/a%40b', '/things/a@b'],
    ['/things/c@d', '/things/c%40d'],
    ["/things/e!$&'()*+,;=:f", '/things/e%21%24%26%27%28%29%2a%2B%2C%3B%3D%3Af'],
  ] as const) {
    assert.equal(await from(kept), 'banyan; fwd=miss');
    assert.equal((await send('PUT', changed)).status, 200);
    assert.equal(await from(kept), 'banyan; fwd=miss', kept);
  }
});

test('memory is bounded: the answer used longest ago goes first', async (t) => {
  const server = await runShop(t, {
    gateway: {
      expose: [expose(shop, { listProducts: { access: 'anyone', cache: { maxAgeS: 60 } } })],
      limits: { maxCacheBytes: 160_000 },
    },
    handlers: {
      listProducts: ({ limit }: { limit: number }) => ({
        products: ['x'.repeat(limit === 50 ? 6_000 : 4_000)],
        limit,
        tags: [],
      }),
    },
  });
  const isHit = async (limit: number) =>
    /hit/.test((await get(server, `/products?limit=${limit}`)).from ?? '');
  // Each takes about 8,700 of the 160,000 bytes: 18 fit.
  for (let limit = 1; limit <= 18; limit += 1) assert.equal(await isHit(limit), false);
  assert.equal(await isHit(1), true);
  assert.equal(await isHit(19), false);
  assert.equal(await isHit(1), true);
  assert.equal(await isHit(2), false);
  // More than a sixteenth is not kept at all.
  assert.equal(await isHit(50), false);
  assert.equal(await isHit(50), false);
});

test('rules that could leak or mean nothing are refused when they are defined', () => {
  const bad = (policies: Parameters<typeof expose<typeof shop>>[1]) => () =>
    gateway({ expose: [expose(shop, policies)], userTokens: keys });
  const rule: CacheRule = { maxAgeS: 60 };
  assert.throws(bad({ getOrder: { access: 'user', cache: rule } }), /same for 'everyone' or each 'user'/);
  assert.throws(bad({ placeOrder: { access: 'anyone', cache: rule } }), /only GET operations/);
  assert.throws(bad({ getPicture: { access: 'anyone', cache: rule } }), /only GET operations/);
  assert.throws(
    bad({ listProducts: { access: 'anyone', cache: { ...rule, same: 'user' } } }),
    /no user's own/,
  );
  assert.throws(bad({ listProducts: { access: 'anyone', cache: { maxAgeS: -1 } } }), /whole seconds/);
  assert.throws(
    bad({ listProducts: { access: 'anyone', cache: { ...rule, purgedBy: ['changed'] } } }),
    /no event of 'shop'/,
  );
  assert.throws(
    () =>
      gateway({
        expose: [expose(shop, { listProducts: { access: 'anyone', cache: rule } })],
        userTokens: {
          ...keys,
          session: { exchange: [shop, 'getOrder'], opens: [[shop, 'listProducts']], ends: [] },
        },
      }),
    /opens or ends sessions/,
  );
});
