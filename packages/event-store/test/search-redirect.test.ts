import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { createElasticsearch } from '@banyan/event-store';
import { startCanary } from '@banyan/test-support/inside-urls';

test('a search server that redirects is not followed: the configured address is the only one that is asked', async (t) => {
  const canary = await startCanary(t);
  for (const status of [301, 302, 303, 307, 308]) {
    const server = createServer((request, response) => {
      request.resume();
      response.writeHead(status, { location: `http://127.0.0.1:${canary.port}/` }).end();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => {
      server.closeAllConnections();
      server.close();
    });
    const { port } = server.address() as AddressInfo;
    const engine = createElasticsearch({ url: `http://127.0.0.1:${port}` });
    await assert.rejects(engine.liveVersion('orders'), { reason: 'search_unavailable' }, String(status));
  }
  assert.equal(canary.touched, 0);
});
