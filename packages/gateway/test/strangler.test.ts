import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { test } from 'node:test';
import { createMemoryDocumentStore } from '@banyan/config/testing';
import { ServiceError, systemClock } from '@banyan/core';
import { createTrafficAdmin, forward, gateway } from '@banyan/gateway';
import { createMetrics } from '@banyan/telemetry';
import { everything, runShop, until } from './support/running-shop.ts';
import { runUpstream } from './support/upstream.ts';

const oldProducts = { products: ['mug'], limit: 10, tags: [] };

/** Answers everything, and says that it was the old system. */
function oldSystem(answer: object = oldProducts) {
  return (incoming: IncomingMessage, response: ServerResponse) => {
    incoming.resume();
    response
      .writeHead(200, { 'content-type': 'application/json', 'x-system': 'old' })
      .end(JSON.stringify(answer));
  };
}

test('moves a share of the clients from the old system to the operation, at run time, up and down, and each sticks', async (t) => {
  const old = await runUpstream(t, oldSystem());
  let moved = 0;
  const { url } = await runShop(t, {
    gateway: {
      trustedProxies: ['127.0.0.1'],
      forward: [forward('/products/*', { to: old.url, access: 'anyone', moved: () => moved })],
    },
  });
  const clients = Array.from({ length: 400 }, (_, index) => `10.0.${index >> 8}.${index & 255}`);
  const movedClients = async () => {
    const found = new Set<string>();
    for (const client of clients) {
      const answer = await fetch(`${url}/products`, { headers: { 'x-forwarded-for': client } });
      assert.equal(answer.status, 200);
      await answer.text();
      if (answer.headers.get('x-system') !== 'old') found.add(client);
    }
    return found;
  };
  assert.equal((await movedClients()).size, 0);
  moved = 10;
  const tenth = await movedClients();
  // 40 are expected of 400; the standard deviation is 6.
  assert(tenth.size >= 20 && tenth.size <= 60, `${tenth.size} of 400`);
  assert.deepEqual(await movedClients(), tenth);
  moved = 50;
  const half = await movedClients();
  assert(half.size >= 150 && half.size <= 250, `${half.size} of 400`);
  assert.deepEqual(
    [...tenth].filter((client) => !half.has(client)),
    [],
  );
  moved = 100;
  assert.equal((await movedClients()).size, 400);
  moved = Number.NaN;
  assert.equal((await movedClients()).size, 0);
});

test('who is signed in stays on one side wherever they come from; what no operation is for goes to the old system', async (t) => {
  const old = await runUpstream(t, oldSystem());
  const shop = await runShop(t, {
    gateway: {
      trustedProxies: ['127.0.0.1'],
      forward: [forward('/products/*', { to: old.url, access: 'anyone', moved: 50 })],
    },
  });
  for (let user = 0; user < 20; user += 1) {
    const authorization = `Bearer ${await shop.token(`user-${user}`)}`;
    const sides = new Set<string | null>();
    for (let address = 1; address < 6; address += 1) {
      const answer = await fetch(`${shop.url}/products`, {
        headers: { authorization, 'x-forwarded-for': `10.1.1.${address}` },
      });
      await answer.text();
      sides.add(answer.headers.get('x-system'));
    }
    assert.equal(sides.size, 1);
  }
  assert.equal((await fetch(`${shop.url}/products/old-page`)).headers.get('x-system'), 'old');
  assert.equal(
    (await fetch(`${shop.url}/products`, { method: 'POST', body: 'x' })).headers.get('x-system'),
    'old',
  );
});

test('a signed-in user is not taken for nobody while the keys of tokens cannot be had', async (t) => {
  const old = await runUpstream(t, oldSystem());
  const shop = await runShop(t, {
    handlers: {
      publicKeys: () => {
        throw new ServiceError('identity is away', { code: 'unavailable', reason: 'away' });
      },
    },
    gateway: { forward: [forward('/products/*', { to: old.url, access: 'anyone', moved: 50 })] },
  });
  const ask = async (headers: Readonly<Record<string, string>>) => {
    const answer = await fetch(`${shop.url}/products`, { headers });
    await answer.text();
    return answer.status;
  };
  assert.equal(await ask({ authorization: `Bearer ${await shop.token('ada')}` }), 503);
  assert.deepEqual([old.requests.length, shop.contexts.length], [0, 0]);
  assert.equal(await ask({}), 200);
});

