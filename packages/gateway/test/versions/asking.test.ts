import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startTestSystem } from '@banyan/testing';
import { cameras } from '../support/cameras.ts';

interface Answer {
  readonly status: number;
  readonly version: string | null;
  readonly body: unknown;
}

async function get(url: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
  const response = await fetch(url, { headers });
  return {
    status: response.status,
    version: response.headers.get('api-version'),
    body: await response.json(),
  };
}

const first = { status: 200, version: '1.0.0', body: { id: '7', model: '001' } };
const second = { status: 200, version: '2.0.0', body: { cameraId: '7' } };

test('versions are reached by header, path and query, and the lowest one answers who asks for none', async (t) => {
  const parts = ['gateway', 'cameras', 'cameras-v2'];
  for (const placement of [[parts], parts.map((part) => [part])]) {
    const { publicUrl = '', stop } = await startTestSystem(t, cameras, { placement });
    assert.deepEqual(await get(`${publicUrl}/cameras/7`), first);
    for (const [asked, expected] of [
      ['1', first],
      ['1.0', first],
      ['1.0.0', first],
      ['2', second],
      ['2.0.0', second],
    ] as const) {
      assert.deepEqual(await get(`${publicUrl}/cameras/7`, { 'api-version': asked }), expected);
      assert.deepEqual(await get(`${publicUrl}/v${asked}/cameras/7`), expected);
      assert.deepEqual(await get(`${publicUrl}/cameras/7?api-version=${asked}`), expected);
    }
    assert.deepEqual((await get(`${publicUrl}/v2/cameras/7?lens=50mm&api-version=2`)).body, {
      cameraId: '7',
      lens: '50mm',
    });
    assert.deepEqual((await get(`${publicUrl}/v2/lenses`)).body, { lenses: 3 });
    await stop();
  }
});

test('a version that there is not, or that lacks the operation, is refused with those that there are', async (t) => {
  const { publicUrl = '' } = await startTestSystem(t, cameras);
  const versions = ['1.0.0', '2.0.0'];
  for (const asked of ['3', '1.1', '2.0.1', '10', 'latest', '1, 2', '']) {
    const { status, body } = await get(`${publicUrl}/cameras/7`, { 'api-version': asked });
    const { reason, details } = body as { reason: string; details: { versions: string[] } };
    assert.deepEqual([asked, status, reason], [asked, 404, 'unknown_version']);
    if (/^\d/.test(asked) && !asked.includes(',')) assert.deepEqual(details.versions, versions);
  }
  for (const path of ['/v3/cameras/7', '/cameras/7?api-version=3', '/lenses', '/v1/lenses']) {
    const { status, body } = await get(publicUrl + path);
    assert.deepEqual([path, status, (body as { reason: string }).reason], [path, 404, 'unknown_version']);
  }
  assert.equal((await get(`${publicUrl}/vx/cameras/7`)).status, 404);
});

test('asking for different versions at once is refused, for the same one twice is not', async (t) => {
  const { publicUrl = '' } = await startTestSystem(t, cameras);
  for (const [path, header] of [
    ['/v1/cameras/7', '2'],
    ['/cameras/7?api-version=1', '2'],
    ['/cameras/7?api-version=1&api-version=2', '1'],
    ['/v2/cameras/7?api-version=1', '2'],
  ] as const) {
    const { status, body } = await get(publicUrl + path, { 'api-version': header });
    assert.deepEqual([path, status, (body as { reason: string }).reason], [path, 400, 'version_conflict']);
  }
  assert.deepEqual(
    await get(`${publicUrl}/v2/cameras/7?api-version=2.0`, { 'api-version': '2.0.0' }),
    second,
  );
});

test('only operations are reached below a version, and what they create is named below it', async (t) => {
  const { publicUrl = '' } = await startTestSystem(t, cameras);
  for (const path of ['/v1/openapi.json', '/v1/health/ready', '/v1/v1/cameras/7', '/v1', '/v1/']) {
    assert.equal((await fetch(publicUrl + path)).status, 404, path);
  }
  const add = async (path: string) => {
    const body = JSON.stringify({ model: 'x' });
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(publicUrl + path, { method: 'POST', headers, body });
    await response.arrayBuffer();
    return [response.status, response.headers.get('location'), response.headers.get('vary')];
  };
  assert.deepEqual(await add('/cameras'), [201, '/cameras/new', 'api-version']);
  assert.deepEqual(await add('/v2/cameras'), [201, '/v2/cameras/new', 'api-version']);
});

test('the documents show every version and say which one is the default', async (t) => {
  const { publicUrl = '' } = await startTestSystem(t, cameras);
  const document = (await get(`${publicUrl}/openapi.json`)).body as {
    info: { description: string };
    paths: Record<
      string,
      Record<string, { operationId: string; parameters: { name: string; schema: unknown }[] }>
    >;
  };
  assert.deepEqual(Object.keys(document.paths).sort(), [
    '/cameras',
    '/cameras/{id}',
    '/v2/cameras',
    '/v2/cameras/{cameraId}',
    '/v2/lenses',
  ]);
  assert.equal(document.paths['/v2/lenses']?.['get']?.operationId, 'cameras.listLensesV2');
  const asked = document.paths['/cameras/{id}']?.['get']?.parameters.filter(
    ({ name }) => name === 'api-version',
  );
  assert.deepEqual(
    asked?.map(({ schema }) => schema),
    [
      { type: 'string', enum: ['1', '2'], default: '1' },
      { type: 'string', enum: ['1', '2'], default: '1' },
    ],
  );
  assert.match(document.info.description, /cameras: 1 \(default\), 2/);
  const page = await (await fetch(`${publicUrl}/docs`)).text();
  assert.match(page, /\/v2\/cameras\/:cameraId/);
});
