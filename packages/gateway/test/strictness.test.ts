import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { around, host, post, smuggled, statusesIn } from './support/around.ts';
import { exchangeRaw, openRaw, readToEnd, until } from './support/running-shop.ts';

/** Each is refused with 400 and a closed connection. */
const refused: Readonly<Record<string, string>> = {
  'a length and chunks': `${post}Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nX`,
  'chunks and a length': `${post}Transfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\nX`,
  'two encodings': `${post}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  'two encodings in one': `${post}Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n`,
  'identity behind chunks': `${post}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n`,
  'a coding before chunks': `${post}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`,
  'an encoding in quotes': `${post}Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n`,
  'an encoding with a parameter': `${post}Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n`,
  'an empty encoding': `${post}Transfer-Encoding:\r\nContent-Length: 3\r\n\r\nabc`,
  'a vertical tab before the encoding': `${post}Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n`,
  'a space before the colon of the encoding': `${post}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n`,
  'a tab before the colon of the encoding': `${post}Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n`,
  'a folded encoding': `${post}Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n`,
  'a header name with a control character': `${post}Transfer-Encoding\x00: chunked\r\n\r\n0\r\n\r\n`,
  'two lengths that differ': `${post}Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd`,
  'two lengths that are equal': `${post}Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc`,
  'a list of lengths': `${post}Content-Length: 3, 3\r\n\r\nabc`,
  'a signed length': `${post}Content-Length: +3\r\n\r\nabc`,
  'a negative length': `${post}Content-Length: -3\r\n\r\nabc`,
  'a hexadecimal length': `${post}Content-Length: 0x3\r\n\r\nabc`,
  'a length with a fraction': `${post}Content-Length: 3.0\r\n\r\nabc`,
  'a length with letters': `${post}Content-Length: 3a\r\n\r\nabc`,
  'an empty length': `${post}Content-Length:\r\n\r\n`,
  'a length beyond all bounds': `${post}Content-Length: 99999999999999999999999\r\n\r\nabc`,
  'a folded field': `${post}X-A: 1\r\n b\r\nContent-Length: 3\r\n\r\nabc`,
  'a bare line feed behind a field': `${post}X-A: 1\nContent-Length: 3\r\n\r\nabc`,
  'a bare line feed before the body': `${post}Content-Length: 3\r\n\nabc`,
  'a bare carriage return in a field': `${post}X-A: 1\rContent-Length: 3\r\n\r\nabc`,
  'NUL in a value': `${post}X-A: a\x00b\r\nContent-Length: 3\r\n\r\nabc`,
  'a field without a colon': `${post}X-A\r\nContent-Length: 3\r\n\r\nabc`,
  'a field without a name': `${post}: a\r\nContent-Length: 3\r\n\r\nabc`,
  'a space before the first field': `POST /up HTTP/1.1\r\n ${host}Content-Length: 3\r\n\r\nabc`,
  'a tab in the request line': `POST\t/up HTTP/1.1\r\n${host}Content-Length: 3\r\n\r\nabc`,
  'a space behind the version': `POST /up HTTP/1.1 \r\n${host}Content-Length: 3\r\n\r\nabc`,
  'a lower-case version': `POST /up http/1.1\r\n${host}Content-Length: 3\r\n\r\nabc`,
  'an unknown version': `POST /up HTTP/1.9\r\n${host}Content-Length: 3\r\n\r\nabc`,
  'a chunk size that is none': `${post}Transfer-Encoding: chunked\r\n\r\nxyz\r\nabc\r\n0\r\n\r\n`,
  'a negative chunk size': `${post}Transfer-Encoding: chunked\r\n\r\n-3\r\nabc\r\n0\r\n\r\n`,
  'a chunk size with a prefix': `${post}Transfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n`,
  'a chunk size with a space before': `${post}Transfer-Encoding: chunked\r\n\r\n 3\r\nabc\r\n0\r\n\r\n`,
  'an empty chunk size': `${post}Transfer-Encoding: chunked\r\n\r\n\r\nabc\r\n0\r\n\r\n`,
  'a chunk size beyond all bounds': `${post}Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nabc\r\n0\r\n\r\n`,
  'a chunk longer than it says': `${post}Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n`,
  'a chunk size with a bare line feed': `${post}Transfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n`,
  'a bare line feed behind a chunk': `${post}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\n0\r\n\r\n`,
  'a chunk extension with a bare line feed': `${post}Transfer-Encoding: chunked\r\n\r\n3;a\nb\r\nabc\r\n0\r\n\r\n`,
  'a folded trailer': `${post}Transfer-Encoding: chunked\r\n\r\n0\r\nX: 1\r\n b\r\n\r\n`,
  'a length among the trailers': `${post}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nContent-Length: 50\r\n\r\n`,
  'several hosts': `GET /up HTTP/1.1\r\n${host}Host: other\r\n\r\n`,
  'no host': 'GET /up HTTP/1.1\r\n\r\n',
  'another host in the absolute form': `GET http://other/up HTTP/1.1\r\n${host}\r\n`,
  'a user in the absolute form': `GET http://user@shop/up HTTP/1.1\r\n${host}\r\n`,
  'a user in the host': 'GET /up HTTP/1.1\r\nHost: user@shop\r\n\r\n',
  'a path in the host': 'GET /up HTTP/1.1\r\nHost: shop/up\r\n\r\n',
  'a GET with a body': `GET /up HTTP/1.1\r\n${host}Content-Length: 3\r\n\r\nabc`,
  'a HEAD with chunks': `HEAD /up HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  'chunks in HTTP/1.0': `POST /up HTTP/1.0\r\n${host}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
};