test('an expired token does not send a user to the other side of an operation that needs users', async (t) => {
  const old = await runUpstream(t, oldSystem());
  let nowMs = Date.now();
  const shop = await runShop(t, {
    edge: { clock: { ...systemClock, nowMs: () => nowMs } },
    gateway: {
      trustedProxies: ['127.0.0.1'],
      forward: ['/orders/*', '/products'].map((path) =>
        forward(path, { to: old.url, access: 'anyone', moved: 50 }),
      ),
    },
  });
  const ask = async (path: string, authorization: string, address: number) => {
    const headers = { authorization, 'x-forwarded-for': `10.1.1.${address}` };
    const answer = await fetch(shop.url + path, { headers });
    await answer.text();
    return answer.status;
  };
  const authorization = `Bearer ${await shop.token('ada', { lifetimeS: 60 })}`;
  assert.equal(await ask('/orders/7', authorization, 1), 200);
  const before = old.requests.length;
  nowMs += 600_000;
  for (let address = 1; address < 20; address += 1)
    assert.equal(await ask('/orders/7', authorization, address), 401);
  assert.equal(old.requests.length, before);
  // Tokens of the old system go there, by address.
  const sides = new Set<number>();
  for (let address = 1; address < 20; address += 1)
    sides.add(await ask('/orders/7', 'Bearer of-the-old', address));
  assert.deepEqual([...sides].sort(), [200, 401]);
  assert.equal(await ask('/products', authorization, 1), 200);
});

test('an old page under a narrower forwarding has the policy of that one, whatever operation its path is like', async (t) => {
  const old = await runUpstream(t, oldSystem());
  const inner = await runUpstream(t, oldSystem());
  const shop = await runShop(t, {
    gateway: {
      forward: [
        forward('/orders/*', { to: old.url, access: 'anyone', moved: 0 }),
        forward('/orders/admin/*', { to: inner.url, access: { scope: 'admin' } }),
        forward('/orders/export', { to: inner.url, access: { scope: 'admin' } }),
      ],
    },
  });
  const ask = async (path: string, scopes: readonly string[]) => {
    const headers = { authorization: `Bearer ${await shop.token('ada', { scopes })}` };
    return (await fetch(shop.url + path, { headers })).status;
  };
  // Both look like `GET /orders/:orderId`.
  for (const path of ['/orders/admin', '/orders/export']) {
    assert.equal((await fetch(shop.url + path)).status, 401);
    assert.equal(await ask(path, []), 403);
    assert.equal(await ask(path, ['admin']), 200);
  }
  assert.equal((await fetch(`${shop.url}/orders/7`)).status, 200);
  assert.deepEqual(
    [old.requests, inner.requests].map((requests) => requests.map(({ url }) => url)),
    [['/orders/7'], ['/orders/admin', '/orders/export']],
  );
});

test('by default an operation takes over at once, and the rest of the path stays with the old system', async (t) => {
  const old = await runUpstream(t, oldSystem());
  const { url } = await runShop(t, {
    gateway: { forward: [forward('/*', { to: old.url, access: 'anyone' })] },
  });
  assert.equal((await fetch(`${url}/products`)).headers.get('x-system'), null);
  assert.equal((await fetch(`${url}/anything/else`)).headers.get('x-system'), 'old');
  assert.equal((await fetch(`${url}/health/live`)).headers.get('x-system'), null);
});

test('in a parallel run the user sees the old answer, and differences are logged and counted', async (t) => {
  const old = await runUpstream(t, oldSystem({ ...oldProducts, asked: 'just now' }));
  let own: object = oldProducts;
  const metrics = createMetrics();
  const shop = await runShop(t, {
    edge: { metrics },
    handlers: { listProducts: () => own },
    gateway: {
      forward: [
        forward('/products', { to: old.url, access: 'anyone', moved: 0, compare: { ignore: ['asked'] } }),
      ],
    },
  });
  const count = (outcome: string) =>
    Number(
      new RegExp(`parallel_runs_total\\{route="/products",outcome="${outcome}"\\} (\\d+)`).exec(
        metrics.render(),
      )?.[1] ?? 0,
    );
  const ask = async () => (await fetch(`${shop.url}/products?limit=10`)).json();
  assert.deepEqual(await ask(), { ...oldProducts, asked: 'just now' });
  await until(() => count('same') === 1, 'they were compared');
  own = { ...oldProducts, products: ['mug', 'cup'] };
  assert.deepEqual(await ask(), { ...oldProducts, asked: 'just now' });
  await until(() => count('different') === 1, 'they were compared');
  const line = shop.log.find(({ message }) => message === 'answers differ');
  assert.equal(line?.fields['at'], '/body/products/length');
  assert.equal(line?.fields['operation'], 'listProducts');
  assert.equal(shop.contexts.length, 2);
});

test('a shadow that fails or hangs costs the user nothing, and there are never more than declared', async (t) => {
  const old = await runUpstream(t, oldSystem());
  const metrics = createMetrics();
  let hangs = false;
  const shop = await runShop(t, {
    edge: { metrics },
    handlers: {
      listProducts: () => {
        if (hangs) return new Promise(() => undefined);
        throw new Error('broken');
      },
    },
    gateway: {
      forward: [
        forward('/products', { to: old.url, access: 'anyone', moved: 0, compare: { maxConcurrent: 3 } }),
      ],
    },
  });
  const ask = async () => {
    const answer = await fetch(`${shop.url}/products`);
    assert.deepEqual(await answer.json(), oldProducts);
  };
  await ask();
  await until(() => metrics.render().includes('outcome="failed"} 1'), 'it has failed');
  hangs = true;
  for (let round = 0; round < 10; round += 1) await ask();
  await until(() => metrics.render().includes('outcome="left_out"} 7'), 'the others are left out');
  assert.equal(shop.contexts.length, 4);
});

