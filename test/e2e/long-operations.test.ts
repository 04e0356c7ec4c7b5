import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type LongStatus, longResult } from '@banyan/banyan';
import { startTestSystem } from '@banyan/testing';
import studioSystem, { authorizationOf, studio } from './fixtures/studio.ts';

const placements = {
  'in one process': [['studio', 'hurried', 'identity', 'customer', 'gateway']],
  split: [['gateway', 'customer'], ['studio'], ['hurried', 'identity']],
};

for (const [name, placement] of Object.entries(placements)) {
  test(`a long operation over HTTP, ${name}`, async (t) => {
    const system = await startTestSystem(t, studioSystem, { placement });
    const url = system.publicUrl ?? '';
    const ask = async (
      method: string,
      path: string,
      given: { body?: object; headers?: Readonly<Record<string, string>>; as?: string },
    ) => {
      const { body, headers, as = 'ada' } = given;
      const response = await fetch(`${url}${path}`, {
        method,
        headers: {
          authorization: await authorizationOf(as),
          ...(body && { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body && { body: JSON.stringify(body) }),
      });
      return { response, status: (await response.json()) as LongStatus<{ imported: string[] }> };
    };
    const begin = async (photos: string[], headers: Readonly<Record<string, string>> = {}, as = 'ada') => {
      const { response, status } = await ask('POST', '/imports', { body: { photos }, headers, as });
      assert.equal(response.status, 202);
      return { location: response.headers.get('location') ?? '', response, status };
    };
    const release = (operationId: string) => ask('POST', '/releases', { body: { operationId } });
    const waiting = { headers: { prefer: 'wait=20' } };

    await t.test(
      'it answers 202 with a link that tells how far it is, and in the end what came of it',
      async () => {
        const { location, response, status } = await begin(['a', 'b']);
        assert.equal(location, `/imports/operations/${status.operationId}`);
        assert.equal(response.headers.get('retry-after'), '1');
        assert.equal(status.state, 'running');
        for (;;) {
          const found = await ask('GET', location, {});
          assert.equal(found.response.headers.get('retry-after'), '1');
          if (found.status.text === undefined) continue;
          assert.deepEqual([found.status.state, found.status.text], ['running', 'a is in']);
          assert.equal(found.status.progress, 1 / 3);
          break;
        }
        await release(status.operationId);
        const done = await ask('GET', location, waiting);
        assert.equal(done.response.status, 200);
        assert.equal(done.response.headers.get('retry-after'), null);
        assert.deepEqual(done.status.result, { imported: ['a', 'b'] });
        assert.deepEqual([done.status.state, done.status.progress], ['succeeded', 1]);
        assert.ok(Date.parse(done.status.keptUntil ?? '') > Date.now() + 6 * 86_400_000);
      },
    );

    await t.test('it is there for whoever started it, and for nobody else', async () => {
      const { location } = await begin(['a']);
      assert.equal((await ask('GET', location, { as: 'mallory' })).response.status, 404);
      assert.equal((await ask('DELETE', location, { as: 'mallory' })).response.status, 404);
      assert.equal((await fetch(`${url}${location}`)).status, 401);
      assert.equal((await ask('GET', '/imports/operations/nonsense', {})).response.status, 404);
      assert.equal((await ask('GET', location, {})).status.state, 'running');
    });

    await t.test('the same idempotency key is the same operation, for each user', async () => {
      const key = { 'idempotency-key': `key ${name}` };
      const begun = await Promise.all([begin(['a'], key), begin(['a'], key), begin(['a'], key)]);
      const [first] = begun;
      assert.deepEqual(new Set(begun.map(({ location }) => location)), new Set([first?.location]));
      assert.notEqual((await begin(['a'], key, 'ben')).location, first?.location);
    });

    await t.test('it is cancelled by DELETE, as often as one likes', async () => {
      const { location } = await begin(['a']);
      assert.match((await ask('DELETE', location, {})).status.state, /^cancell/);
      const { status } = await ask('GET', location, waiting);
      assert.deepEqual([status.state, status.error?.reason], ['cancelled', 'durable_cancelled']);
      assert.equal((await ask('DELETE', location, {})).status.state, 'cancelled');
    });

    await t.test('a refusal on the way is in the status, as problem details', async () => {
      const { location, status } = await begin(['a', 'broken']);
      await release(status.operationId);
      const { status: ended } = await ask('GET', location, waiting);
      assert.equal(ended.state, 'failed');
      assert.deepEqual([ended.error?.reason, ended.error?.details], ['brokenPhoto', { photo: 'broken' }]);
    });

    await t.test('it expires, and a service may say itself what is started and who may look', async () => {
      const { response, status } = await ask('POST', '/hurried-imports', { body: { photos: ['a'] } });
      assert.equal(response.status, 202);
      const location = response.headers.get('location') ?? '';
      const { status: ended } = await ask('GET', location, { ...waiting, as: 'ben' });
      assert.deepEqual([ended.operationId, ended.state], [status.operationId, 'expired']);
      assert.ok(ended.deadlineAt !== undefined);
      const refused = await ask('POST', '/hurried-imports', { body: { photos: ['a', 'b', 'c'] } });
      assert.equal(refused.response.status, 409);
    });

    await t.test('callers within the system get the same, typed, and wait for what comes of it', async () => {
      const client = system.client(studio, { service: 'customer', timeoutMs: 30_000 });
      const started = await client.importPhotos({ photos: ['a', 'b'] });
      await client.release({ operationId: started.operationId });
      const { imported } = await longResult(client.importPhotosStatus, started, { timeoutMs: 20_000 });
      assert.deepEqual(imported, ['a', 'b']);
      const other = await client.importPhotos({ photos: ['a'] });
      await assert.rejects(longResult(client.importPhotosStatus, other, { timeoutMs: 1 }), {
        reason: 'operation_pending',
      });
      await client.cancelImportPhotos({ operationId: other.operationId });
      await assert.rejects(longResult(client.importPhotosStatus, other, { timeoutMs: 20_000 }), {
        reason: 'durable_cancelled',
      });
    });

    await t.test('its document says what it answers with', async () => {
      const document = (await (await fetch(`${url}/openapi.json`)).json()) as {
        paths: Record<string, Record<string, { responses: Record<string, { headers?: object }> }>>;
      };
      const started = document.paths['/imports']?.['post']?.responses['202'];
      assert.deepEqual(Object.keys(started?.headers ?? {}), ['Location', 'Retry-After']);
      const path = document.paths['/imports/operations/{operationId}'] ?? {};
      assert.deepEqual(Object.keys(path).sort(), ['delete', 'get']);
    });

    if (placement.length === 1) return;

    await t.test('it survives the restart of its service', async () => {
      const { location, status } = await begin(['a', 'b']);
      await system.hosts[1]?.stop();
      await system.addHost(['studio']);
      await release(status.operationId);
      const { status: ended } = await ask('GET', location, waiting);
      assert.deepEqual([ended.state, ended.result], ['succeeded', { imported: ['a', 'b'] }]);
    });
  });
}
