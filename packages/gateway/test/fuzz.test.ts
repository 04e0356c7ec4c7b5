import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { openRaw, runShop } from './support/running-shop.ts';

/** BANYAN_SEED replays a run; BANYAN_RUNS makes it longer. */
const seed = Number(process.env['BANYAN_SEED'] ?? Date.now() % 2 ** 31);
const runs = Number(process.env['BANYAN_RUNS'] ?? 2_500);
const answerWithinMs = 5_000;

const methods = fc.constantFrom(
  'GET',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'HEAD',
  'OPTIONS',
  'TRACE',
  'CONNECT',
  'PROPFIND',
  'get',
  'X',
);
const paths = fc.oneof(
  fc.constantFrom(
    '/products',
    '/orders',
    '/orders/1',
    '/pictures',
    '/pictures/1',
    '/report',
    '/docs',
    '/openapi.json',
    '/health/live',
    '/',
    '*',
    '/..',
    '//',
    '/%00',
    '/orders/%',
    '/__proto__',
    '/orders/__proto__',
    '/orders/constructor',
  ),
  fc.webPath(),
  fc.string({ unit: 'binary-ascii', maxLength: 80 }),
  fc
    .array(
      fc.constantFrom(
        '/',
        '.',
        '..',
        '%2e',
        '%2f',
        '%5c',
        '%00',
        '%c3',
        'orders',
        ';',
        '@',
        ':',
        '\\',
        '%25',
        'http:',
      ),
      { maxLength: 12 },
    )
    .map((parts) => `/${parts.join('')}`),
);
const queries = fc.oneof(
  fc.constant(''),
  fc.webQueryParameters(),
  fc.constantFrom(
    'limit=1e999',
    'limit=-1',
    'limit=NaN',
    'tag[]=1&tag=2',
    '__proto__=1',
    'limit=1&limit=2',
    '%',
    '&&&==',
    'constructor[prototype]=1',
  ),
);
const headers = fc.array(
  fc.oneof(
    fc.constantFrom(
      'Host: other',
      'Content-Length: 5',
      'Content-Length: -1',
      'Content-Length: 99999999999999999999',
      'Transfer-Encoding: chunked',
      'Transfer-Encoding: xchunked',
      'Content-Type: application/json',
      'Content-Type: image/png',
      'Content-Type: text/html; charset=utf-7',
      'Content-Encoding: gzip',
      'Authorization: Bearer eyJhbGciOiJub25lIn0.e30.',
      'Authorization: Bearer a.b.c',
      'Authorization: Basic AAAA',
      'Idempotency-Key: ',
      'Idempotency-Key: \xff',
      'Expect: 100-continue',
      'Expect: nothing',
      'Upgrade: banyan-lane/1\r\nConnection: Upgrade',
      'Connection: close, te',
      'Range: bytes=0-',
      'If-None-Match: *',
      'banyan-user: x',
      'traceparent: 00-zz',
      'Origin: null',
      'Accept-Encoding: br;q=0',
      'Cookie: a=b',
      ' folded',
      'No-Colon',
    ),
    fc
      .tuple(fc.string({ unit: 'binary-ascii', maxLength: 20 }), fc.string({ unit: 'binary', maxLength: 60 }))
      .map((pair) => pair.join(': ')),
    fc.nat(20_000).map((length) => `X-Long: ${'a'.repeat(length)}`),
  ),
  { maxLength: 6 },
);
const bodies = fc.oneof(
  fc.constant(''),
  fc.json().map((text) => text),
  fc.constantFrom(
    '{"how":"x"}',
    '{"sku":"mug","shipTo":{"city":"x","country":"FR"}}',
    '{"__proto__":{"a":1}}',
    '[[[[[[',
    '0\r\n\r\n',
    '5\r\nabcde\r\n0\r\n\r\n',
    'ffffffffffffffff\r\n',
    '\u0000',
  ),
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc.nat(200).map((depth) => `${'['.repeat(depth)}${']'.repeat(depth)}`),
);

const hostile = fc.record({
  method: methods,
  path: paths,
  query: queries,
  version: fc.constantFrom('HTTP/1.1', 'HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0', 'HTTP/2.0', 'HTTP/1.1 ', ''),
  headers,
  body: bodies,
  declaresLength: fc.boolean(),
}); // biome-ignore format: tables

type Hostile = typeof hostile extends fc.Arbitrary<infer Value> ? Value : never;

function bytesOf({ method, path, query, version, headers: lines, body, declaresLength }: Hostile): Buffer {
  const length = declaresLength ? [`Content-Length: ${Buffer.byteLength(body)}`] : [];
  const head = [
    `${method} ${path}${query === '' ? '' : `?${query}`} ${version}`,
    'Host: shop',
    ...lines,
    ...length,
  ];
  return Buffer.from(`${head.join('\r\n')}\r\n\r\n${body}`);
}

/** Sends, closes its half, and returns what came back; `hang` if the other side does not close in time. */
function send(port: number, bytes: Buffer): Promise<string> {
  return new Promise((resolve) => {
    const socket = openRaw(port);
    let text = '';
    const timer = setTimeout(() => {
      text += '[hang]';
      socket.destroy();
    }, answerWithinMs);
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
    });
    socket.on('close', () => {
      clearTimeout(timer);
      resolve(text);
    });
    socket.end(bytes);
  });
}

test(`hostile requests get no 5xx, no hang and nothing from inside (seed ${seed}, ${runs} runs)`, async (t) => {
  const shop = await runShop(t, { handlers: { fail: () => ({}), slowOrder: () => ({ done: true }) } });
  const site = await fetch(`${shop.url}/docs`);
  assert.equal(site.status, 200);
  await site.text();
  globalThis.gc?.();
  const before = process.memoryUsage().heapUsed;
  await fc.assert(
    fc.asyncProperty(hostile, async (request) => {
      const answer = await send(shop.port, bytesOf(request));
      for (const [, status = ''] of answer.matchAll(/^HTTP\/1\.1 (\d+)/gm)) {
        assert(Number(status) < 500, answer.slice(0, 2_000));
      }
      assert.doesNotMatch(answer, /\[hang\]|node:internal|\.ts:\d| {4}at |secret|\/work\/|stack/);
    }),
    { seed, numRuns: runs, endOnFailure: true },
  );
  assert.deepEqual(
    shop.log.filter((line) => line.level === 'error'),
    [],
  );
  shop.log.length = 0;
  globalThis.gc?.();
  const growth = process.memoryUsage().heapUsed - before;
  assert(growth < 64 * 1_048_576, `${growth} bytes more on the heap`);
  assert.equal((await fetch(`${shop.url}/products`)).status, 200);
});
