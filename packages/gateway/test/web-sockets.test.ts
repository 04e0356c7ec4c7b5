import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { forward } from '@banyan/gateway';
import { exchangeRaw, openRaw, readToEnd, runShop, until } from './support/running-shop.ts';
import { runRawUpstream } from './support/upstream.ts';

const key = 'dGhlIHNhbXBsZSBub25jZQ==';
/** RFC 6455, 1.3 works this one out. */
const accept = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=';
const upgrade = `Host: shop\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n`;
const switched = `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`;
/** Text frames 'Hello' of RFC 6455, 5.7: from a server, and masked from a client. */
const hello = Buffer.from([0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f]);
const maskedHello = Buffer.from([0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58]);

async function runChat(
  t: TestContext,
  options: { readonly maxOpen?: number; readonly idleTimeoutMs?: number } = {},
) {
  const upstream = await runRawUpstream(t, () => switched);
  const shop = await runShop(t, {
    gateway: {
      forward: [
        forward('/chat', {
          to: upstream.url,
          access: 'anyone',
          webSocket: { origins: ['https://app.example'], ...options },
        }),
        forward('/private', { to: upstream.url, access: 'user', webSocket: {} }),
        forward('/plain', { to: upstream.url, access: 'anyone' }),
      ],
    },
  });
  return { upstream, shop };
}

async function open(port: number, more = ''): Promise<{ socket: Socket; received: () => Buffer }> {
  const socket = openRaw(port);
  let bytes = Buffer.alloc(0);
  socket.on('data', (chunk) => {
    bytes = Buffer.concat([bytes, chunk]);
  });
  socket.write(`GET /chat HTTP/1.1\r\n${upgrade}${more}\r\n`);
  await until(() => bytes.includes('\r\n\r\n'), 'it is open');
  assert.match(bytes.toString('latin1'), /^HTTP\/1\.1 101 /);
  const start = bytes.indexOf('\r\n\r\n') + 4;
  return { socket, received: () => bytes.subarray(start) };
}

test('a WebSocket passes through, frames both ways untouched', async (t) => {
  assert.equal(
    createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64'),
    accept,
  );
  const { upstream, shop } = await runChat(t);
  const { socket, received } = await open(
    shop.port,
    'Origin: https://app.example\r\nX-Forwarded-For: 6.6.6.6\r\nSec-WebSocket-Protocol: chat\r\n',
  );
  const head = upstream.received[0] ?? '';
  assert.match(head, /\r\nSec-WebSocket-Protocol: chat\r\n/);
  assert.match(head, /\r\nx-forwarded-for: 127\.0\.0\.1\r\n/);
  assert.match(head, /\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n$/);
  socket.write(maskedHello);
  await until(() => (upstream.received[0] ?? '').endsWith(maskedHello.toString('latin1')), 'it has arrived');
  upstream.sockets[0]?.write(hello);
  await until(() => received().equals(hello), 'it has come back');
  socket.destroy();
  await until(() => upstream.sockets[0]?.destroyed === true, 'the other side is closed');
  await until(
    () => shop.log.some(({ fields }) => fields['status'] === 101 && fields['route'] === '/chat'),
    'it is logged',
  );
});

