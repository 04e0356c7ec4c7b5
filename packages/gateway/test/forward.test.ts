import assert from 'node:assert/strict';
import { test } from 'node:test';
import { forward, rateLimit } from '@banyan/gateway';
import { ok } from './support/around.ts';
import { exchangeRaw, runShop, until } from './support/running-shop.ts';
import { shop } from './support/shop.ts';
import { runRawUpstream } from './support/upstream.ts';

test('forwards what lies under a path, both ways as it is, and drops what belongs to one connection', async (t) => {
  const upstream = await runRawUpstream(
    t,
    () =>
      'HTTP/1.1 302 Found\r\nLocation: /legacy/next\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n' +
      'Connection: keep-alive, X-Inner\r\nX-Inner: secret\r\nKeep-Alive: timeout=5\r\nServer: old\r\nX-Text: \tvoilà \r\nContent-Length: 4\r\n\r\nbody',
  );
  const { port } = await runShop(t, {
    gateway: { forward: [forward('/legacy/*', { to: upstream.url, access: 'anyone' })] },
  });
  const answer = await exchangeRaw(
    port,
    'POST /legacy/a%2Db;c?x=1&y=%20 HTTP/1.1\r\nHost: shop\r\nContent-Type: text/plain\r\nX-Own: 1\r\nX-Hop: 2\r\n' +
      'Connection: close, X-Hop\r\nTE: trailers\r\nContent-Length: 5\r\n\r\nhello',
  );
  assert.match(answer, /^HTTP\/1\.1 302 Found\r\n/);
  assert.match(answer, /\r\nlocation: \/legacy\/next\r\nset-cookie: a=1\r\nset-cookie: b=2\r\n/);
  // The last byte of `à` is what Unicode calls a space, and HTTP does not.
  assert.match(answer, /\r\nserver: old\r\nx-text: voil\xc3\xa0\r\n/);
  assert.doesNotMatch(answer, /x-inner|timeout=5|secret/i);
  assert.match(answer, /\r\n\r\nbody$/);
  const [sent = ''] = upstream.received;
  assert.match(sent, /^POST \/legacy\/a-b;c\?x=1&y=%20 HTTP\/1\.1\r\nhost: 127\.0\.0\.1:\d+\r\n/);
  assert.match(sent, /\r\nContent-Type: text\/plain\r\nX-Own: 1\r\n/);
  assert.match(sent, /\r\ncontent-length: 5\r\n\r\nhello$/);
  assert.doesNotMatch(sent, /x-hop|\r\nte:|\r\nconnection:/i);
});

test('says anew who asks, and lets through nothing that a client says about that', async (t) => {
  const upstream = await runRawUpstream(t, () => ok);
  const { port, token } = await runShop(t, {
    gateway: {
      forward: [
        forward('/open/*', { to: upstream.url, access: 'anyone' }),
        forward('/mine/*', { to: upstream.url, access: 'user', authorization: 'user_token' }),
      ],
    },
  });
  const access = await token();
  const claims =
    'X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: https\r\nX-Forwarded-User: root\r\nForwarded: for=6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\n' +
    'X_Forwarded_For: 6.6.6.6\r\nX-User-Id: root\r\nX-Auth-User: root\r\nRemote-User: root\r\nX-Original-URL: /admin\r\n' +
    'X-HTTP-Method-Override: DELETE\r\nProxy: http://evil\r\nVia: 1.1 evil\r\ntracestate: evil=1\r\nbanyan-client: 6.6.6.6\r\n' +
    'traceparent: 00-00000000000000000000000000000666-0000000000000666-01\r\nbaggage: user=root\r\nX-Tenant-Id: root\r\n' +
    'Cookie: a=1; __Host-session=aaaaaaaaaaaaaaaaaaaa; b=2\r\n';
  await exchangeRaw(
    port,
    `GET /open/x HTTP/1.1\r\nHost: shop:80\r\nAuthorization: Basic cm9vdDpyb290\r\n${claims}Connection: close\r\n\r\n`,
  );
  const [open = ''] = upstream.received;
  assert.doesNotMatch(open, /6\.6\.6\.6|root|evil|666|cm9vdDpyb290|__Host-session|admin|DELETE/);
  assert.match(open, /\r\ncookie: a=1; b=2\r\n/);
  assert.match(open, /\r\nforwarded: for=127\.0\.0\.1;host="shop:80";proto=http\r\n/);
  assert.match(
    open,
    /\r\nx-forwarded-for: 127\.0\.0\.1\r\nx-forwarded-host: shop:80\r\nx-forwarded-proto: http\r\n/,
  );
  assert.match(open, /\r\nvia: 1\.1 banyan\r\ntraceparent: 00-[0-9a-f]{32}-[0-9a-f]{16}-0[0-9]\r\n/);
  assert.doesNotMatch(open, /\r\nauthorization:/i);
  await exchangeRaw(
    port,
    `GET /mine/x HTTP/1.1\r\nHost: shop\r\nAuthorization: Bearer ${access}\r\nConnection: close, authorization, x-forwarded-for, host, content-length, traceparent\r\n\r\n`,
  );
  const mine = upstream.received.join('').slice(open.length);
  assert.match(mine, new RegExp(`\\r\\nauthorization: Bearer ${access.replaceAll('.', '\\.')}\\r\\n`));
  assert.match(mine, /\r\nx-forwarded-for: 127\.0\.0\.1\r\n/);
  assert.match(mine, /\r\ntraceparent: /);
  assert.match(mine, /\r\nhost: 127/);
});

