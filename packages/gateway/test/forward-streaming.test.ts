import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { type IncomingMessage, request, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { forward } from '@banyan/gateway';
import { openRaw, runShop, until } from './support/running-shop.ts';
import { runUpstream } from './support/upstream.ts';

test('streams 60 MB both ways at the pace of the slower side, with flat memory', async (t) => {
  // The system sizes the buffers of the two connections itself, and sometimes holds more than half of 30 MB in them.
  const size = 60 * 1_048_576;
  const gate = Promise.withResolvers<void>();
  const answer = async (incoming: IncomingMessage, response: ServerResponse) => {
    if (incoming.method === 'POST') {
      await gate.promise;
      let bytes = 0;
      for await (const chunk of incoming) bytes += (chunk as Buffer).length;
      response.end(String(bytes));
      return;
    }
    const chunk = Buffer.alloc(65_536, 'a');
    if (incoming.url?.endsWith('?known') === true) response.setHeader('content-length', size);
    for (let sent = 0; sent < size; sent += chunk.length) {
      produced = sent;
      if (!response.write(chunk)) await once(response, 'drain');
    }
    response.end();
  };
  const upstream = await runUpstream(t, (incoming, response) => void answer(incoming, response));
  let produced = 0;
  const { url } = await runShop(t, {
    gateway: { forward: [forward('/big', { to: upstream.url, access: 'anyone' })] },
  });
  const still = async (value: () => number) => {
    let before = -1;
    let sameFor = 0;
    await until(() => {
      sameFor = value() === before ? sameFor + 1 : 0;
      before = value();
      return before > 0 && sameFor > 20;
    }, 'it is held back');
  };
  // What nobody holds any more is not memory that the gateway needs.
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const external = () => {
    collect();
    return process.memoryUsage().arrayBuffers;
  };
  const atFirst = external();
  for (const headers of [{ 'content-length': String(size) }, {}] as readonly Record<string, string>[]) {
    const sending = request(`${url}/big`, { method: 'POST', headers });
    const answered = once(sending, 'response') as Promise<[IncomingMessage]>;
    let sent = 0;
    const writing = (async () => {
      for (; sent < size; sent += 65_536)
        if (!sending.write(Buffer.alloc(65_536))) await once(sending, 'drain');
      sending.end();
    })();
    if (headers['content-length'] !== undefined) {
      await still(() => sent);
      assert(sent < size / 2, `${sent} bytes were taken in although nobody reads`);
      assert(external() - atFirst < 16 * 1_048_576);
      gate.resolve();
    }
    const [answer] = await answered;
    assert.equal(await text(answer), String(size));
    await writing;
  }
  for (const length of ['known', 'unknown']) {
    produced = 0;
    const beforeDownload = external();
    const asked = request(`${url}/big?${length}`).end();
    const [download] = (await once(asked, 'response')) as [IncomingMessage];
    download.pause();
    await still(() => produced);
    assert(produced < size / 2, `${produced} bytes were produced although nobody reads`);
    assert(external() - beforeDownload < 16 * 1_048_576);
    let received = 0;
    for await (const chunk of download) received += (chunk as Buffer).length;
    assert.equal(received, size);
  }
});

test('many answers at once, of known length or not, arrive as they were sent, however slowly they are read', async (t) => {
  const size = 6 * 1_048_576;
  /** Every answer has bytes of its own, and no two places of one have the same. */
  const answerOf = (name: string) => {
    const words = new Uint32Array(size / 4);
    const seed = createHash('sha256').update(name).digest().readUInt32LE();
    for (let index = 0; index < words.length; index += 1) words[index] = seed ^ (index * 2_654_435_761);
    return Buffer.from(words.buffer);
  };
  const upstream = await runUpstream(t, (incoming, response) => {
    const bytes = answerOf(incoming.url ?? '');
    if (incoming.url?.endsWith('/known') === true) response.setHeader('content-length', size);
    const send = async () => {
      for (let at = 0; at < size && !response.destroyed; at += 100_000) {
        if (!response.write(bytes.subarray(at, at + 100_000))) await once(response, 'drain');
      }
      response.end();
    };
    void send();
  });
  const { url, port } = await runShop(t, {
    gateway: { forward: [forward('/big/*', { to: upstream.url, access: 'anyone' })] },
  });
  const digestOf = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
  const read = async (name: string, isSlow: boolean) => {
    const [answer] = (await once(request(`${url}${name}`).end(), 'response')) as [IncomingMessage];
    const hash = createHash('sha256');
    for await (const chunk of answer) {
      hash.update(chunk as Buffer);
      if (isSlow) await new Promise((resolve) => setImmediate(resolve));
    }
    assert.equal(hash.digest('hex'), digestOf(answerOf(name)), name);
  };
  const names = ['known', 'unknown'].flatMap((kind) => [1, 2, 3, 4].map((nth) => `/big/${nth}/${kind}`));
  await Promise.all(names.map((name, index) => read(name, index % 2 === 0)));

  // Two requests behind each other: the second answer waits for the first one.
  const both = ['/big/5/known', '/big/6/known'];
  const socket = openRaw(port);
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  for (const [index, path] of both.entries())
    socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\n${index === 1 ? 'Connection: close\r\n' : ''}\r\n`);
  await once(socket, 'close');
  let rest = Buffer.concat(chunks);
  for (const path of both) {
    const body = rest.subarray(rest.indexOf('\r\n\r\n') + 4);
    assert.equal(digestOf(body.subarray(0, size)), digestOf(answerOf(path)), path);
    rest = body.subarray(size);
  }
  assert.equal(rest.length, 0);
});

test('server-sent events pass one by one, and end when the gateway stops', async (t) => {
  const upstream = await runUpstream(t, (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.flushHeaders();
    events.push((text) => response.write(`data: ${text}\n\n`));
  });
  const events: ((text: string) => void)[] = [];
  const shop = await runShop(t, {
    gateway: { forward: [forward('/news', { to: upstream.url, access: 'anyone' })] },
  });
  const answer = await fetch(`${shop.url}/news`);
  assert.equal(answer.headers.get('content-type'), 'text/event-stream');
  const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
  for (const name of ['one', 'two']) {
    events[0]?.(name);
    assert.deepEqual(await reader?.read(), { done: false, value: `data: ${name}\n\n` });
  }
  const startedMs = performance.now();
  const stopped = shop.edge.stop({ timeoutMs: 60_000 });
  assert.deepEqual(await reader?.read(), { done: true, value: undefined });
  await stopped;
  assert(performance.now() - startedMs < 30_000);
});