test('what two programs could read differently gets 400 and a closed connection, and no request hides behind it', async (t) => {
  for (const [what, bytes] of Object.entries(refused)) {
    const { shop, upstream } = await around(t);
    const answer = await exchangeRaw(shop.port, `${bytes}${smuggled}`);
    assert.deepEqual(statusesIn(answer), [400], `${what}: ${answer.slice(0, 300)}`);
    // A body may have been on its way already, but never to an end that the upstream could take for one.
    assert.equal(upstream.heads(), 0, what);
    assert.doesNotMatch(upstream.received.join(''), /smuggled/, what);
    await shop.edge.stop({ timeoutMs: 0 });
  }
});

/** Each is one accepted request, with another one behind it: two at the upstream, two answers. */
const accepted: Readonly<Record<string, string>> = {
  'a length': `${post}Content-Length: 3\r\n\r\nabc`,
  'a length with zeros before it': `${post}Content-Length: 003\r\n\r\nabc`,
  chunks: `${post}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`,
  'chunks in another case': `${post}transfer-encoding: CHUNKED\r\n\r\n3\r\nabc\r\n0\r\n\r\n`,
  'chunk sizes with zeros and in both cases': `${post}Transfer-Encoding: chunked\r\n\r\n00a\r\n0123456789\r\n0A\r\n0123456789\r\n0\r\n\r\n`,
  'chunk extensions': `${post}Transfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0;c\r\n\r\n`,
  trailers: `${post}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-A: 1\r\n\r\n`,
  'two spaces in the request line': `POST  /up HTTP/1.1\r\n${host}Content-Length: 3\r\n\r\nabc`,
  'a body that looks like a request': `${post}Content-Length: ${smuggled.length}\r\n\r\n${smuggled.replaceAll('smuggled', 'harmless')}`,
  'an empty body': `${post}Content-Length: 0\r\n\r\n`,
  'the absolute form for the own host': `GET http://shop/up HTTP/1.1\r\n${host}\r\n`,
  'fields named by Connection': `GET /up HTTP/1.1\r\n${host}Connection: keep-alive, x-user-id, content-length, transfer-encoding, host\r\nX-User-Id: 1\r\n\r\n`,
  'a length that Connection names': `${post}Connection: keep-alive, content-length\r\nContent-Length: 3\r\n\r\nabc`,
  'many fields': `GET /up HTTP/1.1\r\n${host}${Array.from({ length: 300 }, (_, index) => `X-${index}: 1\r\n`).join('')}\r\n`,
};

