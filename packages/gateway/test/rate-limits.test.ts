import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createManualClock } from '@banyan/core/testing';
import { expose, gateway, rateLimit } from '@banyan/gateway';
import { type RunningShop, runShop } from './support/running-shop.ts';
import { shop } from './support/shop.ts';

const keys = { issuer: 'shop', audience: 'shop', keys: [shop, 'publicKeys'] } as const;

async function ask(server: RunningShop, path: string, headers: Readonly<Record<string, string>> = {}) {
  const answer = await fetch(`${server.url}${path}`, { headers });
  await answer.arrayBuffer();
  return answer;
}

test('request N+1 gets 429 with Retry-After and RateLimit fields, and units come back one by one', async (t) => {
  const clock = createManualClock(Date.now());
  const reads = rateLimit('reads', { quota: 3, windowS: 60, per: 'address' });
  const server = await runShop(t, {
    gateway: { expose: [expose(shop, { listProducts: { access: 'anyone', rates: [reads] } })] },
    edge: { clock },
  });
  const standings: (string | null)[] = [];
  for (let count = 0; count < 3; count += 1) {
    const answer = await ask(server, '/products');
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get('ratelimit-policy'), '"reads";q=3;w=60');
    standings.push(answer.headers.get('ratelimit'));
  }
  // A unit comes back every 20 s.
  assert.deepEqual(standings, ['"reads";r=2;t=20', '"reads";r=1;t=40', '"reads";r=0;t=60']);
  clock.advance(5_000);
  const refused = await fetch(`${server.url}/products`);
  assert.equal(refused.status, 429);
  assert.equal(refused.headers.get('retry-after'), '15');
  assert.equal(refused.headers.get('ratelimit'), '"reads";r=0;t=55');
  const problem = (await refused.json()) as { readonly reason: string; readonly details: unknown };
  assert.equal(problem.reason, 'rate_limited');
  assert.deepEqual(problem.details, { policies: ['reads'] });
  assert.equal(server.contexts.length, 3);
  clock.advance(15_000);
  assert.equal((await ask(server, '/products')).status, 200);
  assert.equal((await ask(server, '/products')).status, 429);
});

test('no header that a client can write chooses whose quota it takes from', async (t) => {
  const server = await runShop(t, {
    gateway: {
      expose: [expose(shop, { listProducts: 'anyone' })],
      rates: [rateLimit('all', { quota: 2, windowS: 60, per: 'address' })],
    },
  });
  const spoofed = ['x-forwarded-for', 'x-real-ip', 'x-client-ip', 'cf-connecting-ip', 'true-client-ip'];
  const statuses: number[] = [];
  for (const [index, name] of spoofed.entries()) {
    statuses.push((await ask(server, '/products', { [name]: `10.0.0.${index}` })).status);
  }
  statuses.push((await ask(server, '/products', { forwarded: 'for=10.0.0.9' })).status);
  statuses.push((await ask(server, '/products', { authorization: 'Bearer other' })).status);
  assert.deepEqual(statuses, [200, 200, 429, 429, 429, 429, 429]);
});

test('behind trusted proxies the client is the nearest address that is none of theirs', async (t) => {
  const server = await runShop(t, {
    gateway: {
      expose: [expose(shop, { listProducts: 'anyone' })],
      rates: [rateLimit('all', { quota: 1, windowS: 60, per: 'address' })],
      trustedProxies: ['127.0.0.1', '10.1.0.0/16', '2001:db8:1::/48'],
    },
  });
  const from = async (forwarded: string) =>
    (await ask(server, '/products', { 'x-forwarded-for': forwarded })).status;
  assert.equal(await from('203.0.113.7'), 200);
  assert.equal(await from('203.0.113.8'), 200);
  // What the client itself put in front of the proxy's entry counts for nothing.
  assert.equal(await from('198.51.100.1, 203.0.113.7'), 429);
  assert.equal(await from('198.51.100.2, 203.0.113.7, 10.1.2.3'), 429);
  assert.equal(await from('203.0.113.7:4711, 10.1.2.3, 2001:db8:1::5'), 429);
  // The subscriber's /64, however it is written.
  assert.equal(await from('2001:DB8:2::1'), 200);
  assert.equal(await from('2001:db8:2:0:ffff::9'), 429);
  assert.equal(await from('[2001:0db8:0002::1]:80'), 429);
  // Something that is no address: the last hop that is known counts.
  assert.equal(await from('unknown'), 200);
  assert.equal(await from("'; drop"), 429);
});

test('each user has a quota, whatever the address; costs differ by operation', async (t) => {
  const units = rateLimit('units', { quota: 10, windowS: 3_600, per: 'user' });
  const server = await runShop(t, {
    gateway: {
      userTokens: keys,
      expose: [
        expose(shop, {
          getOrder: { access: 'user', rates: [units] },
          report: { access: { scope: 'reports:read' }, rates: [units], cost: 6 },
        }),
      ],
    },
  });
  const bearer = async (id: string) => ({
    authorization: `Bearer ${await server.token(id, { scopes: ['reports:read'] })}`,
  });
  const [ada, bob] = [await bearer('ada'), await bearer('bob')];
  assert.equal((await ask(server, '/report', ada)).headers.get('ratelimit'), '"units";r=4;t=2160');
  const refused = await ask(server, '/report', ada);
  assert.equal(refused.status, 429);
  // Two units are missing, of 360 s each.
  assert.equal(refused.headers.get('retry-after'), '720');
  for (let count = 0; count < 4; count += 1) assert.equal((await ask(server, '/orders/1', ada)).status, 200);
  assert.equal((await ask(server, '/orders/1', ada)).status, 429);
  assert.equal((await ask(server, '/orders/1', bob)).status, 200);
});

