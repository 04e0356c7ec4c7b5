import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { forward, rateLimit } from '@banyan/gateway';
import { createMetrics } from '@banyan/telemetry';
import { exchangeRaw, openRaw, readToEnd, runShop, until } from './support/running-shop.ts';
import { shop } from './support/shop.ts';
import { runRawUpstream, runUpstream } from './support/upstream.ts';

const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

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

test('what an upstream fails at becomes problem details without its names', async (t) => {
  const answers: Readonly<Record<string, string>> = {
    nonsense: 'hello\r\n\r\n',
    'a length and chunks':
      'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    'a head without end': `HTTP/1.1 200 OK\r\nX: ${'a'.repeat(40_000)}`,
  };
  const upstream = await runRawUpstream(
    t,
    (head) => answers[decodeURIComponent(/\?(.*) HTTP/.exec(head)?.[1] ?? '')],
  );
  const shop = await runShop(t, {
    gateway: {
      forward: [
        forward('/broken', { to: upstream.url, access: 'anyone', timeoutMs: 200 }),
        forward('/away', { to: 'http://127.0.0.1:1', access: 'anyone' }),
      ],
    },
  });
  for (const what of Object.keys(answers)) {
    const answer = await fetch(`${shop.url}/broken?${encodeURIComponent(what)}`);
    const problem = await answer.text();
    assert.equal(answer.status, 502, what);
    assert.match(problem, /"reason":"upstream_invalid_answer"/, what);
    assert.doesNotMatch(problem, /127\.0\.0\.1/);
  }
  const silent = await fetch(`${shop.url}/broken?silence`);
  assert.equal(silent.status, 504);
  assert.match(await silent.text(), /"reason":"upstream_timeout"/);
  const away = await fetch(`${shop.url}/away`);
  assert.equal(away.status, 502);
  assert.match(await away.text(), /"reason":"upstream_unreachable"/);
  assert(
    shop.log.some((line) => line.message === 'upstream failed' && line.fields['upstream'] === '127.0.0.1:1'),
  );
});

test('repeats on another upstream what may be repeated, and nothing else', async (t) => {
  const broken = await runRawUpstream(t, (_head, socket) => void socket.destroy());
  const good = await runRawUpstream(t, () => ok);
  const { url } = await runShop(t, {
    gateway: { forward: [forward('/x', { to: [broken.url, good.url], access: 'anyone' })] },
  });
  const statuses = { GET: new Set<number>(), POST: new Set<number>() };
  for (let round = 0; round < 15; round += 1) {
    for (const method of ['GET', 'POST'] as const) {
      const answer = await fetch(`${url}/x`, { method, ...(method === 'POST' ? { body: 'x' } : undefined) });
      await answer.text();
      statuses[method].add(answer.status);
    }
    if (broken.heads() >= 4) break;
  }
  assert.deepEqual([...statuses.GET], [200]);
  assert(statuses.POST.has(502), 'a POST that was broken off is not repeated');
});

test('a connection that the upstream closes while it is idle costs no request', async (t) => {
  const upstream = await runRawUpstream(t, (_head, socket) => {
    socket.write(ok);
    setTimeout(() => socket.destroy(), 1);
    return undefined;
  });
  const { url } = await runShop(t, {
    gateway: { forward: [forward('/x', { to: upstream.url, access: 'anyone' })] },
  });
  for (let round = 0; round < 30; round += 1) {
    assert.equal(await (await fetch(`${url}/x`)).text(), 'ok');
    await new Promise((resolve) => setTimeout(resolve, round % 3));
  }
});

test('the breaker of an upstream that fails keeps requests away from it, and lets them back', async (t) => {
  let works = false;
  const upstream = await runUpstream(t, (_request, response) =>
    response.writeHead(works ? 200 : 503).end('x'),
  );
  let nowMs = 1_000_000;
  const clock = { nowMs: () => nowMs, setTimer: () => () => undefined };
  const metrics = createMetrics();
  const { url } = await runShop(t, {
    edge: { clock, metrics },
    gateway: { forward: [forward('/x', { to: upstream.url, access: 'anyone' })] },
  });
  const ask = async () => (await fetch(`${url}/x`)).text();
  for (let round = 0; round < 20; round += 1) assert.equal(await ask(), 'x');
  assert.match(await ask(), /"reason":"circuit_open"/);
  assert.equal(upstream.requests.length, 20);
  works = true;
  nowMs += 5_001;
  assert.equal(await ask(), 'x');
  assert.match(
    metrics.render(),
    /banyan_gateway_upstream_circuit_transitions_total\{route="\/x",upstream="127\.0\.0\.1:\d+",to="open"\} 1/,
  );
  assert.match(
    metrics.render(),
    /banyan_gateway_forwarded_total\{route="\/x",upstream="127\.0\.0\.1:\d+",outcome="answered"\} 21/,
  );
});

test('an early answer reaches the client, and the connection it came on is not used again', async (t) => {
  const upstream = await runRawUpstream(t, (head, socket) => {
    if (head.startsWith('GET')) return ok;
    socket.end();
    return undefined;
  });
  // Answers as soon as a connection is there, whatever the body does.
  const eager = await runUpstream(t, (_request, response) => void response.writeHead(413).end('no'));
  const { port } = await runShop(t, {
    gateway: {
      forward: [
        forward('/x', { to: upstream.url, access: 'anyone' }),
        forward('/eager', { to: eager.url, access: 'anyone' }),
      ],
    },
  });
  const socket = openRaw(port);
  const answer = readToEnd(socket);
  socket.write('POST /eager HTTP/1.1\r\nHost: shop\r\nContent-Length: 100000\r\n\r\nfirst part');
  await once(socket, 'data');
  socket.write(`${'b'.repeat(99_990)}GET /x HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n`);
  const all = await answer;
  assert.deepEqual(
    [...all.matchAll(/HTTP\/1\.1 (\d+)/g)].map((match) => match[1]),
    ['413', '200'],
  );
  assert.equal(upstream.heads(), 1);
});

test('limits a body by its announced and by its real length', async (t) => {
  const upstream = await runUpstream(
    t,
    (incoming, response) => void incoming.resume().on('end', () => response.end('ok')),
  );
  const { port, url } = await runShop(t, {
    gateway: { forward: [forward('/x', { to: upstream.url, access: 'anyone', maxBodyBytes: 1_000 })] },
  });
  const announced = await fetch(`${url}/x`, { method: 'POST', body: 'a'.repeat(1_001) });
  assert.equal(announced.status, 413);
  assert.equal(upstream.requests.length, 0);
  const chunked = await exchangeRaw(
    port,
    `POST /x HTTP/1.1\r\nHost: shop\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3e9\r\n${'a'.repeat(1_001)}\r\n0\r\n\r\n`,
  );
  assert.match(chunked, /^HTTP\/1\.1 413 /);
  assert.equal((await fetch(`${url}/x`, { method: 'POST', body: 'a'.repeat(1_000) })).status, 200);
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