test('policy, origin and handshake are checked before the upstream hears of it', async (t) => {
  const { upstream, shop } = await runChat(t);
  const cases: readonly (readonly [what: string, request: string, status: string])[] = [
    ['a foreign origin', `GET /chat HTTP/1.1\r\n${upgrade}Origin: https://evil.example\r\n\r\n`, '403'],
    ['an origin that is none', `GET /chat HTTP/1.1\r\n${upgrade}Origin: null\r\n\r\n`, '403'],
    ['nobody signed in', `GET /private HTTP/1.1\r\n${upgrade}\r\n`, '401'],
    ['a path without WebSockets', `GET /plain HTTP/1.1\r\n${upgrade}\r\n`, '404'],
    ['an operation', `GET /products HTTP/1.1\r\n${upgrade}\r\n`, '200'],
    ['a wrong version', `GET /chat HTTP/1.1\r\n${upgrade.replace('13', '8')}\r\n`, '400'],
    ['a short key', `GET /chat HTTP/1.1\r\n${upgrade.replace(key, 'abc')}\r\n`, '400'],
    ['another method', `POST /chat HTTP/1.1\r\n${upgrade}\r\n`, '400'],
    ['a body', `GET /chat HTTP/1.1\r\n${upgrade}Content-Length: 5\r\n\r\nhello`, '400'],
    ['two hosts', `GET /chat HTTP/1.1\r\nHost: a\r\n${upgrade}\r\n`, '400'],
  ];
  for (const [what, request, status] of cases) {
    const answer = await exchangeRaw(shop.port, `${request}GET /chat HTTP/1.1\r\n${upgrade}\r\n`);
    assert.deepEqual(
      [...answer.matchAll(/HTTP\/1\.1 (\d+)/g)].map((match) => match[1]),
      [status],
      `${what}: ${answer}`,
    );
  }
  assert.equal(upstream.heads(), 0);
});

test('an upstream that says no, or says yes to anything, opens nothing', async (t) => {
  for (const [answer, expected] of [
    ['HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno', /^HTTP\/1\.1 403 [\s\S]*\r\n\r\nno$/],
    [switched.replace(accept, 'AAAA'), /^HTTP\/1\.1 502 /],
    ['HTTP/1.1 101 Switching Protocols\r\n\r\n', /^HTTP\/1\.1 502 /],
  ] as const) {
    const upstream = await runRawUpstream(t, () => answer);
    const shop = await runShop(t, {
      gateway: { forward: [forward('/chat', { to: upstream.url, access: 'anyone', webSocket: {} })] },
    });
    // What is sent behind the request must not reach the upstream as a request.
    const got = await exchangeRaw(
      shop.port,
      `GET /chat HTTP/1.1\r\n${upgrade}\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n`,
    );
    assert.match(got, expected);
    assert.equal(upstream.heads(), 1);
  }
});

test('no more WebSockets than declared, and idle ones end with 1001', async (t) => {
  const { upstream, shop } = await runChat(t, { maxOpen: 1, idleTimeoutMs: 100 });
  const { socket, received } = await open(shop.port);
  const refused = await exchangeRaw(shop.port, `GET /chat HTTP/1.1\r\n${upgrade}\r\n`);
  assert.match(refused, /^HTTP\/1\.1 503 [\s\S]*"reason":"upstream_busy"/);
  await once(socket, 'end');
  assert.deepEqual([...received()], [0x88, 0x02, 0x03, 0xe9]);
  socket.end();
  await until(() => upstream.sockets[0]?.destroyed === true, 'the other side is closed');
  (await open(shop.port)).socket.destroy();
});

test('an open WebSocket takes no place of the requests in progress', async (t) => {
  const upstream = await runRawUpstream(t, () => switched);
  const shop = await runShop(t, {
    gateway: {
      limits: { maxConcurrentRequests: 1 },
      forward: [forward('/chat', { to: upstream.url, access: 'anyone', webSocket: { maxOpenPerClient: 2 } })],
    },
  });
  const first = await open(shop.port);
  await open(shop.port);
  assert.equal((await fetch(`${shop.url}/products`)).status, 200);
  const refused = await exchangeRaw(shop.port, `GET /chat HTTP/1.1\r\n${upgrade}\r\n`);
  assert.match(refused, /^HTTP\/1\.1 429 [\s\S]*"reason":"client_overloaded"/);
  first.socket.destroy();
  await until(() => shop.log.some(({ fields }) => fields['status'] === 101), 'the first one is closed');
  await open(shop.port);
});

