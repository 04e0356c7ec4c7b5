import assert from 'node:assert/strict';
import { after, afterEach, before, mock, test } from 'node:test';
import type { Sql } from '@banyan/banyan';
import { oauthService } from '@banyan/identity';
import type { Adapter } from 'oidc-provider';
// The library's own store, which is not exported: the yardstick of the suite.
// @ts-expect-error it has no types
import { createMemoryAdapter } from 'oidc-provider/lib/adapters/memory_adapter.js';
import { handleHash } from '../src/keys/handle.ts';
import { createKeyRing, generateSecret } from '../src/keys/key-ring.ts';
// Inner parts: the store is no public interface, but it has a contract of its own with the library.
import { createAdapter } from '../src/oauth/adapter.ts';
import { createRecordStore, type RecordStore } from '../src/oauth/record-store.ts';
import { describeOAuthAdapter } from './fixtures/oauth-adapter-suite.ts';
import { startOAuth } from './fixtures/oauth-system.ts';
import { reloadWatched } from './fixtures/watched-database.ts';

const memory = createMemoryAdapter(0) as (kind: string) => Adapter;
describeOAuthAdapter('the library’s own', () => ({
  of: memory,
  async pass(seconds) {
    mock.timers.enable({ apis: ['Date'], now: Date.now() });
    mock.timers.tick(seconds * 1_000);
  },
}));

const cleaning: (() => unknown)[] = [];
let sql: Sql;
let records: RecordStore;
const ended: string[] = [];
before(async () => {
  const identity = await startOAuth({ after: (cleanUp) => cleaning.push(cleanUp) });
  sql = await reloadWatched(identity, oauthService);
  records = createRecordStore({
    sql,
    ring: createKeyRing([generateSecret()]),
    onGrantsEnd: async (marks) => void ended.push(...marks),
  });
});
afterEach(() => mock.timers.reset());
after(async () => {
  for (const cleanUp of cleaning.reverse()) await cleanUp();
});

describeOAuthAdapter('ours', () => ({
  of: (kind) => createAdapter(kind, () => records),
  async pass(seconds) {
    await sql`update records set expires_at = expires_at - make_interval(secs => ${seconds})`;
  },
}));

test('ours: of several who consume one code at the same time one may, and the grant is over', async () => {
  const [codes, grants] = ['AuthorizationCode', 'Grant'].map((kind) => createAdapter(kind, () => records));
  await grants?.upsert('the grant', { jti: 'the grant' }, 60);
  await codes?.upsert('the code', { jti: 'the code', grantId: 'the grant' }, 60);
  const tries = await Promise.allSettled([1, 2, 3, 4, 5].map(async () => codes?.consume('the code')));
  assert.equal(tries.filter(({ status }) => status === 'fulfilled').length, 1);
  assert.deepEqual([...new Set(ended)], [handleHash('the grant')]);
  assert.equal(await grants?.find('the grant'), undefined);
  assert.equal(await codes?.find('the code'), undefined);
});

test('ours: a code that comes twice ends its grant even when nobody can be told', async () => {
  const cutOff = createRecordStore({
    sql,
    ring: createKeyRing([generateSecret()]),
    onGrantsEnd: () => Promise.reject(new Error('sessions cannot be reached')),
  });
  await cutOff.upsert('Grant', 'lonely grant', { jti: 'lonely grant' }, 60);
  await cutOff.upsert('RefreshToken', 'its token', { jti: 'its token', grantId: 'lonely grant' }, 60);
  await cutOff.upsert('AuthorizationCode', 'its code', { jti: 'its code', grantId: 'lonely grant' }, 60);
  assert.equal(await cutOff.consume('AuthorizationCode', 'its code'), true);
  await assert.rejects(cutOff.consume('AuthorizationCode', 'its code'), /cannot be reached/);
  assert.equal(await cutOff.find('Grant', 'lonely grant'), undefined);
  assert.equal(await cutOff.find('RefreshToken', 'its token'), undefined);
});

test('ours: whoever reads the database has no code, token or session that works, and cannot move a row', async () => {
  const tokens = createAdapter('RefreshToken', () => records);
  await tokens.upsert(
    'a secret token',
    { jti: 'a secret token', grantId: 'a secret grant', scope: 'plain words' },
    60,
  );
  await tokens.upsert('another token', { jti: 'another token' }, 60);
  const rows = JSON.stringify(await sql`select * from records`);
  for (const secret of ['a secret token', 'a secret grant', 'plain words'])
    assert.ok(!rows.includes(secret), secret);
  await sql`
    update records set sealed = (select sealed from records where id_hash = ${handleHash('another token')})
    where id_hash = ${handleHash('a secret token')}`;
  const found = await Promise.allSettled(['a secret token', 'another token'].map((id) => tokens.find(id)));
  assert.equal(found.filter(({ status }) => status === 'rejected').length, 1);
});