test('a quota per user and route is one for each route; a quota per route is one for everybody', async (t) => {
  const server = await runShop(t, {
    gateway: {
      userTokens: keys,
      expose: [
        expose(shop, { getOrder: 'user', report: { scope: 'reports:read' } }),
        expose(shop, {
          listProducts: {
            access: 'anyone',
            rates: [rateLimit('everybody', { quota: 2, windowS: 3_600, per: 'route' })],
          },
        }),
      ],
      rates: [rateLimit('pages', { quota: 2, windowS: 3_600, per: ['address', 'route'] })],
      trustedProxies: ['127.0.0.1'],
    },
  });
  const authorization = `Bearer ${await server.token('ada', { scopes: ['reports:read'] })}`;
  const status = async (path: string, client = '192.0.2.1') =>
    (await ask(server, path, { authorization, 'x-forwarded-for': client })).status;
  assert.deepEqual(
    [await status('/orders/1'), await status('/orders/2'), await status('/orders/3')],
    [200, 200, 429],
  );
  assert.equal(await status('/report'), 200);
  assert.deepEqual(
    [await status('/products', 'a'), await status('/products', '192.0.2.2'), await status('/products', 'b')],
    [200, 200, 429],
  );
});

test('what an address may do is counted before its token is looked at', async (t) => {
  const server = await runShop(t, {
    gateway: {
      userTokens: keys,
      expose: [expose(shop, { getOrder: 'user' })],
      rates: [rateLimit('all', { quota: 2, windowS: 3_600, per: 'address' })],
    },
  });
  const statuses: number[] = [];
  for (let count = 0; count < 3; count += 1)
    statuses.push((await ask(server, '/orders/1', { authorization: 'Bearer nonsense' })).status);
  assert.deepEqual(statuses, [401, 401, 429]);
  assert.equal((await ask(server, '/health/live')).status, 200);
});

test('a quota by a field of the input protects one account from many addresses, however its name is spelled', async (t) => {
  const tries = rateLimit('tries', { quota: 2, windowS: 3_600, per: { input: 'how' } });
  const server = await runShop(t, {
    gateway: {
      expose: [expose(shop, { fail: { access: 'anyone', rates: [tries] } })],
      trustedProxies: ['127.0.0.1'],
    },
    handlers: { fail: () => ({}) },
  });
  const attempt = async (how: string, client: string) => {
    const answer = await fetch(`${server.url}/failures`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-forwarded-for': client },
      body: JSON.stringify({ how }),
    });
    await answer.arrayBuffer();
    return answer.status;
  };
  assert.equal(await attempt('ada', '192.0.2.1'), 200);
  assert.equal(await attempt(' Ada', '192.0.2.2'), 200);
  assert.equal(await attempt('ADA ', '192.0.2.3'), 429);
  assert.equal(await attempt('bob', '192.0.2.3'), 200);
});

test('limits that contradict the routes are refused when they are defined, all at once', () => {
  const perUser = rateLimit('per-user', { quota: 5, windowS: 1, per: 'user' });
  const byTitle = rateLimit('by-title', { quota: 5, windowS: 1, per: { input: 'title' } });
  const expected = [
    "'shop.listProducts' is open to anyone, but 'per-user' counts by user; count by 'address'.",
    "'shop.listProducts' costs 6, but 'per-user' gives 5 at once; raise its burst.",
    "'by-title' counts by 'title', which is no field of the input of 'shop.getOrder'.",
    "two rate limits are named 'per-user'; rename one.",
    "'trustedProxies' has '10.0.0.0/33'; write addresses and networks, such as '10.1.0.0/16'.",
  ];
  assert.throws(
    () =>
      gateway({
        expose: [
          expose(shop, {
            listProducts: { access: 'anyone', rates: [perUser], cost: 6 },
            getOrder: { access: 'anyone', rates: [byTitle] },
          }),
          expose(shop, {
            report: {
              access: 'anyone',
              rates: [rateLimit('per-user', { quota: 1, windowS: 1, per: 'route' })],
            },
          }),
        ],
        trustedProxies: ['10.0.0.0/33', '::1'],
      }),
    (error: Error) => expected.every((line) => error.message.includes(line)),
  );
  assert.throws(() => rateLimit('Reads', { quota: 1, windowS: 1, per: 'address' }), /kebab-case/);
  assert.throws(() => rateLimit('reads', { quota: 0, windowS: 1, per: 'address' }), /'quota'/);
  assert.throws(() => rateLimit('reads', { quota: 1, windowS: 1, per: [] }), /'per' needs/);
  assert.throws(() => rateLimit('reads', { quota: 1, windowS: 1, per: ['user', 'user'] }), /twice/);
});