test('WebSockets that are being opened count as open ones', async (t) => {
  const upstream = await runRawUpstream(t, () => undefined);
  const shop = await runShop(t, {
    gateway: {
      forward: [forward('/chat', { to: upstream.url, access: 'anyone', webSocket: { maxOpen: 1 } })],
    },
  });
  const opening = openRaw(shop.port);
  opening.write(`GET /chat HTTP/1.1\r\n${upgrade}\r\n`);
  await until(() => upstream.heads() === 1, 'it is being opened');
  const ask = `GET /chat HTTP/1.1\r\n${upgrade}\r\n`;
  const refusals = readToEnd(
    openRaw(shop.port).on('connect', function (this: Socket) {
      this.write(ask);
    }),
  );
  await until(
    () => upstream.heads() === 2 || shop.log.some(({ fields }) => fields['reason'] === 'upstream_busy'),
    'it is decided',
  );
  assert.equal(upstream.heads(), 1);
  assert.match(await refusals, /^HTTP\/1\.1 503 [\s\S]*"reason":"upstream_busy"/);
  opening.destroy();
});

test('a stop says 1001 to both sides, between two frames and never inside one', async (t) => {
  const { upstream, shop } = await runChat(t);
  const whole = await open(shop.port);
  const torn = await open(shop.port);
  upstream.sockets[1]?.write(hello.subarray(0, 4));
  await until(() => torn.received().length === 4, 'half a frame has passed');
  const stopped = shop.edge.stop({ timeoutMs: 5_000 });
  await once(whole.socket, 'end');
  assert.deepEqual([...whole.received()], [0x88, 0x02, 0x03, 0xe9]);
  assert.equal(torn.received().length, 4);
  upstream.sockets[1]?.write(hello.subarray(4));
  await once(torn.socket, 'end');
  assert.deepEqual([...torn.received()], [...hello, 0x88, 0x02, 0x03, 0xe9]);
  whole.socket.end();
  torn.socket.end();
  await stopped;
  const toUpstream = Buffer.from((upstream.received[0] ?? '').split('\r\n\r\n')[1] ?? '', 'latin1');
  // Masked, as a client's frames are: 1001 behind the mask.
  assert.deepEqual([...toUpstream.subarray(0, 2)], [0x88, 0x82]);
  const [a = 0, b = 0] = [...toUpstream.subarray(6)].map(
    (byte, index) => byte ^ (toUpstream[2 + index] ?? 0),
  );
  assert.equal(a * 256 + b, 1_001);
});

test('a side that does not read holds the other one back', async (t) => {
  const { upstream, shop } = await runChat(t);
  const { socket } = await open(shop.port);
  socket.removeAllListeners('data');
  socket.pause();
  const source = upstream.sockets[0];
  assert(source !== undefined);
  let sent = 0;
  const frame = Buffer.concat([Buffer.from([0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0]), Buffer.alloc(65_536)]);
  const size = 40 * 1_048_576;
  const writing = (async () => {
    for (; sent < size; sent += frame.length) if (!source.write(frame)) await once(source, 'drain');
  })();
  let before = -1;
  let sameFor = 0;
  await until(() => {
    sameFor = sent === before ? sameFor + 1 : 0;
    before = sent;
    return sent > 0 && sameFor > 20;
  }, 'it is held back');
  assert(sent < size / 2, `${sent} bytes were taken although nobody reads`);
  socket.resume();
  await writing;
});

test('a client that pipelines before or behind an upgrade gains nothing', async (t) => {
  const { upstream, shop } = await runChat(t);
  const socket = openRaw(shop.port);
  const answer = readToEnd(socket);
  socket.write(`GET /products HTTP/1.1\r\nHost: shop\r\n\r\nGET /chat HTTP/1.1\r\n${upgrade}\r\n`);
  await answer;
  assert.equal(upstream.heads(), 0);
  const java = await exchangeRaw(
    shop.port,
    'GET /products HTTP/1.1\r\nHost: shop\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n\r\n',
  );
  assert.match(java, /^HTTP\/1\.1 200 /);
});