test('a token of a session is passed on although somebody else signs out meanwhile', async (t) => {
  const upstream = await runRawUpstream(t, () => ok);
  const exchanged = Promise.withResolvers<void>();
  let exchanges = 0;
  let access = '';
  const running = await runShop(t, {
    gateway: {
      userTokens: {
        issuer: 'shop',
        audience: 'shop',
        keys: [shop, 'publicKeys'],
        session: {
          exchange: [shop, 'report'],
          opens: [[shop, 'listProducts']],
          ends: [[shop, 'cancelOrder']],
        },
      },
      forward: [forward('/mine/*', { to: upstream.url, access: 'user', authorization: 'user_token' })],
    },
    handlers: {
      report: async () => {
        exchanges += 1;
        if (exchanges === 2) await exchanged.promise;
        return { token: access };
      },
    },
  });
  access = await running.token();
  const as = (name: string) => ({
    cookie: `__Host-session=${name.repeat(20)}`,
    'sec-fetch-site': 'same-origin',
  });
  assert.equal((await fetch(`${running.url}/orders/1`, { headers: as('a') })).status, 200);
  const waiting = fetch(`${running.url}/mine/x`, { headers: as('b') });
  await until(() => exchanges === 2, 'the session of b is looked up');
  const out = await fetch(`${running.url}/orders/1`, { method: 'DELETE', headers: as('a') });
  assert.equal(out.status, 204);
  exchanged.resolve();
  const answer = await waiting;
  assert.deepEqual([answer.status, answer.headers.getSetCookie()], [200, []]);
  assert.match(
    upstream.received.join(''),
    new RegExp(`\\r\\nauthorization: Bearer ${access.replaceAll('.', '\\.')}\\r\\n`),
  );
});

test('asks for what the policy asks for, counts what it counts, and an upstream never sees the rest', async (t) => {
  const upstream = await runRawUpstream(t, () => ok);
  const { url, token } = await runShop(t, {
    gateway: {
      forward: [
        forward('/user/*', { to: upstream.url, access: 'user' }),
        forward('/scope', { to: upstream.url, access: { scope: 'old' } }),
        forward('/few', {
          to: upstream.url,
          access: 'anyone',
          rates: [rateLimit('few', { quota: 1, windowS: 60, per: 'address' })],
        }),
      ],
    },
  });
  const status = async (path: string, scopes?: readonly string[]) => {
    const headers: Record<string, string> =
      scopes === undefined ? {} : { authorization: `Bearer ${await token('ada', { scopes })}` };
    return (await fetch(`${url}${path}`, { headers })).status;
  };
  assert.equal(await status('/user/1'), 401);
  assert.equal(await status('/user/1', []), 200);
  assert.equal(await status('/scope', []), 403);
  assert.equal(await status('/scope', ['old']), 200);
  assert.equal(await status('/scope/below', ['old']), 404);
  assert.equal(await status('/few'), 200);
  assert.equal(await status('/few'), 429);
  assert.equal(upstream.heads(), 3);
});

