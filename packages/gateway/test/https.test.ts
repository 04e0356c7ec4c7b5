import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { request as requestPlain } from 'node:http';
import { type ClientHttp2Session, constants, type IncomingHttpHeaders } from 'node:http2';
import { request as requestSecure } from 'node:https';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { forward } from '@banyan/gateway';
import { createHeldClock } from './support/held-clock.ts';
import { exchangeRaw, runShop, type ShopOptions, until } from './support/running-shop.ts';
import { certificateFiles, openSession, runSecureShop, trust } from './support/secure-shop.ts';
import { runRawUpstream } from './support/upstream.ts';

interface Asked {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

interface Answered {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
}

/** Of the connection, of one request alone, or of TLS. */
const varying =
  /^(?::|date$|connection$|keep-alive$|transfer-encoding$|x-trace-id$|traceresponse$|strict-transport-security$)/;

function comparable(status: number, headers: object, body: string): Answered {
  const kept = Object.entries(headers).filter(([name]) => !varying.test(name));
  return { status, headers: Object.fromEntries(kept.sort()), body: body.replaceAll(/"traceId":"\w+"/g, '') };
}

async function askHttp1(url: string, { method = 'GET', path, headers = {}, body }: Asked): Promise<Answered> {
  const send = url.startsWith('https') ? requestSecure : requestPlain;
  // Not as a URL, which the client would tidy up.
  const { hostname, port } = new URL(url);
  const asking = send({ hostname, port, path, method, headers: { host: 'shop', ...headers }, ...trust });
  asking.end(body);
  const [answer] = await once(asking, 'response');
  return comparable(answer.statusCode, answer.headers, await text(answer));
}

async function askHttp2(
  session: ClientHttp2Session,
  { method = 'GET', path, headers = {}, body }: Asked,
): Promise<Answered> {
  const stream = session.request(
    { ':method': method, ':path': path, ':authority': 'shop', ...headers },
    { endStream: body === undefined },
  );
  if (body !== undefined) stream.end(body);
  const [answer] = await once(stream, 'response');
  return comparable(answer[':status'], answer, await text(stream));
}

test('every kind of answer is the same over HTTP/1.1, HTTPS and HTTP/2', async (t) => {
  const upstream = await runRawUpstream(t, (head) => {
    const length = /\r\ntransfer-encoding: chunked\r\n/.test(head) ? 'chunked' : 'known';
    return `HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nVary: x\r\nVary: y\r\nContent-Length: ${length.length}\r\n\r\n${length}`;
  });
  const gateway: ShopOptions['gateway'] = {
    cors: { origins: ['https://app.example'] },
    forward: [forward('/old/*', { to: upstream.url, access: 'anyone' })],
  };
  const plain = await runShop(t, { gateway });
  const secure = await runSecureShop(t, { gateway });
  const session = openSession(t, secure.url);
  const json = { 'content-type': 'application/json' };
  const order = JSON.stringify({ sku: 'mug', quantity: 2, shipTo: { city: 'Lyon', country: 'FR' } });
  const cases: readonly Asked[] = [
    { path: '/products' },
    { path: '/products?limit=3&tag=a&tag=b' },
    { path: '/products?limit=1000' },
    { path: '/products', headers: { origin: 'https://app.example' } },
    {
      method: 'OPTIONS',
      path: '/products',
      headers: { origin: 'https://app.example', 'access-control-request-method': 'GET' },
    },
    { method: 'HEAD', path: '/products' },
    { method: 'POST', path: '/orders', headers: json, body: order },
    {
      method: 'POST',
      path: '/orders',
      headers: { ...json, 'content-length': String(order.length) },
      body: order,
    },
    { method: 'POST', path: '/orders', headers: json, body: '{"sku":' },
    { method: 'POST', path: '/orders', headers: { 'content-type': 'text/plain' }, body: 'x' },
    { method: 'POST', path: '/orders' },
    { method: 'POST', path: '/failures', headers: json, body: '{"how":"x"}' },
    { method: 'POST', path: '/pictures', headers: { 'content-type': 'image/png' }, body: 'picture' },
    { path: '/pictures/1' },
    { path: '/pictures/1', headers: { 'if-none-match': '"v1"' } },
    { path: '/orders/1' },
    { path: '/orders/1', headers: { authorization: 'Bearer x' } },
    { path: '/orders/1', headers: { authorization: `Bearer ${await plain.token()}x` } },
    { method: 'DELETE', path: '/products' },
    { path: '/nothing' },
    { path: '/a//b' },
    { path: '/%2e%2e/products' },
    { path: '/health/live' },
    { path: '/old/x' },
    { method: 'POST', path: '/old/x', headers: { 'content-length': '0' } },
    { method: 'POST', path: '/old/x', headers: { 'content-length': '3' }, body: 'abc' },
  ];
  for (const asked of cases) {
    const expected = await askHttp1(plain.url, asked);
    const what = `${asked.method ?? 'GET'} ${asked.path}`;
    assert.deepEqual(await askHttp1(secure.url, asked), expected, `${what} over HTTPS`);
    assert.deepEqual(await askHttp2(session, asked), expected, `${what} over HTTP/2`);
  }
  assert.match(upstream.received.join(''), /\r\nx-forwarded-proto: https\r\nvia: 2\.0 banyan\r\n/);
});

test('signed-in users, many at once on one connection, and HSTS', async (t) => {
  const shop = await runSecureShop(t);
  const session = openSession(t, shop.url);
  const authorization = `Bearer ${await shop.token('ada')}`;
  const answers = await Promise.all(
    Array.from({ length: 80 }, (_, index) =>
      askHttp2(session, { path: `/orders/o-${index}`, headers: { authorization } }),
    ),
  );
  assert.deepEqual(
    answers.map(({ body }) => JSON.parse(body).orderId),
    answers.map((_, index) => `o-${index}`),
  );
  const stream = session.request({ ':path': '/products' });
  const [headers] = await once(stream, 'response');
  assert.equal(headers['strict-transport-security'], 'max-age=31536000');
  await text(stream);
});

test('a certificate that is replaced counts for new connections; open ones go on', async (t) => {
  const { files, renew } = await certificateFiles(t);
  const { clock, runOut } = createHeldClock(10_000);
  const shop = await runShop(t, { edge: { tls: files, clock } });
  const session = openSession(t, shop.url);
  assert.equal((await askHttp2(session, { path: '/products' })).status, 200);
  const first = await fingerprint(shop.port);
  await renew();
  await writeFile(files.keyFile, 'half a key');
  runOut();
  assert.equal(await fingerprint(shop.port), first);
  assert(shop.log.some(({ level }) => level === 'error'));
  await renew();
  runOut();
  assert.notEqual(await fingerprint(shop.port), first);
  assert.equal((await askHttp2(session, { path: '/products' })).status, 200);
});

async function fingerprint(port: number): Promise<string> {
  const socket: TLSSocket = connectTls({ port, host: '127.0.0.1', ...trust });
  await once(socket, 'secureConnect');
  const { fingerprint256 } = socket.getPeerCertificate();
  socket.destroy();
  return fingerprint256;
}

test('files that are no certificate and its key refuse the start', async (t) => {
  const { files } = await certificateFiles(t);
  await writeFile(files.keyFile, 'nonsense');
  await assert.rejects(runShop(t, { edge: { tls: files } }), {
    code: 'failed_precondition',
    reason: 'certificate_unusable',
  });
});

test('plain HTTP on the TLS port gets nothing, and HTTP/1.1 inside TLS is as strict as outside', async (t) => {
  const shop = await runSecureShop(t);
  assert.doesNotMatch(await exchangeRaw(shop.port, 'GET /products HTTP/1.1\r\nHost: a\r\n\r\n'), /HTTP/);
  const socket = connectTls({ port: shop.port, host: '127.0.0.1', ...trust });
  await once(socket, 'secureConnect');
  socket.write(
    'POST /orders HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /products HTTP/1.1\r\nHost: a\r\n\r\n',
  );
  const answer = await text(socket);
  assert.deepEqual(
    [...answer.matchAll(/HTTP\/1\.1 (\d+)/g)].map((match) => match[1]),
    ['400'],
  );
  assert.equal(shop.contexts.length, 0);
});

test('over HTTP/2 two hosts are refused, and headers that are too long', async (t) => {
  const shop = await runSecureShop(t);
  const session = openSession(t, shop.url);
  assert.equal((await askHttp2(session, { path: '/products', headers: { host: 'other' } })).status, 400);
  const fields = Object.fromEntries(
    Array.from({ length: 200 }, (_, index) => [`x-${index}`, 'a'.repeat(100)]),
  );
  await assert.rejects(
    askHttp2(session, { path: '/products', headers: fields }),
    /NGHTTP2_ENHANCE_YOUR_CALM/,
  );
  // Only the request was at fault, not the connection.
  assert.equal((await askHttp2(session, { path: '/products' })).status, 200);
});

test('a client that opens requests and takes them back at once is shown out, and others are served', async (t) => {
  const shop = await runSecureShop(t, { handlers: { slowOrder: () => new Promise(() => undefined) } });
  const session = openSession(t, shop.url);
  await once(session, 'connect');
  let ended = false;
  session.on('close', () => {
    ended = true;
  });
  let opened = 0;
  while (!ended && opened < 5_000) {
    for (let index = 0; index < 50 && !session.destroyed && !session.closed; index += 1) {
      opened += 1;
      const stream = session.request({ ':path': '/slow' });
      stream.on('error', () => undefined);
      stream.close(constants.NGHTTP2_CANCEL);
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  await until(() => ended, 'it is shown out');
  assert(shop.contexts.length <= 1_000, `${shop.contexts.length} calls were made`);
  await until(() => shop.contexts.every(({ signal }) => signal.aborted), 'every call is cancelled');
  assert.equal((await askHttp2(openSession(t, shop.url), { path: '/products' })).status, 200);
});

test('a stop lets requests of HTTP/2 finish, and tells the client to open no more', async (t) => {
  const gate = Promise.withResolvers<void>();
  const shop = await runSecureShop(t, {
    handlers: { slowOrder: () => gate.promise.then(() => ({ done: true })) },
  });
  const session = openSession(t, shop.url);
  const goodbye = once(session, 'goaway');
  const answer = askHttp2(session, { path: '/slow' });
  await until(() => shop.contexts.length === 1, 'it is running');
  const stopped = shop.edge.stop({ timeoutMs: 5_000 });
  await goodbye;
  gate.resolve();
  assert.deepEqual(JSON.parse((await answer).body), { done: true });
  await stopped;
});

test('a client of HTTP/2 that does not read holds back what is sent to it, and is let go', async (t) => {
  const { clock, runOut } = createHeldClock(1_000);
  let produced = 0;
  const shop = await runSecureShop(t, {
    edge: { clock },
    gateway: { limits: { stalledAfterMs: 3_000 } },
    handlers: {
      getPicture: () => ({
        contentType: 'image/png',
        body: (async function* () {
          for (; produced < 30 * 1_048_576; produced += 65_536) yield Buffer.alloc(65_536);
        })(),
      }),
    },
  });
  const session = openSession(t, shop.url);
  const stream = session.request({ ':path': '/pictures/1' });
  stream.on('error', () => undefined);
  await once(stream, 'response');
  let before = -1;
  let sameFor = 0;
  await until(() => {
    sameFor = produced === before ? sameFor + 1 : 0;
    before = produced;
    return sameFor > 20;
  }, 'it is held back');
  assert(produced < 15 * 1_048_576, `${produced} bytes were produced although nobody reads`);
  for (let second = 0; second < 6; second += 1) runOut();
  await until(() => shop.log.some((line) => line.fields['cutOff'] === true), 'the gateway has given up');
});

/** Time stands still; what the gateway wants to do later happens when the test says so. */
function heldTimers() {
  const timers: { readonly delayMs: number; readonly callback: () => void }[] = [];
  return {
    clock: {
      nowMs: () => Date.now(),
      setTimer: (callback: () => void, delayMs: number) => {
        const timer = { delayMs, callback };
        timers.push(timer);
        return () => {
          if (timers.includes(timer)) timers.splice(timers.indexOf(timer), 1);
        };
      },
    },
    /** Runs all that waits for a second, `times` times. */
    passSeconds(times: number) {
      for (let second = 0; second < times; second += 1) {
        const due = timers.filter(({ delayMs }) => delayMs === 1_000);
        for (const timer of due) {
          timers.splice(timers.indexOf(timer), 1);
          timer.callback();
        }
      }
    },
  };
}

test('a request of HTTP/2 without a body may wait for its answer as long as one of HTTP/1.1', async (t) => {
  const { clock, passSeconds } = heldTimers();
  const gate = Promise.withResolvers<void>();
  const shop = await runSecureShop(t, {
    edge: { clock },
    handlers: { slowOrder: () => gate.promise.then(() => ({ done: true })) },
  });
  const answer = askHttp2(openSession(t, shop.url), { path: '/slow' });
  await until(() => shop.contexts.length === 1, 'it is running');
  passSeconds(15);
  gate.resolve();
  const { status, body } = await answer;
  assert.equal(status, 200, body);
});

test('an answer of HTTP/2 that breaks off is seen to be no whole one', async (t) => {
  const { clock } = heldTimers();
  const shop = await runSecureShop(t, {
    edge: { clock },
    handlers: {
      getPicture: () => ({
        contentType: 'image/png',
        body: (async function* () {
          yield Buffer.from('half a ');
          throw new Error('the disk is gone');
        })(),
      }),
    },
  });
  const stream = openSession(t, shop.url).request({ ':path': '/pictures/1' });
  await assert.rejects(text(stream), /NGHTTP2_INTERNAL_ERROR/);
  assert.equal(stream.rstCode, constants.NGHTTP2_INTERNAL_ERROR);
  await until(() => shop.log.some(({ fields }) => fields['cutOff'] === true), 'the log says so');
});

test('a request of HTTP/2 that never ends gives its place back soon after its answer', async (t) => {
  const cases: readonly (readonly [what: string, headers: Record<string, string>, status: number])[] = [
    ['refused', { ':method': 'POST', ':path': '/report' }, 405],
    ['nobody signed in', { ':method': 'DELETE', ':path': '/orders/1' }, 401],
    ['answered', { ':path': '/health/live', 'content-length': '0' }, 200],
    ['too slow', { ':method': 'POST', ':path': '/orders', 'content-type': 'application/json' }, 408],
  ];
  for (const [what, headers, status] of cases) {
    const { clock, passSeconds } = heldTimers();
    const shop = await runSecureShop(t, {
      edge: { clock },
      gateway: { limits: { maxConcurrentRequests: 1 } },
    });
    const session = openSession(t, shop.url);
    const stream = session.request(headers, { endStream: false });
    stream.on('error', () => undefined);
    let answer: IncomingHttpHeaders = {};
    stream.on('response', (received) => {
      answer = received;
    });
    const body = text(stream);
    await until(() => {
      passSeconds(1);
      return shop.log.some(({ message }) => message === 'request');
    }, `${what}: its place is free`);
    assert.equal(String(Buffer.byteLength(await body)), answer['content-length'], what);
    assert.equal(answer[':status'], status, what);
    assert.equal(stream.rstCode, constants.NGHTTP2_NO_ERROR, what);
    assert.equal((await askHttp2(session, { path: '/products' })).status, 200, what);
  }
});
