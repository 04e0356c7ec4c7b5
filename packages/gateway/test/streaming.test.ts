import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { text as readText } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { test } from 'node:test';
import { createHeldClock } from './support/held-clock.ts';
import { exchangeRaw, openRaw, runShop, until } from './support/running-shop.ts';

const size = 30 * 1_048_576;
const chunkSize = 65_536;
/** Far below the 30 MB that travel: room for garbage that was not yet collected. */
const maxGrowth = 16 * 1_048_576;

function externalBytes(): number {
  const { arrayBuffers, external } = process.memoryUsage();
  return arrayBuffers + external;
}

async function* chunks(onChunk: (sent: number) => void): AsyncGenerator<Uint8Array> {
  for (let sent = 0; sent < size; sent += chunkSize) {
    onChunk(sent);
    yield Buffer.alloc(chunkSize, sent / chunkSize);
  }
}

/** Resolves when `value` has risen and then stayed the same for a while. */
async function untilStill(value: () => number): Promise<void> {
  let before = 0;
  let sameFor = 0;
  await until(() => {
    sameFor = value() === before ? sameFor + 1 : 0;
    before = value();
    return before > 0 && sameFor > 10;
  }, 'it is held back');
}

test('streams an upload at the pace of the service, without holding it', async (t) => {
  const gate = Promise.withResolvers<void>();
  let read = 0;
  const shop = await runShop(t, {
    handlers: {
      uploadPicture: async (_input: never, _context, upload) => {
        await gate.promise;
        for await (const chunk of upload?.body ?? []) read += chunk.byteLength;
        return { pictureId: 'p-1', bytes: read, type: upload?.contentType };
      },
    },
  });
  const before = externalBytes();
  const sending = request(`${shop.url}/pictures`, {
    method: 'POST',
    headers: { 'content-type': 'image/png' },
  });
  const answered = once(sending, 'response') as Promise<[IncomingMessage]>;
  let sent = 0;
  const written = pipeline(
    chunks((soFar) => {
      sent = soFar;
    }),
    sending,
  );
  await until(() => shop.contexts.length === 1, 'the call has begun');
  // The service reads nothing, so the client must come to a halt.
  await untilStill(() => sent);
  assert(sent < size / 2, `${sent} bytes were taken in although nobody reads`);
  assert(externalBytes() - before < maxGrowth, `${externalBytes() - before} bytes more`);
  gate.resolve();
  const [answer] = await answered;
  assert.deepEqual(JSON.parse(await readText(answer)), { pictureId: 'p-1', bytes: size, type: 'image/png' });
  await written;
});

test('streams a download at the pace of a slow reader, with flat memory', async (t) => {
  let produced = 0;
  const shop = await runShop(t, {
    handlers: {
      getPicture: () => ({
        contentType: 'image/png',
        length: size,
        body: chunks((sent) => {
          produced = sent;
        }),
      }),
    },
  });
  const before = externalBytes();
  const asked = request(`${shop.url}/pictures/1`);
  asked.end();
  const [answer] = (await once(asked, 'response')) as [IncomingMessage];
  answer.pause();
  await untilStill(() => produced);
  assert(produced < size / 2, `${produced} bytes were produced although nobody reads`);
  assert(externalBytes() - before < maxGrowth, `${externalBytes() - before} bytes more`);
  let received = 0;
  for await (const chunk of answer) received += (chunk as Buffer).length;
  assert.equal(received, size);
  assert.equal(answer.headers['content-length'], String(size));
});

test('a download carries its validator and its own caching, and 304 for it', async (t) => {
  const { url } = await runShop(t, {
    handlers: {
      getPicture: () => ({
        contentType: 'image/png',
        body: Buffer.from('x'),
        etag: 'v1',
        cacheControl: 'private, max-age=60',
      }),
    },
  });
  const first = await fetch(`${url}/pictures/1`);
  assert.equal(first.headers.get('etag'), '"v1"');
  assert.equal(first.headers.get('cache-control'), 'private, max-age=60');
  const again = await fetch(`${url}/pictures/1`, { headers: { 'if-none-match': '"v1"' } });
  assert.equal(again.status, 304);
  const head = await fetch(`${url}/pictures/1`, { method: 'HEAD' });
  assert.equal(head.headers.get('content-length'), '1');
  assert.equal(await head.text(), '');
});