test('a parameter in a path neither climbs out of a forwarding nor gets round a narrower one', async (t) => {
  const upstream = await runRawUpstream(t, () => ok);
  const { port } = await runShop(t, {
    gateway: {
      forward: [
        forward('/shop/*', { to: upstream.url, access: 'anyone', stripPrefix: true }),
        forward('/shop/$admin/*', { to: upstream.url, access: 'user' }),
        forward('/exact', { to: upstream.url, access: 'user' }),
        forward('/*', { to: upstream.url, access: 'anyone' }),
      ],
    },
  });
  const status = async (path: string) => {
    const answer = await exchangeRaw(port, `GET ${path} HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n`);
    return answer.slice(9, 12);
  };
  for (const path of [
    '/shop/..;/manager/html',
    '/shop/%2e%2e;/manager/html',
    '/shop/..%3b/manager/html',
    '/shop/.;a=1/x',
    '/shop/;a/x',
    '/;/shop/x',
    '/shop;a/x',
    '/shop/$admin;a/users',
    '/shop/%24admin%3Ba/users',
    '/shop/%24admin/users',
    '/exact;a',
    '/exac%74;a',
  ])
    assert.deepEqual([path, await status(path)], [path, '400']);
  assert.equal(await status('/shop/$admin/users'), '401');
  assert.equal(upstream.heads(), 0);
  for (const path of ['/shop/x;a=1/y;b', '/shop/a..;b', '/other;a/x'])
    assert.deepEqual([path, await status(path)], [path, '200']);
  assert.match(
    upstream.received.join(''),
    /^GET \/x;a=1\/y;b HTTP.*GET \/a\.\.;b HTTP.*GET \/other;a\/x HTTP/s,
  );
  assert.throws(() => forward('/a;b/*', { to: upstream.url, access: 'anyone' }), /must be like/);
});

test('refuses to be declared without a policy, or with one that contradicts itself', () => {
  const to = 'http://127.0.0.1:1';
  assert.throws(() => forward('/x', { to } as never), /has no valid policy/);
  assert.throws(() => forward('/x', { to: 'http://a/path', access: 'anyone' }), /must be an origin/);
  assert.throws(() => forward('x/*y', { to, access: 'anyone' }), /must be like/);
  assert.throws(
    () => forward('/x', { to, access: 'anyone', authorization: 'user_token' }),
    /needs a signed-in user/,
  );
  assert.throws(() => forward('/x', { to, access: 'user', authorization: 'as_sent' }), /use 'user_token'/);
  assert.throws(() => forward('/x', { to, access: 'anyone', timeoutMs: 0 }), /'timeoutMs' must be/);
});

test('logs one line for each request with route, upstream, trace and user, and no path', async (t) => {
  const upstream = await runRawUpstream(t, () => ok);
  const shop = await runShop(t, {
    gateway: { forward: [forward('/legacy/*', { to: upstream.url, access: 'user' })] },
  });
  const answer = await fetch(`${shop.url}/legacy/private/path?secret=1`, {
    headers: { authorization: `Bearer ${await shop.token('ada')}` },
  });
  await answer.text();
  await until(() => shop.log.some((line) => line.message === 'request'), 'it is logged');
  const { fields = {} } = shop.log.find((line) => line.message === 'request') ?? {};
  assert.deepEqual(
    { ...fields, ms: typeof fields['ms'], bytes: typeof fields['bytes'], spanId: typeof fields['spanId'] },
    {
      method: 'GET',
      route: '/legacy/*',
      upstream: upstream.url.slice(7),
      status: 200,
      ms: 'number',
      traceId: answer.headers.get('x-trace-id'),
      spanId: 'string',
      bytes: 'number',
      userId: 'ada',
    },
  );
});
