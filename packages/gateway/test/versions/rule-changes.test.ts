import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMemoryDocumentStore } from '@banyan/config/testing';
import { createTrafficAdmin, gateway } from '@banyan/gateway';
import { startTestSystem } from '@banyan/testing';
import { cameras } from '../support/cameras.ts';
import { everything, runShop } from '../support/running-shop.ts';
import { versionAt } from '../support/traffic.ts';
import { adminOf, reason } from '../support/traffic-admin.ts';

test('a rule that contradicts what is exposed or running is refused, and changes nothing', async (t) => {
  const running = await startTestSystem(t, cameras, { processes: true });
  const { documents } = running;
  const admin = createTrafficAdmin({
    documents,
    routes: cameras.gateway?.routes ?? [],
    instances: async () => [
      {
        id: 'a',
        service: 'cameras',
        url: 'http://127.0.0.1:1',
        version: '1.0.0',
        startedAt: '2026-01-01T00:00:00Z',
      },
    ],
  });
  await admin.link('cameras', '1', reason);
  const before = await admin.rules();
  const weights = (...all: object[]) => admin.weigh('cameras', all as never, reason);
  for (const [change, why] of [
    [() => admin.link('cameras', '3', reason), /'cameras' 3 is not exposed.* 1\.0\.0, 2\.0\.0/],
    [
      () => admin.link('cameras', '2', reason),
      /no instance of 'cameras' runs that would answer for 2; there are 1\.0\.0/,
    ],
    [() => admin.link('cameras', 'latest', reason), /cameras\.current is a version/],
    [() => admin.link('lenses', '1', reason), /no operation of 'lenses' is exposed/],
    [() => weights({ version: '1', weight: -1 }), /weights\[0\]\.weight is a whole number/],
    [() => weights({ version: '1', weight: 0 }), /has a weight above 0/],
    [() => weights({ weight: 1 }), /names a 'version', a 'label' or both/],
    [() => weights({ label: 'canary', weight: 1 }), /answer for @canary/],
    [() => admin.set('cameras', { current: '1', weights: [] } as never, reason), /not both/],
    [
      () => admin.set('cameras', { matches: [{ to: { version: '1' } }] }, reason),
      /names a 'header', a 'cookie' or 'users'/,
    ],
    [() => admin.set('cameras', { curent: '1' } as never, reason), /cameras\.curent is unknown/],
    [() => admin.switchRoute('cameras.remove', 'off', reason), /'cameras\.remove' is not exposed/],
    [() => admin.revert(7, reason), /no version 7/],
    [() => admin.clear('lenses', reason), /no rule for 'lenses'/],
  ] as const) {
    await assert.rejects(change, { code: 'invalid_argument', reason: 'invalid_traffic_rules', message: why });
  }
  await assert.rejects(admin.link('cameras', '1', { by: 'ada', why: '' }), { reason: 'invalid_document' });
  assert.deepEqual(await admin.rules(), before);
});

test('who changed what and why is kept, and an earlier version comes back', async (t) => {
  const running = await startTestSystem(t, cameras);
  const admin = adminOf(running);
  await admin.link('cameras', '2', { by: 'ada', why: 'release' });
  await admin.clear('cameras', { by: 'bob', why: 'too slow' });
  await admin.revert(1, { by: 'ada', why: 'mended' });
  assert.equal(await versionAt(`${running.publicUrl}/cameras/7`), '2.0.0');
  const lines = (await admin.history()).map(({ version, by, why }) => `${version} ${by} ${why}`);
  assert.deepEqual(lines, ['3 ada mended', '2 bob too slow', '1 ada release']);
  await admin.revert(0, reason);
  assert.equal(await versionAt(`${running.publicUrl}/cameras/7`), '1.0.0');
});

test('of two who change rules of different services at once, both are heard', async (t) => {
  const running = await startTestSystem(t, cameras);
  const admin = adminOf(running);
  await Promise.all([
    admin.link('cameras', '2', reason),
    admin.switchRoute('cameras.listLenses', 'off', reason),
    admin.switchRoute('cameras.addCamera', 'off', reason),
  ]);
  assert.deepEqual((await admin.rules()).rules, {
    services: { cameras: { current: '2' } },
    routes: { 'cameras.listLenses': 'off', 'cameras.addCamera': 'off' },
  });
});

test('while the store is away rules stay in force and changes are refused, and afterwards they are made again', async (t) => {
  const store = createMemoryDocumentStore();
  const [operator, served] = [store.open(), store.open()];
  const shop = await runShop(t, { edge: { documents: served } });
  const { routes } = gateway({
    expose: [everything],
    userTokens: { issuer: 'a', audience: 'a', keys: [everything.contract, 'publicKeys'] },
  });
  const admin = createTrafficAdmin({ documents: operator, routes });
  const status = async () => (await fetch(`${shop.url}/products?limit=1`)).status;
  assert.equal(await status(), 200);
  await admin.switchRoute('shop.listProducts', 'off', reason);
  assert.equal(await status(), 404);
  store.setReachable(false);
  await assert.rejects(admin.switchRoute('shop.listProducts', 'on', reason), {
    reason: 'documents_unavailable',
  });
  assert.equal(await status(), 404);
  store.setReachable(true);
  await admin.switchRoute('shop.listProducts', 'on', reason);
  assert.equal(await status(), 200);
});

test('a gateway that starts while the rules cannot be reached serves nothing before it knows them', async (t) => {
  const store = createMemoryDocumentStore();
  const { routes } = gateway({
    expose: [everything],
    userTokens: { issuer: 'a', audience: 'a', keys: [everything.contract, 'publicKeys'] },
  });
  await createTrafficAdmin({ documents: store.open(), routes }).switchRoute(
    'shop.listProducts',
    'off',
    reason,
  );
  store.setReachable(false);
  const starting = runShop(t, { edge: { documents: store.open() } });
  let hasStarted = false;
  void starting.then(() => {
    hasStarted = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(hasStarted, false);
  store.setReachable(true);
  const shop = await starting;
  assert.equal((await fetch(`${shop.url}/products?limit=1`)).status, 404);
});
