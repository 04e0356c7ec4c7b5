import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openSchemas, unlimitedBodies, wrongRoles } from '@banyan/test-support/owasp';
import { noRedis, startRedis } from '@banyan/test-support/redis';
import { startTestSystem } from '@banyan/testing';
import system from '../stage-4/system.ts';
import { Visitor } from './fixtures/visitor.ts';

test('every route of the book shop lets in exactly whom it names, takes what its contract names and no body without end', {
  skip: noRedis,
}, async (t) => {
  const redis = await startRedis();
  t.after(() => redis.stop());
  const { publicUrl = '' } = await startTestSystem(t, system, { environment: { AUTH_REDIS_URL: redis.url } });
  const visitor = new Visitor(publicUrl);
  await visitor.register('foo', 'bar');
  await visitor.logIn();
  const cookie = [...visitor.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
  const headers = { cookie, origin: new URL(publicUrl).origin, 'sec-fetch-site': 'same-origin' };
  const api = { system, url: publicUrl, roles: { reader: headers } };
  assert.deepEqual(openSchemas(system), []);
  // Signing out ends the session that the others need, so it comes last.
  assert.equal((system.gateway?.routes ?? []).filter(({ operation }) => operation === 'logOut').length, 1);
  assert.deepEqual(await unlimitedBodies(api), []);
  assert.deepEqual(await wrongRoles(api), []);
});
