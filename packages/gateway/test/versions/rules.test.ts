import assert from 'node:assert/strict';
import { test } from 'node:test';
import { service, system } from '@banyan/chassis';
import { createMemoryDocumentStore } from '@banyan/config/testing';
import { contract, operation } from '@banyan/contract';
import { createTrafficAdmin, expose, gateway, type TrafficAdmin } from '@banyan/gateway';
import { startTestSystem, type TestSystem } from '@banyan/testing';
import { z } from 'zod';
import { cameras, camerasOne, camerasTwo, one, two } from '../support/cameras.ts';
import { everything, runShop } from '../support/running-shop.ts';
import { countVersions, versionAt, withinFiveSeconds } from '../support/traffic.ts';

const reason = { by: 'ada', why: 'test' };

function adminOf({ documents }: Pick<TestSystem, 'documents'>): TrafficAdmin {
  return createTrafficAdmin({ documents, routes: cameras.gateway?.routes ?? [] });
}

test('the link moves requests to another version and back, the next request obeys', async (t) => {
  const running = await startTestSystem(t, cameras);
  const admin = adminOf(running);
  const url = `${running.publicUrl}/cameras/7`;
  assert.equal(await versionAt(url), '1.0.0');
  await admin.link('cameras', '2', reason);
  assert.equal(await versionAt(url), '2.0.0');
  assert.equal(await versionAt(url, { 'api-version': '1' }), '1.0.0');
  await admin.link('cameras', '1.0.0', reason);
  assert.equal(await versionAt(url), '1.0.0');
  assert.equal(await versionAt(url, { 'api-version': '2' }), '2.0.0');
});

test('a request that is under way when the link moves is finished by the version that has it', async (t) => {
  const entered = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  const slow = service(camerasOne, {
    operations: {
      async getCamera({ id }) {
        entered.resolve();
        await goOn.promise;
        return { id, model: 'slow' };
      },
      addCamera: async () => ({ id: 'new' }),
    },
  });
  const running = await startTestSystem(t, { ...cameras, services: [slow, two] });
  const underWay = fetch(`${running.publicUrl}/cameras/7`);
  await entered.promise;
  await adminOf(running).link('cameras', '2', reason);
  assert.equal(await versionAt(`${running.publicUrl}/cameras/7`), '2.0.0');
  goOn.resolve();
  const answer = await underWay;
  assert.equal(answer.headers.get('api-version'), '1.0.0');
  assert.deepEqual(await answer.json(), { id: '7', model: 'slow' });
});

test('weights spread the requests that ask for no version', async (t) => {
  const running = await startTestSystem(t, cameras);
  const admin = adminOf(running);
  const url = `${running.publicUrl}/cameras/7`;
  await admin.weigh(
    'cameras',
    [
      { version: '1', weight: 3 },
      { version: '2', weight: 1 },
    ],
    reason,
  );
  const { '2.0.0': second = 0, '1.0.0': first = 0 } = await countVersions(url, 400);
  // 100 of 400 are expected, with a standard deviation of 8.7: six of them on either side.
  assert.ok(second > 48 && second < 152, `${second} of 400`);
  assert.equal(first + second, 400);
  await admin.weigh(
    'cameras',
    [
      { version: '1', weight: 0 },
      { version: '2', weight: 1 },
    ],
    reason,
  );
  assert.deepEqual(await countVersions(url, 50), { '2.0.0': 50 });
  assert.equal(await versionAt(url, { 'api-version': '1' }), '1.0.0');
});

test('by chance a request goes only to versions that have its operation', async (t) => {
  const running = await startTestSystem(t, cameras);
  await adminOf(running).weigh(
    'cameras',
    [
      { version: '1', weight: 1 },
      { version: '2', weight: 1 },
    ],
    reason,
  );
  assert.deepEqual(await countVersions(`${running.publicUrl}/lenses`, 50), { '2.0.0': 50 });
});

test('sticky weights give a client the same version each time', async (t) => {
  const defined = system('sticky-cameras', {
    services: [one, two],
    gateway: gateway({
      trustedProxies: ['127.0.0.1'],
      expose: [expose(camerasOne, { getCamera: 'anyone' }), expose(camerasTwo, { getCamera: 'anyone' })],
    }),
  });
  const running = await startTestSystem(t, defined);
  await adminOf(running).weigh(
    'cameras',
    [
      { version: '1', weight: 1 },
      { version: '2', weight: 1 },
    ],
    { ...reason, sticky: true },
  );
  const url = `${running.publicUrl}/cameras/7`;
  const versions = new Set<string>();
  for (let client = 1; client <= 20; client += 1) {
    const counts = await countVersions(url, 5, () => ({ 'x-forwarded-for': `192.0.2.${client}` }));
    assert.deepEqual(Object.values(counts), [5]);
    versions.add(Object.keys(counts)[0] ?? '');
  }
  assert.deepEqual([...versions].sort(), ['1.0.0', '2.0.0']);
});

