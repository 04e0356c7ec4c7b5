import assert from 'node:assert/strict';
import { test } from 'node:test';
import { service, system } from '@banyan/chassis';
import { createMemoryDocumentStore } from '@banyan/config/testing';
import { contract, operation } from '@banyan/contract';
import { createTrafficAdmin, expose, gateway } from '@banyan/gateway';
import { startTestSystem } from '@banyan/testing';
import { z } from 'zod';
import { camerasOne, one } from '../support/cameras.ts';
import { everything, runShop } from '../support/running-shop.ts';
import { countVersions } from '../support/traffic.ts';
import { reason } from '../support/traffic-admin.ts';

test('a route is taken off and put on while the gateway runs, also one that is off at first', async (t) => {
  const defined = system('switched-cameras', {
    services: [one],
    gateway: gateway({
      expose: [
        expose(camerasOne, { getCamera: 'anyone', addCamera: { access: 'anyone', initially: 'off' } }),
      ],
    }),
  });
  const running = await startTestSystem(t, defined);
  const admin = createTrafficAdmin({ documents: running.documents, routes: defined.gateway?.routes ?? [] });
  const standing = async () => {
    const got = await fetch(`${running.publicUrl}/cameras/7`);
    const body = JSON.stringify({ model: 'x' });
    const headers = { 'content-type': 'application/json' };
    const added = await fetch(`${running.publicUrl}/cameras`, { method: 'POST', headers, body });
    await Promise.all([got.arrayBuffer(), added.arrayBuffer()]);
    return [got.status, added.status];
  };
  assert.deepEqual(await standing(), [200, 404]);
  await admin.switchRoute('cameras.getCamera', 'off', reason);
  assert.deepEqual(await standing(), [404, 404]);
  await admin.switchRoute('cameras.addCamera', 'on', reason);
  assert.deepEqual(await standing(), [404, 201]);
  await running.addHost(['gateway']);
  assert.equal((await fetch(`${running.publicUrls[1]}/cameras/7`)).status, 404);
  await admin.switchRoute('cameras.getCamera', 'on', reason);
  assert.deepEqual(await standing(), [200, 201]);
});

test('each version of a route is off or on by its own name and policy', async (t) => {
  const Id = z.object({ id: z.string() });
  const showCamera = operation('GET /cameras/:id', { input: Id, output: Id });
  const next = contract('cameras', { version: '3.0.0', operations: { showCamera } });
  const three = service(next, { name: 'cameras-v3', operations: { showCamera: async ({ id }) => ({ id }) } });
  const defined = system('renamed-cameras', {
    services: [one, three],
    gateway: gateway({
      expose: [
        expose(camerasOne, { getCamera: 'anyone' }),
        expose(next, { showCamera: { access: 'anyone', initially: 'off' } }),
      ],
    }),
  });
  const running = await startTestSystem(t, defined);
  const admin = createTrafficAdmin({ documents: running.documents, routes: defined.gateway?.routes ?? [] });
  const url = `${running.publicUrl}/cameras/7`;
  const ask = async (version: string) => {
    const answer = await fetch(url, { headers: { 'api-version': version } });
    const { reason, details } = (await answer.json()) as { reason?: string; details?: object };
    return [answer.status, reason, details];
  };
  const answered = [200, undefined, undefined];
  const onlyIn = (version: string) => [404, 'unknown_version', { versions: [version] }];
  assert.deepEqual([await ask('1'), await ask('3')], [answered, onlyIn('1.0.0')]);
  await admin.weigh(
    'cameras',
    [
      { version: '1', weight: 1 },
      { version: '3', weight: 1 },
    ],
    reason,
  );
  assert.deepEqual(await countVersions(url, 50), { '1.0.0': 50 });
  await admin.switchRoute('cameras.showCamera', 'on', reason);
  assert.deepEqual([await ask('1'), await ask('3')], [answered, answered]);
  await admin.switchRoute('cameras.getCamera', 'off', reason);
  assert.deepEqual([await ask('1'), await ask('3')], [onlyIn('3.0.0'), answered]);
  await admin.switchRoute('cameras.showCamera', 'off', reason);
  const gone = [404, 'route_not_found', undefined];
  assert.deepEqual([await ask('1'), await ask('3'), await ask('9')], [gone, gone, gone]);
});

test('a route that is off is in no document, no Allow and no preflight, and back in them when it is on', async (t) => {
  const documents = createMemoryDocumentStore().open();
  const origin = 'https://app.example';
  const shop = await runShop(t, { edge: { documents }, gateway: { cors: { origins: [origin] } } });
  const { routes } = gateway({
    expose: [everything],
    userTokens: { issuer: 'a', audience: 'a', keys: [everything.contract, 'publicKeys'] },
  });
  const admin = createTrafficAdmin({ documents, routes });
  const seen = async () => {
    const { paths } = (await (await fetch(`${shop.url}/openapi.json`)).json()) as { readonly paths: object };
    const page = await (await fetch(`${shop.url}/docs`)).text();
    const headers = { origin, 'access-control-request-method': 'GET' };
    const asked = await fetch(`${shop.url}/products`, { method: 'OPTIONS', headers });
    const refused = await fetch(`${shop.url}/products`, { method: 'PUT' });
    const order = await fetch(`${shop.url}/orders/7`, { method: 'OPTIONS' });
    return {
      documented: Object.hasOwn(paths, '/products'),
      shown: page.includes('/products'),
      asked: [asked.status, asked.headers.get('allow'), asked.headers.get('access-control-allow-methods')],
      refused: [refused.status, refused.headers.get('allow')],
      order: order.headers.get('allow'),
    };
  };
  const on = await seen();
  assert.deepEqual(on, {
    documented: true,
    shown: true,
    asked: [204, 'GET, HEAD, OPTIONS', 'GET, HEAD'],
    refused: [405, 'GET, HEAD, OPTIONS'],
    order: 'DELETE, GET, HEAD, OPTIONS',
  });
  await admin.switchRoute('shop.listProducts', 'off', reason);
  await admin.switchRoute('shop.getOrder', 'off', reason);
  assert.deepEqual(await seen(), {
    documented: false,
    shown: false,
    asked: [404, null, null],
    refused: [404, null],
    order: 'DELETE, OPTIONS',
  });
  await admin.switchRoute('shop.listProducts', 'on', reason);
  await admin.switchRoute('shop.getOrder', 'on', reason);
  assert.deepEqual(await seen(), on);
});
