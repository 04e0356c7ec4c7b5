import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import type { Exchange } from '../src/exchange.ts';
// An inner part: at the front door nobody sees when bytes wait in the gateway, which is the moment that counts.
import { parseResponseHead } from '../src/upstreams/response-head.ts';
import { createResponseWriter } from '../src/upstreams/response-writer.ts';
import { openRaw, readToEnd } from './support/running-shop.ts';

test('a client that half-closes while a body of known length waits for it gets what waits, and is nothing unreadable', async (t) => {
  const [asked, unreadable] = [Promise.withResolvers<ServerResponse>(), [] as Error[]];
  const server = createServer((_request, response) => asked.resolve(response)).listen(0, '127.0.0.1');
  server.on('clientError', (error, socket) => {
    unreadable.push(error);
    socket.destroy();
  });
  t.after(() => server.close());
  await once(server, 'listening');
  const client = openRaw((server.address() as AddressInfo).port);
  client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  const response = await asked.promise;
  const { socket } = response;
  assert.ok(socket);
  const writer = createResponseWriter(
    { response, headers: () => [] } as unknown as Exchange,
    () => undefined,
  );
  const head = parseResponseHead('HTTP/1.1 200 OK\r\ncontent-length: 1000000000', 'GET');
  assert.ok(typeof head === 'object');
  writer.begin(head);
  let sent = 0;
  const send = () => {
    writer.write(Buffer.alloc(1_000, 'a'));
    sent += 1_000;
  };
  // Nobody reads: first the operating system takes it all, then it waits here.
  while (sent < 2_000 || socket.writableLength === 0) {
    send();
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal(writer.isFull, false);
  const expected = sent;
  client.end();
  await once(socket, 'end');
  send();
  const answer = await readToEnd(client);
  assert.equal(answer.length - (answer.indexOf('\r\n\r\n') + 4), expected);
  assert.deepEqual(unreadable, []);
});