test('a header or a cookie sends a request to a version, the first match wins', async (t) => {
  const running = await startTestSystem(t, cameras);
  await adminOf(running).set(
    'cameras',
    {
      current: '1',
      matches: [
        { header: { name: 'X-Beta', value: 'no' }, to: { version: '1' } },
        {
          header: { name: 'X-Beta', value: 'yes' },
          cookie: { name: 'group', value: 'b' },
          to: { version: '2' },
        },
        { cookie: { name: 'tester', value: '1' }, to: { version: '2' } },
      ],
    },
    reason,
  );
  const url = `${running.publicUrl}/cameras/7`;
  for (const [headers, version] of [
    [{}, '1.0.0'],
    [{ 'x-beta': 'yes' }, '1.0.0'],
    [{ 'x-beta': 'yes', cookie: 'a=1; group=b' }, '2.0.0'],
    [{ cookie: 'group=b' }, '1.0.0'],
    [{ cookie: 'tester=1' }, '2.0.0'],
    [{ cookie: 'tester=11' }, '1.0.0'],
    [{ cookie: 'tester=1', 'x-beta': 'no' }, '1.0.0'],
    [{ cookie: 'tester=1', 'api-version': '1' }, '1.0.0'],
  ] as const) {
    assert.deepEqual([headers, await versionAt(url, headers)], [headers, version]);
  }
});

test('rules that move to and fro under load fail no request', async (t) => {
  const placement = [['gateway'], ['cameras'], ['cameras-v2']];
  const running = await startTestSystem(t, cameras, { placement, harsh: false });
  const admin = adminOf(running);
  const url = `${running.publicUrl}/cameras/7`;
  const seen = new Map<string, number>();
  let isOver = false;
  const client = async () => {
    while (!isOver) {
      const version = await versionAt(url);
      seen.set(version, (seen.get(version) ?? 0) + 1);
    }
  };
  const clients = Array.from({ length: 8 }, client);
  const enough = async (version: string) => {
    const before = seen.get(version) ?? 0;
    await withinFiveSeconds(`50 answers of ${version}`, async () => (seen.get(version) ?? 0) >= before + 50);
  };
  for (let turn = 0; turn < 5; turn += 1) {
    await admin.link('cameras', '2', reason);
    await enough('2.0.0');
    await admin.link('cameras', '1', reason);
    await enough('1.0.0');
  }
  isOver = true;
  // An answer other than 200 rejects.
  await Promise.all(clients);
  assert.equal((await admin.rules()).version, 10);
});

test('every gateway obeys within five seconds, and one that starts later at once', async (t) => {
  const placement = [
    ['gateway', 'cameras'],
    ['gateway', 'cameras-v2'],
  ];
  const running = await startTestSystem(t, cameras, { placement });
  const admin = adminOf(running);
  assert.equal(running.publicUrls.length, 2);
  const [first, second] = running.publicUrls.map((url) => `${url}/cameras/7`);
  await admin.link('cameras', '2', reason);
  assert.equal(await versionAt(first ?? ''), '2.0.0');
  await withinFiveSeconds('the second gateway', async () => (await versionAt(second ?? '')) === '2.0.0');
  await running.addHost(['gateway']);
  assert.equal(await versionAt(`${running.publicUrls[2]}/cameras/7`), '2.0.0');
});

test('a labelled instance gets nothing but what rules send to its label', async (t) => {
  const placement = [['gateway'], ['cameras'], ['cameras-v2']];
  const running = await startTestSystem(t, cameras, { placement, harsh: false });
  const canary = await running.addHost(['cameras'], { label: 'canary' });
  t.after(() => canary.stop());
  const admin = adminOf(running);
  const url = `${running.publicUrl}/cameras/7`;
  const [, stable] = running.hosts;
  await admin.weigh('cameras', [{ label: 'canary', weight: 1 }], reason);
  await stable?.stop();
  assert.deepEqual(await countVersions(url, 20), { '1.0.0': 20 });
  await admin.clear('cameras', reason);
  const response = await fetch(url, { signal: AbortSignal.timeout(500) }).catch(() => undefined);
  assert.notEqual(response?.status, 200);
});

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

test('a rule for users holds for who is signed in, on open operations too', async (t) => {
  const documents = createMemoryDocumentStore().open();
  const shop = await runShop(t, { edge: { documents } });
  const { routes } = gateway({
    expose: [everything],
    userTokens: { issuer: 'a', audience: 'a', keys: [everything.contract, 'publicKeys'] },
  });
  const matches = [
    { users: ['ada', 'eve'], to: { version: `${everything.contract.version.split('.')[0]}.99.0` } },
  ];
  await createTrafficAdmin({ documents, routes }).set('shop', { matches }, reason);
  const asked = async (path: string, user?: string) => {
    const headers = user === undefined ? {} : { authorization: `Bearer ${await shop.token(user)}` };
    const response = await fetch(shop.url + path, { headers });
    await response.arrayBuffer();
    return response.headers.get('api-version');
  };
  const usual = everything.contract.version;
  const theirs = matches[0]?.to.version;
  assert.deepEqual(
    [await asked('/orders/1', 'ada'), await asked('/orders/1', 'bob'), await asked('/orders/1')],
    [theirs, usual, usual],
  );
  assert.deepEqual(
    [await asked('/products', 'eve'), await asked('/products', 'bob'), await asked('/products')],
    [theirs, usual, usual],
  );
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
