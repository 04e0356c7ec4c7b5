import assert from 'node:assert/strict';
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { type TestContext, test } from 'node:test';
import { binary, contract, type Download, operation } from '@banyan/contract';
import { ServiceError } from '@banyan/core';
import { untilPasses } from '@banyan/core/testing';
import { acceptsType, parseJson, readJsonBody, uploadOf, writeProblem, writeResult } from '@banyan/rpc';
import { z } from 'zod';

type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

async function serve(t: TestContext, handler: Handler): Promise<{ url: string; port: number }> {
  const server = createServer((request, response) => {
    handler(request, response).catch((error) => writeProblem(response, error, 'a'.repeat(32)));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, port };
}

const echo: Handler = async (request, response) => {
  const body = await readJsonBody(request, { maxBytes: 1_000, maxDepth: 5 });
  response.end(JSON.stringify({ body: body === undefined ? 'none' : body }));
};

function post(
  url: string,
  body: string | Uint8Array<ArrayBuffer>,
  headers: Record<string, string> = {},
): Promise<Response> {
  return fetch(url, { method: 'POST', body, headers: { 'content-type': 'application/json', ...headers } });
}

async function problemOf(response: Response): Promise<{ status: number; reason: string; code: string }> {
  assert.equal(response.headers.get('content-type'), 'application/problem+json');
  return (await response.json()) as never;
}

test('a JSON body is read, and none is told from an empty object', async (t) => {
  const { url } = await serve(t, echo);
  assert.deepEqual(await (await post(url, '{"a":"ü🙂"}')).json(), { body: { a: 'ü🙂' } });
  assert.deepEqual(await (await fetch(url, { method: 'POST' })).json(), { body: 'none' });
  const charset = { 'content-type': 'Application/JSON; charset=UTF-8' };
  assert.deepEqual(await (await post(url, '[]', charset)).json(), { body: [] });
});

test('bodies that are no acceptable JSON are refused, each for its reason', async (t) => {
  const { url } = await serve(t, echo);
  const attempts: [string, number, () => Promise<Response>][] = [
    ['malformed_json', 400, () => post(url, '{')],
    ['malformed_json', 400, () => post(url, '{"a":1}x')],
    ['malformed_json', 400, () => post(url, new Uint8Array([0x22, 0xff, 0x22]))],
    ['malformed_json', 400, () => post(url, '\u0000')],
    ['nested_too_deeply', 400, () => post(url, '['.repeat(6) + ']'.repeat(6))],
    ['nested_too_deeply', 400, () => post(url, '['.repeat(900))],
    ['body_too_large', 413, () => post(url, JSON.stringify('x'.repeat(1_000)))],
    ['unsupported_media_type', 415, () => post(url, '{}', { 'content-type': 'text/plain' })],
    ['unsupported_media_type', 415, () => post(url, '{}', { 'content-type': 'application/jsonp' })],
    [
      'unsupported_media_type',
      415,
      () => post(url, '{}', { 'content-type': 'application/json; charset=latin1' }),
    ],
    ['unsupported_media_type', 415, () => post(url, '{}', { 'content-encoding': 'gzip' })],
  ];
  for (const [reason, status, attempt] of attempts) {
    const response = await attempt();
    assert.equal(response.status, status, reason);
    assert.equal((await problemOf(response)).reason, reason);
  }
});

test('a body of unannounced length is cut at the limit, and the connection answers the next request', async (t) => {
  const { port } = await serve(t, echo);
  const socket = connect(port, '127.0.0.1');
  t.after(() => socket.destroy());
  let received = '';
  socket.setEncoding('utf8').on('data', (text) => (received += text));
  const chunk = `3e8\r\n${'x'.repeat(1_000)}\r\n`;
  const head = 'POST / HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n';
  socket.write(`${head}transfer-encoding: chunked\r\n\r\n${chunk.repeat(50)}0\r\n\r\n`);
  socket.write(`${head}content-length: 2\r\n\r\n{}`);
  await untilPasses(() => assert.match(received, /body_too_large[\s\S]*"body":\{\}/));
});

test('brackets inside strings are no nesting', () => {
  const text = JSON.stringify({ a: '[[[[{{{{"\\'.repeat(100) });
  assert.deepEqual(parseJson(Buffer.from(text), 3), JSON.parse(text));
});

test('media types are compared without case and parameters', () => {
  assert.equal(acceptsType(['image/jpeg'], 'Image/JPEG; q=1'), true);
  assert.equal(acceptsType(['image/*'], 'image/webp'), true);
  assert.equal(acceptsType(['image/*'], 'imagery/webp'), false);
  assert.equal(acceptsType(['image/jpeg'], ''), false);
});

const pictures = contract('pictures', {
  version: '1.0.0',
  operations: {
    put: operation('POST /pictures', {
      input: z.object({}),
      output: z.object({ pictureId: z.string() }),
      location: '/pictures/{pictureId}',
      upload: binary({ types: ['image/png'], maxBytes: 10_000 }),
    }),
    get: operation('GET /picture', { input: z.object({}), output: binary({ types: ['image/png'] }) }),
    remove: operation('DELETE /picture', { input: z.object({}), output: z.object({}), status: 204 }),
  },
}).operations;

test('an upload streams in, and what the client announces or sends beyond its limit is refused', async (t) => {
  let bytes = 0;
  const { url } = await serve(t, async (request, response) => {
    const upload = uploadOf(request, pictures.put.upload ?? assert.fail());
    for await (const chunk of upload.body) bytes += chunk.byteLength;
    await writeResult(response, pictures.put, { pictureId: `${bytes}` });
  });
  const send = (body: RequestInit['body'], type = 'image/png') =>
    fetch(url, { method: 'POST', body, headers: { 'content-type': type }, duplex: 'half' } as RequestInit);
  const good = await send(new Uint8Array(10_000));
  assert.equal(good.status, 201);
  assert.equal(good.headers.get('location'), '/pictures/10000');
  assert.equal((await problemOf(await send(new Uint8Array(10_001)))).reason, 'body_too_large');
  const endless = new ReadableStream({
    pull(controller) {
      controller.enqueue(new Uint8Array(5_000));
      sent += 1;
      if (sent === 40) controller.close();
    },
  });
  let sent = 0;
  assert.equal((await problemOf(await send(endless))).reason, 'body_too_large');
  assert.equal(
    (await problemOf(await send(new Uint8Array(1), 'text/html'))).reason,
    'unsupported_media_type',
  );
  assert.equal((await problemOf(await fetch(url))).reason, 'missing_upload');
});

test('a handler that does not read its upload still answers, and the connection stays usable', async (t) => {
  const { port } = await serve(t, (_, response) =>
    Promise.resolve(writeResult(response, pictures.remove, {})),
  );
  const socket = connect(port, '127.0.0.1');
  t.after(() => socket.destroy());
  let received = '';
  socket.setEncoding('utf8').on('data', (text) => (received += text));
  const body = 'x'.repeat(1_000_000);
  const whole = `POST / HTTP/1.1\r\nhost: a\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
  socket.write(whole + whole);
  await untilPasses(() => assert.equal(received.match(/204 No Content/g)?.length, 2));
});

test('a download carries its validators, and a matching validator saves the body', async (t) => {
  let closed = 0;
  const { url } = await serve(t, async (_, response) => {
    const body = (async function* () {
      try {
        yield Buffer.from('ab');
        yield Buffer.from('cd');
      } finally {
        closed += 1;
      }
    })();
    const download: Download = {
      contentType: 'image/png',
      length: 4,
      etag: 'v1',
      fileName: 'Bäume "1".png',
      body,
    };
    await writeResult(response, pictures.get, download);
  });
  const first = await fetch(url);
  assert.equal(await first.text(), 'abcd');
  assert.equal(first.headers.get('etag'), '"v1"');
  assert.equal(first.headers.get('cache-control'), 'no-store');
  assert.equal(first.headers.get('content-length'), '4');
  assert.equal(
    first.headers.get('content-disposition'),
    `inline; filename="B_ume _1_.png"; filename*=UTF-8''B%C3%A4ume%20%221%22.png`,
  );
  assert.equal(closed, 1);
  for (const validator of ['"v1"', 'W/"v1"', '"v0", "v1"', '*']) {
    const again = await fetch(url, { headers: { 'if-none-match': validator } });
    assert.equal(again.status, 304, validator);
    assert.equal(again.headers.get('etag'), '"v1"');
    assert.equal(again.headers.get('content-type'), null);
  }
  assert.equal((await fetch(url, { headers: { 'if-none-match': '"v2"' } })).status, 200);
  const head = await fetch(url, { method: 'HEAD' });
  assert.equal(head.headers.get('content-length'), '4');
  assert.equal(await head.text(), '');
});

test('a download waits for a slow reader, and stops when the reader leaves', async (t) => {
  let produced = 0;
  let closed = false;
  const { url } = await serve(t, async (_, response) => {
    const body = (async function* () {
      try {
        for (;;) {
          produced += 65_536;
          yield new Uint8Array(65_536);
        }
      } finally {
        closed = true;
      }
    })();
    await writeResult(response, pictures.get, { contentType: 'image/png', body });
  });
  const response = await new Promise<IncomingMessage>((resolve) =>
    httpRequest(url).on('response', resolve).end(),
  );
  let [before, quietLooks] = [0, 0];
  await untilPasses(() => {
    quietLooks = produced === before ? quietLooks + 1 : 0;
    before = produced;
    assert.ok(produced > 0 && quietLooks >= 20, `${produced} bytes are not the last ones`);
  });
  assert.ok(produced < 32 * 1024 * 1024, `${produced} bytes were produced for nobody`);
  response.destroy();
  await untilPasses(() => assert.ok(closed));
});

test('a download that fails or lies about its length is cut off, never taken for whole', async (t) => {
  const failures: unknown[] = [];
  const bodies: Record<string, () => AsyncGenerator<Uint8Array>> = {
    '/fails': async function* () {
      yield Buffer.from('ab');
      throw new Error('disk gone');
    },
    '/short': async function* () {
      yield Buffer.from('ab');
    },
    '/long': async function* () {
      yield Buffer.from('abcde');
    },
  };
  const { url } = await serve(t, async (request, response) => {
    const body = bodies[request.url ?? '']?.() ?? assert.fail();
    try {
      await writeResult(response, pictures.get, { contentType: 'image/png', length: 4, body });
    } catch (error) {
      failures.push(error);
    }
  });
  for (const path of Object.keys(bodies)) {
    await assert.rejects(async () => (await fetch(url + path)).text(), path);
  }
  assert.equal(failures.length, 3);
});

test('problem details carry what a client needs and nothing more', async (t) => {
  const { url } = await serve(t, async () => {
    throw new ServiceError('Slow down.', {
      code: 'resource_exhausted',
      reason: 'rate_limited',
      retryAfterMs: 1_500,
      cause: new Error('secret'),
    });
  });
  const response = await fetch(url);
  assert.equal(response.status, 429);
  assert.equal(response.headers.get('retry-after'), '2');
  assert.deepEqual(await response.json(), {
    type: 'urn:problem:rate_limited',
    title: 'Rate limited',
    status: 429,
    detail: 'Slow down.',
    code: 'resource_exhausted',
    reason: 'rate_limited',
    retryAfterMs: 1_500,
    traceId: 'a'.repeat(32),
  });
});
