import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { insideUrls, otherSchemes, startCanary } from '@banyan/test-support/inside-urls';
// Relative imports: no test may depend on real name servers, and what a message of a stranger's store says of its data is not for callers to write.
import { createCallbacks } from '../src/callback.ts';
import { checkOutClaim } from '../src/claim-check.ts';

const event = {
  specversion: '1.0',
  id: 'e-1',
  source: '/orders',
  type: 'orders.OrderPlaced.v1',
  data: {},
} as const;

const deliverTo = (url: string, options: Parameters<typeof createCallbacks>[0]) =>
  createCallbacks(options).deliver({ url, event: event as never }, AbortSignal.timeout(5_000));

const refused = { code: 'permission_denied', reason: 'callback_refused' };

test('a callback URL that leads inside is refused however it is written, also where every host is allowed', async (t) => {
  const canary = await startCanary(t);
  for (const url of [...insideUrls(canary.port), ...otherSchemes])
    await assert.rejects(deliverTo(url, { allow: ['*', '*.example.com'] }), refused, url);
  assert.equal(canary.touched, 0);
});

test('a callback to a name that leads inside is refused, whichever addresses it has beside', async (t) => {
  const canary = await startCanary(t);
  const inside = [
    '127.0.0.1',
    '10.0.0.1',
    '169.254.169.254',
    '::1',
    '::ffff:127.0.0.1',
    'fd00::1',
    '0.0.0.0',
  ];
  const toResolved = (address: string) => ({ address, family: address.includes(':') ? 6 : 4 });
  for (const address of inside) {
    for (const addresses of [[address], ['93.184.216.34', address], [address, '2606:2800:220:1::1']]) {
      const resolve = async () => addresses.map(toResolved);
      for (const scheme of ['http', 'https'])
        await assert.rejects(
          deliverTo(`${scheme}://hooks.example.com:${canary.port}/`, {
            allow: ['hooks.example.com'],
            resolve,
          }),
          refused,
          addresses.join(),
        );
    }
  }
  assert.equal(canary.touched, 0);
});

test('a name is looked up once: what it leads to afterwards makes no difference', async (t) => {
  const canary = await startCanary(t);
  let lookups = 0;
  // Documentation addresses answer nothing; the second one is where an attacker wants to get.
  const resolve = async () => {
    lookups += 1;
    return [{ address: lookups === 1 ? '93.184.216.34' : '127.0.0.1', family: 4 }];
  };
  const callbacks = createCallbacks({ allow: ['hooks.example.com'], resolve });
  const url = `http://hooks.example.com:${canary.port}/`;
  await assert.rejects(callbacks.deliver({ url, event: event as never }, AbortSignal.timeout(300)));
  assert.deepEqual([lookups, canary.touched], [1, 0]);
});

test('an address that is allowed is reached, and where it redirects to is not', async (t) => {
  const canary = await startCanary(t);
  let asked = 0;
  const receiver = createServer((request, response) => {
    asked += 1;
    request.resume().on('end', () => {
      response.writeHead(307, { location: `http://127.0.0.1:${canary.port}/` }).end();
    });
  });
  receiver.listen(0, '127.0.0.1');
  await once(receiver, 'listening');
  t.after(() => receiver.close());
  const { port } = receiver.address() as AddressInfo;
  await assert.rejects(deliverTo(`http://127.0.0.1:${port}/`, { allow: ['127.0.0.1'] }), {
    reason: 'callback_rejected',
  });
  assert.deepEqual([asked, canary.touched], [1, 0]);
  await deliverTo(`http://127.0.0.1:${canary.port}/`, { allow: ['127.0.0.1'] });
  assert.equal(canary.touched, 1);
});

test('data that an event says to be elsewhere is looked for in the own store and nowhere else', async (t) => {
  const canary = await startCanary(t);
  const claims = { get: async () => undefined };
  for (const dataref of [...insideUrls(canary.port), ...otherSchemes])
    await assert.rejects(
      checkOutClaim({ claims } as never, { ...event, dataref } as never),
      { reason: 'claim_expired' },
      dataref,
    );
  assert.equal(canary.touched, 0);
});
