import assert from 'node:assert/strict';
import { once } from 'node:events';
import { constants } from 'node:http2';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { connect } from 'node:tls';
import { forward } from '@banyan/gateway';
import { type LogLine, until } from './support/running-shop.ts';
import { openSession, runSecureShop, trust } from './support/secure-shop.ts';
import { runUpstream } from './support/upstream.ts';

function requestLines(log: readonly LogLine[]): readonly LogLine['fields'][] {
  return log.filter(({ message }) => message === 'request').map(({ fields }) => fields);
}

test('the log tells of a request over HTTP/2 what it tells over HTTP/1.1: status and bytes', async (t) => {
  const old = await runUpstream(t, (_incoming, response) => response.end('x'.repeat(100_000)));
  const shop = await runSecureShop(t, {
    gateway: { forward: [forward('/old', { to: old.url, access: 'anyone' })] },
  });
  const session = openSession(t, shop.url);
  const sizes: number[] = [];
  for (const path of ['/products', '/nothing', '/old']) {
    const stream = session.request({ ':path': path });
    sizes.push(Buffer.byteLength(await text(stream)));
  }
  const picture = session.request({ ':path': '/pictures/1' });
  sizes.push(Buffer.byteLength(await text(picture)));
  session.request({ ':method': 'HEAD', ':path': '/products' }).resume();
  sizes.push(0);
  await until(() => requestLines(shop.log).length === 5, 'all are logged');
  assert.deepEqual(
    requestLines(shop.log).map(({ status, bytes, cutOff }) => [status, bytes, cutOff]),
    [200, 404, 200, 200, 200].map((status, index) => [status, sizes[index], undefined]),
  );
});

test('the log says 499 for a client of HTTP/2 that did not wait, and that an answer was cut off', async (t) => {
  const shop = await runSecureShop(t, {
    handlers: {
      slowOrder: () => new Promise(() => undefined),
      getPicture: () => ({
        contentType: 'image/png',
        body: (async function* () {
          for (let chunk = 0; chunk < 1_000; chunk += 1) yield Buffer.alloc(65_536);
        })(),
      }),
    },
  });
  const session = openSession(t, shop.url);
  for (const code of [
    constants.NGHTTP2_CANCEL,
    constants.NGHTTP2_NO_ERROR,
    constants.NGHTTP2_INTERNAL_ERROR,
  ]) {
    const waiting = session.request({ ':path': '/slow' });
    waiting.on('error', () => undefined);
    const calls = shop.contexts.length;
    await until(() => shop.contexts.length > calls, 'it is asked');
    waiting.close(code);
  }
  await until(() => requestLines(shop.log).length === 3, 'they are logged');
  assert.deepEqual(
    requestLines(shop.log).map(({ status, bytes }) => [status, bytes]),
    [
      [499, 0],
      [499, 0],
      [499, 0],
    ],
  );
  const reading = session.request({ ':path': '/pictures/1' });
  reading.on('error', () => undefined);
  await once(reading, 'data');
  reading.close(constants.NGHTTP2_CANCEL);
  await until(() => requestLines(shop.log).length === 4, 'it is logged');
  const { status, cutOff } = requestLines(shop.log).at(-1) ?? {};
  assert.deepEqual([status, cutOff], [200, true]);
});

for (const [name, code] of Object.entries({
  NO_ERROR: constants.NGHTTP2_NO_ERROR,
  INTERNAL_ERROR: constants.NGHTTP2_INTERNAL_ERROR,
  REFUSED_STREAM: constants.NGHTTP2_REFUSED_STREAM,
})) {
  test(`who takes back requests with ${name} is shown out like who cancels them`, async (t) => {
    const shop = await runSecureShop(t, { handlers: { slowOrder: () => new Promise(() => undefined) } });
    const session = openSession(t, shop.url);
    await once(session, 'connect');
    let said: number | undefined;
    session.on('goaway', (errorCode) => {
      said = errorCode;
    });
    // Slowly enough for the limit of the library, 33 a second, not to be the one that acts.
    for (let opened = 1; said === undefined && opened <= 400; opened += 1) {
      const stream = session.request({ ':path': '/slow' });
      stream.on('error', () => undefined);
      const calls = shop.contexts.length;
      await until(() => shop.contexts.length > calls || said !== undefined, 'it is asked');
      stream.close(code);
      await until(() => requestLines(shop.log).length >= opened || said !== undefined, 'it is logged');
    }
    assert.equal(said, constants.NGHTTP2_ENHANCE_YOUR_CALM);
    const count = requestLines(shop.log).length;
    assert(count >= 200 && count <= 202, `${count} requests`);
  });
}

/** One frame of HTTP/2 (RFC 9113, 4.1). */
function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** `GET /slow` in HPACK, with a body of 5 bytes to come. */
const slowRequest = Buffer.concat(
  ['\x82\x87\x41\x01a', '\x44\x05/slow', '\x5c\x015'].map((field) => Buffer.from(field, 'latin1')),
);

test('who makes the gateway reset their requests is shown out as if they had done it themselves', async (t) => {
  const shop = await runSecureShop(t, { handlers: { slowOrder: () => new Promise(() => undefined) } });
  const socket = connect({ port: shop.port, host: '127.0.0.1', ALPNProtocols: ['h2'], ...trust });
  t.after(() => socket.destroy());
  socket.on('error', () => undefined);
  await once(socket, 'secureConnect');
  let ended = false;
  socket.resume().on('close', () => {
    ended = true;
  });
  socket.write(
    Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame(4, 0, 0, Buffer.alloc(0))]),
  );
  for (let index = 0; index < 400 && !ended; index += 1) {
    const stream = 2 * index + 1;
    const calls = shop.contexts.length;
    socket.write(frame(1, 4, stream, slowRequest));
    await until(() => shop.contexts.length > calls || ended, 'it is asked');
    // It ends with fewer bytes than it said (RFC 9113, 8.1.1), so the other side has to reset it.
    socket.write(frame(0, 1, stream, Buffer.from('x')));
    await until(() => requestLines(shop.log).length > index || ended, 'it is over');
  }
  await until(() => ended, 'it is shown out');
  // Node's own limit of invalid frames, 100, is the first that acts.
  const count = shop.contexts.length;
  assert(count >= 100 && count <= 202, `${count} calls were made`);
});