test('a download that fails half-way is cut off, not passed off as whole', async (t) => {
  const shop = await runShop(t, {
    handlers: {
      getPicture: () => ({
        contentType: 'image/png',
        body: (async function* () {
          yield Buffer.from('half');
          throw new Error('disk');
        })(),
      }),
    },
  });
  const raw = await exchangeRaw(shop.port, 'GET /pictures/1 HTTP/1.1\r\nHost: a\r\n\r\n');
  assert.doesNotMatch(raw, /\r\n0\r\n\r\n$/);
  assert.doesNotMatch(raw, /disk/);
  await until(() => shop.log.some((line) => line.fields['cutOff'] === true), 'it is logged');
});

test('stops the service when the downloading client goes away', async (t) => {
  let ended = false;
  const shop = await runShop(t, {
    handlers: {
      getPicture: () => ({
        contentType: 'image/png',
        body: (async function* () {
          try {
            yield* chunks(() => undefined);
          } finally {
            ended = true;
          }
        })(),
      }),
    },
  });
  const socket = openRaw(shop.port);
  socket.write('GET /pictures/1 HTTP/1.1\r\nHost: a\r\n\r\n');
  await once(socket, 'data');
  socket.destroy();
  await until(() => ended, 'the source is closed');
});

test('refuses uploads by type and size with an answer that arrives, and the connection lives on', async (t) => {
  const { port, url } = await runShop(t);
  const post = (headers: Record<string, string>, body: Uint8Array<ArrayBuffer>) =>
    fetch(`${url}/pictures`, { method: 'POST', headers, body });
  assert.equal((await post({ 'content-type': 'text/html' }, Buffer.alloc(5_000_000))).status, 415);
  assert.equal((await post({ 'content-type': 'image/png' }, Buffer.alloc(33 * 1_048_576))).status, 413);
  const raw = await exchangeRaw(
    port,
    'POST /pictures HTTP/1.1\r\nHost: a\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\n<html',
    'GET /products HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
  );
  assert.deepEqual(
    [...raw.matchAll(/HTTP\/1\.1 (\d+)/g)].map((match) => match[1]),
    ['415', '200'],
  );
});

test('a refused body without end is cut off', async (t) => {
  const { port } = await runShop(t);
  const socket = openRaw(port);
  socket.resume();
  socket.write('POST /nothing HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n');
  const chunk = Buffer.concat([Buffer.from('100000\r\n'), Buffer.alloc(0x100000, 97), Buffer.from('\r\n')]);
  let megabytes = 0;
  const closed = new Promise((resolve) => socket.once('close', resolve));
  while (!socket.destroyed && megabytes < 1_000) {
    megabytes += 1;
    if (!socket.write(chunk))
      await Promise.race([new Promise((resolve) => socket.once('drain', resolve)), closed]);
  }
  await closed;
  assert(megabytes >= 60 && megabytes < 1_000, `${megabytes} MB were taken`);
});

test('lets go of a client that has stopped reading', async (t) => {
  const { clock, runOut } = createHeldClock(1_000);
  const shop = await runShop(t, {
    edge: { clock },
    gateway: { limits: { stalledAfterMs: 100 } },
    handlers: { getPicture: () => ({ contentType: 'image/png', body: chunks(() => undefined) }) },
  });
  const socket = openRaw(shop.port);
  socket.write('GET /pictures/1 HTTP/1.1\r\nHost: a\r\n\r\n');
  await once(socket, 'readable');
  const looking = setInterval(runOut, 10);
  t.after(() => clearInterval(looking));
  await until(() => shop.log.some((line) => line.fields['cutOff'] === true), 'the gateway has given up');
  socket.destroy();
});
