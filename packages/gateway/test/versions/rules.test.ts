import assert from 'node:assert/strict';
import { test } from 'node:test';
import { service, system } from '@banyan/chassis';
import { createMemoryDocumentStore } from '@banyan/config/testing';
import { createTrafficAdmin, expose, gateway } from '@banyan/gateway';
import { startTestSystem } from '@banyan/testing';
import { cameras, camerasOne, camerasTwo, one, two } from '../support/cameras.ts';
import { everything, runShop } from '../support/running-shop.ts';
import { countVersions, versionAt, withinFiveSeconds } from '../support/traffic.ts';
import { adminOf, reason } from '../support/traffic-admin.ts';

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