test('what can be read in one way only passes as one request, and the next one is the next one', async (t) => {
  for (const [what, bytes] of Object.entries(accepted)) {
    const { shop, upstream } = await around(t);
    const answer = await exchangeRaw(
      shop.port,
      `${bytes}GET /up/next HTTP/1.1\r\n${host}Connection: close\r\n\r\n`,
    );
    assert.deepEqual(statusesIn(answer), [200, 200], `${what}: ${answer.slice(0, 300)}`);
    assert.equal(upstream.heads(), 2, `${what}: ${upstream.received.join('|')}`);
    assert.doesNotMatch(upstream.received.join(''), /x-user-id|upgrade/i, what);
    await shop.edge.stop({ timeoutMs: 0 });
  }
});

test('a path that two programs could read differently is refused, also in a prefix that goes elsewhere', async (t) => {
  const { shop, upstream } = await around(t);
  const paths = [
    '/up/../docs', '/up/%2e%2e/docs', '/up/.%2e/docs', '/up/%2E/x', '/up/./x', '/up//x', '//up/x', '/up/x%2f..', '/up%2fx', '/up/x%5c..%5cy',
    '/up/x\\..\\y', '/up/%00', '/up/%zz', '/up/%', '/up/%c0%ae%c0%ae/x', '/up/%ff', '/up/#x', '/up/?a#b', '/up/a b', '/up/\x7f', '/up/é',
  ]; // biome-ignore format: one table
  for (const path of paths) {
    const answer = await exchangeRaw(
      shop.port,
      `GET ${path} HTTP/1.1\r\n${host}Connection: close\r\n\r\n${smuggled}`,
    );
    assert.equal(statusesIn(answer)[0], 400, `${path}: ${answer.slice(0, 200)}`);
  }
  assert.doesNotMatch(upstream.received.join(''), /docs|\.\.|%2/i);
  for (const [path, seen] of [
    ['/up/a;b=c/d', '/up/a;b=c/d'],
    ['/%75p/%7euser', '/up/~user'],
    ['/up/%e2%82%ac', '/up/%E2%82%AC'],
  ] as const) {
    const before = upstream.heads();
    const answer = await exchangeRaw(shop.port, `GET ${path} HTTP/1.1\r\n${host}Connection: close\r\n\r\n`);
    assert.deepEqual(statusesIn(answer), [200]);
    assert.equal(upstream.heads(), before + 1);
    assert(upstream.received.join('').includes(`GET ${seen} HTTP/1.1\r\n`), path);
  }
});

test('behind an offer of another protocol nothing is read: one request, one answer, and the connection ends', async (t) => {
  const { shop, upstream } = await around(t);
  for (const body of ['\r\n', 'Content-Length: 3\r\n\r\nabc']) {
    const before = upstream.heads();
    const answer = await exchangeRaw(
      shop.port,
      `POST /up HTTP/1.1\r\n${host}Connection: upgrade\r\nUpgrade: h2c\r\n${body}${smuggled}`,
    );
    assert.deepEqual(statusesIn(answer), [200]);
    assert.match(answer, /\r\nconnection: close\r\n/);
    assert.equal(upstream.heads(), before + 1);
  }
  assert.doesNotMatch(upstream.received.join(''), /smuggled|h2c/);
});

test('an expectation is met by the gateway alone, and costs no request its place', async (t) => {
  const { shop, upstream } = await around(t);
  const socket = openRaw(shop.port);
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1');
  });
  socket.write(`${post}Expect: 100-continue\r\nContent-Length: 3\r\n\r\n`);
  await until(() => text.startsWith('HTTP/1.1 100 Continue\r\n\r\n'), 'it may go on');
  socket.write(`abcGET /up/next HTTP/1.1\r\n${host}Connection: close\r\n\r\n`);
  await new Promise((resolve) => socket.once('close', resolve));
  assert.deepEqual(statusesIn(text), [100, 200, 200]);
  assert.equal(upstream.heads(), 2);
  assert.doesNotMatch(upstream.received.join(''), /expect/i);
  // A client that does not wait, and one whose request is refused before its body was asked for.
  const hasty = await exchangeRaw(
    shop.port,
    `${post}Expect: 100-continue\r\nContent-Length: 3\r\n\r\nabc${smuggled}`,
  );
  assert.deepEqual(statusesIn(hasty), [100, 200, 200]);
  const tooLong = await exchangeRaw(
    shop.port,
    `${post}Expect: 100-continue\r\nContent-Length: 99999999\r\n\r\n${smuggled}`,
  );
  assert.deepEqual(statusesIn(tooLong), [413]);
  assert.equal(upstream.heads(), 4);
});

