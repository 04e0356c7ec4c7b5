import assert from 'node:assert/strict';
import { test } from 'node:test';
import { around, host, ok, statusesIn } from './support/around.ts';
import { exchangeRaw, openRaw } from './support/running-shop.ts';

/** What an upstream sends, and what the client gets: a status, or an answer that shows that it was cut off. */
const brokenAnswers: Readonly<Record<string, readonly [bytes: string, expected: 502 | 'cut off']>> = {
  'a length and chunks': [
    'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n',
    502,
  ],
  'two lengths': ['HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok', 502],
  'a list of lengths': ['HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nok', 502],
  'a signed length': ['HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok', 502],
  'two encodings': [
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    502,
  ],
  'an unknown encoding': ['HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n', 502],
  'chunks in HTTP/1.0': ['HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 502],
  'a length of no body': ['HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nok', 502],
  'an encoding of no body': ['HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 502],
  'no status': ['HTTP/1.1 OK\r\n\r\n', 502],
  'another version': ['HTTP/2.0 200 OK\r\n\r\n', 502],
  'a status beyond all classes': ['HTTP/1.1 999 What\r\nContent-Length: 0\r\n\r\n', 502],
  'a folded field': ['HTTP/1.1 200 OK\r\nX-A: 1\r\n b\r\nContent-Length: 2\r\n\r\nok', 502],
  'a bare line feed': ['HTTP/1.1 200 OK\nContent-Length: 2\n\nok\r\n\r\n', 502],
  'a bare carriage return': ['HTTP/1.1 200 OK\r\nX-A: 1\rX-B: 2\r\nContent-Length: 2\r\n\r\nok', 502],
  'a split answer': ['HTTP/1.1 200 OK\r\nX-A: 1\n\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok', 502],
  'NUL in a value': ['HTTP/1.1 200 OK\r\nX-A: \x00\r\nContent-Length: 2\r\n\r\nok', 502],
  'a space before a colon': ['HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok', 502],
  'a field without a colon': ['HTTP/1.1 200 OK\r\nX-A\r\nContent-Length: 2\r\n\r\nok', 502],
  'a last field without a colon': ['HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A\r\n\r\nok', 502],
  'a field without a name': ['HTTP/1.1 200 OK\r\n: 1\r\nContent-Length: 2\r\n\r\nok', 502],
  'a vertical tab behind a value': ['HTTP/1.1 200 OK\r\nContent-Length: 2\x0b\r\n\r\nok', 502],
  'another protocol': ['HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n', 502],
  'a flood of preliminary answers': ['HTTP/1.1 100 Continue\r\n\r\n'.repeat(20) + ok, 502],
  'a head without end': [`HTTP/1.1 200 OK\r\n${'X-A: 1\r\n'.repeat(10_000)}`, 502],
  'a field without end': [`HTTP/1.1 200 OK\r\nX-A: ${'a'.repeat(100_000)}`, 502],
  'a chunk size that is none': [
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nok\r\n0\r\n\r\n',
    502,
  ],
  'a chunk longer than it says': [
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nokay\r\n0\r\n\r\n',
    502,
  ],
  'a bare line feed in chunks': [
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\nok\r\n0\r\n\r\n',
    502,
  ],
  'a chunk size without end': [
    `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;${'a'.repeat(2_000)}`,
    502,
  ],
  'trailers without end': [
    `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n${'X-A: 1\r\n'.repeat(5_000)}`,
    502,
  ],
};

test('a broken answer of an upstream is never passed off as a whole one, and spoils no other', async (t) => {
  for (const [what, [bytes, expected]] of Object.entries(brokenAnswers)) {
    const { shop, upstream } = await around(t, (head) => (head.includes('/up/good') ? ok : bytes));
    const answer = await exchangeRaw(
      shop.port,
      `POST /up/bad HTTP/1.1\r\n${host}Content-Length: 0\r\n\r\nGET /up/good HTTP/1.1\r\n${host}Connection: close\r\n\r\n`,
    );
    assert.deepEqual(statusesIn(answer), [expected, 200], `${what}: ${answer.slice(0, 300)}`);
    assert.match(answer, /\r\n\r\nok$/, what);
    assert.equal(upstream.heads(), 2, what);
    assert.equal(upstream.received.length, 2, `${what}: its connection is not used again`);
    await shop.edge.stop({ timeoutMs: 0 });
  }
});

test('an answer that ends too early is cut off, not completed', async (t) => {
  const cases: Readonly<Record<string, readonly [first: string, then: string]>> = {
    'shorter than its length': ['HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nok', ''],
    'without its last chunk': ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n', ''],
    'with a bad chunk later': ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n', 'zz\r\n'],
  };
  for (const [what, [first, then]] of Object.entries(cases)) {
    const { shop, upstream } = await around(t, (_head, socket) => {
      socket.write(first);
      // The first part is with the client by the time that the upstream breaks off.
      const timer = setInterval(() => {
        if (!seen()) return;
        clearInterval(timer);
        if (then === '') socket.destroy();
        else socket.write(then);
      }, 5);
      return undefined;
    });
    const socket = openRaw(shop.port);
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
    });
    const seen = () => text.includes('ok');
    socket.write(`GET /up HTTP/1.1\r\n${host}\r\n`);
    await new Promise((resolve) => socket.once('close', resolve));
    assert.deepEqual(statusesIn(text), [200], what);
    assert.doesNotMatch(text, /\r\n0\r\n\r\n$/, what);
    assert.equal(upstream.heads(), 1, what);
    await shop.edge.stop({ timeoutMs: 0 });
  }
});

test('bytes behind an answer are nobody else’s answer', async (t) => {
  const { shop, upstream } = await around(t, (head) =>
    head.includes('/up/first') ? `${ok}HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison` : ok,
  );
  const first = await exchangeRaw(shop.port, `GET /up/first HTTP/1.1\r\n${host}Connection: close\r\n\r\n`);
  const second = await exchangeRaw(shop.port, `GET /up/second HTTP/1.1\r\n${host}Connection: close\r\n\r\n`);
  assert.deepEqual(statusesIn(first + second), [200, 200]);
  assert.doesNotMatch(first + second, /poison/);
  assert.equal(upstream.received.length, 2);
});

test('an answer to HEAD, and a 304, have no body whatever they say, and the next answer is the next one’s', async (t) => {
  const { shop, upstream } = await around(t, (head) =>
    head.startsWith('HEAD')
      ? 'HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n'
      : head.includes('If-None-Match')
        ? 'HTTP/1.1 304 Not Modified\r\nContent-Length: 50\r\n\r\n'
        : ok,
  );
  const answer = await exchangeRaw(
    shop.port,
    `HEAD /up HTTP/1.1\r\n${host}\r\nGET /up HTTP/1.1\r\n${host}If-None-Match: "a"\r\n\r\nGET /up HTTP/1.1\r\n${host}Connection: close\r\n\r\n`,
  );
  assert.deepEqual(statusesIn(answer), [200, 304, 200]);
  assert.match(answer, /\r\n\r\nok$/);
  assert.equal(upstream.heads(), 3);
});