test('what changes something is asked twice only where that is declared', async (t) => {
  const placed = { orderId: 'o/1 é', sku: 'mug', quantity: 1, shipTo: { city: 'Lyon', country: 'FR' } };
  const old = await runUpstream(t, (incoming, response) => {
    incoming
      .resume()
      .on('end', () =>
        response.writeHead(202, { 'content-type': 'application/json' }).end(JSON.stringify(placed)),
      );
  });
  const body = JSON.stringify({ sku: 'mug', quantity: 1, shipTo: { city: 'Lyon', country: 'FR' } });
  const place = (url: string) =>
    fetch(`${url}/orders`, { method: 'POST', body, headers: { 'content-type': 'application/json' } });
  for (const methods of [undefined, ['POST']]) {
    const metrics = createMetrics();
    const shop = await runShop(t, {
      edge: { metrics },
      gateway: {
        forward: [
          forward('/orders', {
            to: old.url,
            access: 'anyone',
            moved: 0,
            compare: methods === undefined ? {} : { methods },
          }),
        ],
      },
    });
    assert.equal((await place(shop.url)).status, 202);
    if (methods !== undefined)
      await until(() => metrics.render().includes('outcome="same"} 1'), 'they were compared');
    await shop.edge.stop();
    assert.equal(shop.contexts.length, methods === undefined ? 0 : 1);
  }
});

test('operators move clients at run time, within what can take over, and every change has its history', async (t) => {
  const old = await runUpstream(t, oldSystem());
  const documents = createMemoryDocumentStore().open();
  const forwarded = [
    forward('/products/*', { to: old.url, access: 'anyone', moved: 0 }),
    forward('/elsewhere/*', { to: old.url, access: 'anyone' }),
  ];
  const { url } = await runShop(t, { edge: { documents }, gateway: { forward: forwarded } });
  const { routes } = gateway({
    expose: [everything],
    forward: forwarded,
    userTokens: { issuer: 'a', audience: 'a', keys: [everything.contract, 'publicKeys'] },
  });
  const admin = createTrafficAdmin({ documents, routes });
  const side = async () => {
    const answer = await fetch(`${url}/products`);
    await answer.text();
    return answer.headers.get('x-system') ?? 'new';
  };
  assert.equal(await side(), 'old');
  await admin.move('/products/*', 100, { by: 'ada', why: 'all of them' });
  assert.equal(await side(), 'new');
  await admin.move('/products/*', 0, { by: 'ada', why: 'back' });
  assert.equal(await side(), 'old');
  await admin.revert(1, { by: 'ben', why: 'it was not that' });
  assert.equal(await side(), 'new');
  await admin.move('/products/*', undefined, { by: 'ben', why: 'as declared' });
  assert.equal(await side(), 'old');
  assert.deepEqual(
    (await admin.history()).map(({ version, by, why, value }) => [version, by, why, value]),
    [
      [4, 'ben', 'as declared', { services: {}, routes: {} }],
      [3, 'ben', 'it was not that', { services: {}, routes: {}, moved: { '/products/*': 100 } }],
      [2, 'ada', 'back', { services: {}, routes: {}, moved: { '/products/*': 0 } }],
      [1, 'ada', 'all of them', { services: {}, routes: {}, moved: { '/products/*': 100 } }],
    ],
  );
  const refused = { reason: 'invalid_traffic_rules' };
  for (const [path, percent] of [
    ['/elsewhere/*', 5],
    ['/products/*', 101],
    ['/products/*', -1],
    ['/products/*', Number.NaN],
  ] as const)
    await assert.rejects(admin.move(path, percent, { by: 'eve', why: 'no' }), refused);
  assert.equal((await admin.history()).length, 4);
});

test('an old system gets its own api-version, and its answers carry none of ours', async (t) => {
  const old = await runUpstream(t, oldSystem());
  const { url } = await runShop(t, {
    gateway: {
      forward: [
        forward('/products/*', { to: old.url, access: 'anyone', moved: 0 }),
        forward('/v1/*', { to: old.url, access: 'anyone' }),
      ],
    },
  });
  const ask = async (path: string) => {
    const answer = await fetch(url + path);
    await answer.text();
    return [
      answer.status,
      answer.headers.get('x-system'),
      answer.headers.get('api-version'),
      answer.headers.get('vary'),
    ];
  };
  const fromOld = [200, 'old', null, null];
  // The first is also what a version of ours looks like, the second is no version at all, and the last is a path of the old system.
  const paths = [
    '/products?api-version=1&limit=3',
    '/products?api-version=2019-06-01',
    '/products?api-version=x',
    '/v1/products?limit=1',
  ];
  for (const path of paths) assert.deepEqual(await ask(path), fromOld, path);
  assert.deepEqual(
    old.requests.map((request) => request.url),
    paths,
  );
});