test('slow heads, slow bodies and bodies that never end hold nothing for ever', async (t) => {
  const { shop, upstream } = await around(t, undefined, { headersTimeoutMs: 200, requestTimeoutMs: 400 });
  const head = await exchangeRaw(shop.port, `GET /up HTTP/1.1\r\n${host}X-A: `);
  assert.deepEqual(statusesIn(head), [408]);
  const body = await exchangeRaw(shop.port, `${post}Content-Length: 10\r\n\r\nabc`);
  assert.deepEqual(statusesIn(body), [408]);
  const chunks = await exchangeRaw(shop.port, `${post}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n`);
  assert.deepEqual(statusesIn(chunks), [408]);
  assert.equal(upstream.heads(), 0);
  await until(() => upstream.sockets.every((socket) => socket.destroyed), 'the upstream is let go');
});

test('bombs of headers and of compressed bytes do not go off here', async (t) => {
  const bomb = gzipSync(Buffer.alloc(20 * 1_048_576));
  const { shop, upstream } = await around(t, () =>
    Buffer.concat([
      Buffer.from(`HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: ${bomb.length}\r\n\r\n`),
      bomb,
    ]),
  );
  const long = await exchangeRaw(
    shop.port,
    `GET /up HTTP/1.1\r\n${host}Connection: close\r\n${'X-A: 1\r\n'.repeat(3_000)}\r\n`,
  );
  assert.deepEqual(statusesIn(long), [431]);
  assert.equal(upstream.heads(), 0);
  const before = process.memoryUsage().arrayBuffers;
  const answer = await exchangeRaw(
    shop.port,
    Buffer.concat([
      Buffer.from(
        `${post}Content-Encoding: gzip\r\nContent-Length: ${bomb.length}\r\nConnection: close\r\n\r\n`,
      ),
      bomb,
    ]),
  );
  assert.deepEqual(statusesIn(answer), [200]);
  // Passed on as it came, in both directions: nothing here unpacks it.
  assert(process.memoryUsage().arrayBuffers - before < 4 * 1_048_576);
  const operation = await exchangeRaw(
    shop.port,
    Buffer.concat([
      Buffer.from(
        `POST /orders HTTP/1.1\r\n${host}Content-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: ${bomb.length}\r\nConnection: close\r\n\r\n`,
      ),
      bomb,
    ]),
  );
  assert.deepEqual(statusesIn(operation), [415]);
});

test('many pipelined requests of several clients are as many at the upstream, and nobody gets another’s answer', async (t) => {
  const { shop, upstream } = await around(t, (head) => {
    const name = /\/up\/(\S+)/.exec(head)?.[1] ?? '';
    return `HTTP/1.1 200 OK\r\nContent-Length: ${name.length}\r\n\r\n${name}`;
  });
  const clients = Array.from({ length: 8 }, async (_, client) => {
    const names = Array.from({ length: 25 }, (_each, index) => `<${client}-${index}>`.replace(/[<>]/g, '~'));
    const socket = openRaw(shop.port);
    const answer = readToEnd(socket);
    socket.write(names.map((name) => `GET /up/${name} HTTP/1.1\r\n${host}\r\n`).join(''));
    socket.write(`GET /up/~last~ HTTP/1.1\r\n${host}Connection: close\r\n\r\n`);
    const text = await answer;
    assert.deepEqual(
      [...text.matchAll(/\r\n\r\n(~[\w-]+~)/g)].map((match) => match[1]),
      [...names, '~last~'],
    );
  });
  await Promise.all(clients);
  assert.equal(upstream.heads(), 8 * 26);
});
