import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createHeldClock } from './support/held-clock.ts';
import { exchangeRaw, openRaw, readToEnd, runShop, until } from './support/running-shop.ts';

const close = 'Host: shop\r\nConnection: close\r\n';

function statusesIn(text: string): number[] {
  return [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map((match) => Number(match[1]));
}

const ambiguous: Readonly<Record<string, string>> = {
  'several Host headers': 'GET /products HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n',
  'no Host header': 'GET /products HTTP/1.1\r\n\r\n',
  'an empty Host header': 'GET /products HTTP/1.1\r\nHost:\r\n\r\n',
  'a list of hosts': 'GET /products HTTP/1.1\r\nHost: a, b\r\n\r\n',
  'markup as host': 'GET /docs HTTP/1.1\r\nHost: "><script>\r\n\r\n',
  'length and chunks':
    'POST /orders HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  'two lengths': 'POST /orders HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd',
  'a signed length': 'POST /orders HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc',
  'two encodings':
    'POST /orders HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n',
  'a second coding before chunks':
    'POST /orders HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
  'an obfuscated encoding':
    'POST /orders HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n',
  'chunks in HTTP/1.0': 'POST /orders HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  'a bare line feed': 'GET /products HTTP/1.1\nHost: a\n\n',
  'a bare carriage return': 'GET /products HTTP/1.1\r\nHost: a\rX: b\r\n\r\n',
  'a space before the colon': 'GET /products HTTP/1.1\r\nHost : a\r\n\r\n',
  'a folded header': 'GET /products HTTP/1.1\r\nHost: a\r\nX-A: b\r\n c\r\n\r\n',
  'NUL in a header': 'GET /products HTTP/1.1\r\nHost: a\r\nX-A: b\0c\r\n\r\n',
  'two Authorization headers':
    'GET /orders/1 HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n',
  'an old version': 'GET /products\r\n\r\n',
  'another version': 'GET /products HTTP/1.2\r\nHost: a\r\n\r\n',
  'an HTTP/2 preface': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  'a TLS hello': '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
  'raw UTF-8 in the path': 'GET /caf\u00e9 HTTP/1.1\r\nHost: a\r\n\r\n',
};

test('refuses what two programs could read differently with 400, and closes the connection', async (t) => {
  const { port, contexts } = await runShop(t);
  for (const [what, bytes] of Object.entries(ambiguous)) {
    const answer = await exchangeRaw(port, `${bytes}GET /products HTTP/1.1\r\n${close}\r\n`);
    assert.deepEqual(statusesIn(answer), [400], `${what}: ${answer.slice(0, 200)}`);
    assert.match(answer, /"reason":"malformed_request"/, what);
    assert.match(answer, /connection: close/i, what);
    assert.match(answer, /x-content-type-options: nosniff/i, what);
  }
  assert.equal(contexts.length, 0);
});

test('refuses paths that two programs could read differently', async (t) => {
  const { port, contexts } = await runShop(t);
  const paths = [
    '//products', '/orders//1', '/products/..', '/x/../products', '/./products', '/%2e%2e/products', '/x/%2E./products',
    '/orders%2f1', '/orders/1%2F2', '/orders/a%5cb', '/orders/a\\b', '/orders/%00', '/orders/%', '/orders/%zz', '/orders/%c3%28',
    '/orders/%ff', '/orders/%u0041', '/orders/<b>', '/orders/"', '/orders/{1}', '/orders/a|b', '/a^b', 'products', '*',
    'http://elsewhere/products', 'ftp://shop/products',
  ]; // biome-ignore format: one table
  for (const path of paths) {
    const answer = await exchangeRaw(port, `GET ${path} HTTP/1.1\r\n${close}\r\n`);
    assert.deepEqual(statusesIn(answer), [400], `${path}: ${answer.slice(0, 200)}`);
  }
  assert.equal(contexts.length, 0);
});

test('takes the absolute form for its own host and decodes harmless spellings', async (t) => {
  const { port } = await runShop(t);
  for (const target of [
    'http://shop/products',
    'HTTP://SHOP/products?limit=3',
    '/%70roducts',
    '/products?a=/../b%2f',
  ]) {
    const answer = await exchangeRaw(port, `GET ${target} HTTP/1.1\r\n${close}\r\n`);
    assert.deepEqual(statusesIn(answer), [200], target);
  }
});

test('answers 431 for headers that are too long', async (t) => {
  const { port } = await runShop(t);
  const answer = await exchangeRaw(
    port,
    `GET /products HTTP/1.1\r\n${close}X-Long: ${'a'.repeat(20_000)}\r\n\r\n`,
  );
  assert.deepEqual(statusesIn(answer), [431]);
  assert.match(answer, /"reason":"headers_too_large"/);
  const target = await exchangeRaw(port, `GET /${'a'.repeat(20_000)} HTTP/1.1\r\n${close}\r\n`);
  assert.deepEqual(statusesIn(target), [431]);
});

test('answers an unreadable HEAD request without a body', async (t) => {
  const { port } = await runShop(t);
  const answer = await exchangeRaw(
    port,
    `HEAD /products HTTP/1.1\r\n${close}X-Long: ${'a'.repeat(20_000)}\r\n\r\n`,
  );
  assert.deepEqual(statusesIn(answer), [431]);
  assert.equal(answer.slice(answer.indexOf('\r\n\r\n')), '\r\n\r\n');
});

test('answers pipelined requests in order, as many as were sent', async (t) => {
  const { port, contexts } = await runShop(t);
  const one = 'GET /products?limit=1 HTTP/1.1\r\nHost: shop\r\n\r\n';
  const last = `GET /products?limit=3 HTTP/1.1\r\n${close}\r\n`;
  const answer = await exchangeRaw(port, one + one.replace('=1', '=2') + last);
  assert.deepEqual(statusesIn(answer), [200, 200, 200]);
  assert.deepEqual(
    [...answer.matchAll(/"limit":(\d)/g)].map((match) => match[1]),
    ['1', '2', '3'],
  );
  assert.equal(contexts.length, 3);
});

test('answers the good request before garbage on the same connection', async (t) => {
  const gate = Promise.withResolvers<void>();
  const { port, contexts } = await runShop(t, {
    handlers: { slowOrder: () => gate.promise.then(() => ({ done: true })) },
  });
  const socket = openRaw(port);
  const answer = readToEnd(socket);
  socket.write('GET /slow HTTP/1.1\r\nHost: shop\r\n\r\nGARBAGE\r\n\r\n');
  await until(() => contexts.length === 1, 'the good one is running');
  gate.resolve();
  const text = await answer;
  assert.deepEqual(statusesIn(text), [200]);
  assert.match(text, /"done":true/);
});

test('a broken chunk in a body ends the request with 400 and never reaches the service', async (t) => {
  const { port, contexts } = await runShop(t);
  const head = `POST /orders HTTP/1.1\r\nHost: shop\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`;
  for (const chunk of [
    'FFFFFFFFFFFFFFFFFF\r\n\r\n',
    'zz\r\n\r\n',
    '-1\r\n\r\n',
    '1;a=b\nX\r\n0\r\n\r\n',
    '1\r\nXY\r\n0\r\n\r\n',
  ]) {
    const answer = await exchangeRaw(port, head, chunk);
    assert.deepEqual(statusesIn(answer), [400], JSON.stringify(chunk));
  }
  assert.equal(contexts.length, 0);
});

test('meets 100-continue only when the body is wanted, and no other expectation', async (t) => {
  const { port, contexts } = await runShop(t);
  const head = (extra: string) =>
    `POST /orders HTTP/1.1\r\n${close}Content-Type: application/json\r\n${extra}\r\n\r\n`;
  const body = '{"sku":"mug","shipTo":{"city":"Lyon","country":"FR"}}';
  const socket = openRaw(port);
  const answer = readToEnd(socket);
  let seen = '';
  socket.on('data', (chunk) => {
    seen += chunk.toString();
  });
  socket.write(head(`Content-Length: ${body.length}\r\nExpect: 100-continue`));
  await until(() => seen.startsWith('HTTP/1.1 100 Continue\r\n\r\n'), 'it may go on');
  assert.equal(contexts.length, 0);
  socket.write(body);
  assert.deepEqual(statusesIn(await answer), [100, 202]);

  const picture = `POST /pictures HTTP/1.1\r\nHost: shop\r\nContent-Type: image/png\r\nContent-Length: 99999999\r\nExpect: 100-continue\r\n\r\n`;
  assert.deepEqual(statusesIn(await exchangeRaw(port, picture)), [413]);
  const other = await exchangeRaw(port, head('Content-Length: 2\r\nExpect: 200-ok'), '{}');
  assert.deepEqual(statusesIn(other), [417]);
});

test('speaks no other protocol on the public port', async (t) => {
  const { port, contexts } = await runShop(t);
  const lane = await exchangeRaw(
    port,
    'GET /products HTTP/1.1\r\nHost: shop\r\nConnection: Upgrade, close\r\nUpgrade: banyan-lane/1\r\n\r\n',
  );
  assert.deepEqual(statusesIn(lane), [200]);
  assert.equal(contexts.length, 1);
  assert.deepEqual(statusesIn(await exchangeRaw(port, 'CONNECT shop:80 HTTP/1.1\r\nHost: shop\r\n\r\n')), []);
  const options = await exchangeRaw(port, `OPTIONS * HTTP/1.1\r\n${close}\r\n`);
  assert.deepEqual(statusesIn(options), [204]);
});

test('headers that never end are cut off', async (t) => {
  const { port } = await runShop(t, {
    gateway: { limits: { headersTimeoutMs: 200, requestTimeoutMs: 200 } },
  });
  const answer = await exchangeRaw(port, 'GET /products HTTP/1.1\r\nHost: sh');
  assert.deepEqual(statusesIn(answer), [408]);
  assert.match(answer, /"reason":"request_timeout"/);
});

test('a body that trickles in is cut off with 408', async (t) => {
  const { clock, runOut } = createHeldClock(1_000);
  const shop = await runShop(t, { edge: { clock } });
  const socket = openRaw(shop.port);
  const answer = readToEnd(socket);
  socket.write(
    'POST /orders HTTP/1.1\r\nHost: shop\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{"a":',
  );
  await new Promise((resolve) => socket.once('connect', resolve));
  // The watch over traffic looks every second.
  const trickle = setInterval(runOut, 5);
  t.after(() => clearInterval(trickle));
  assert.deepEqual(statusesIn(await answer), [408]);
});
