import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openSchemas, unlimitedBodies, wrongRoles } from '@banyan/test-support/owasp';
import { startTestSystem } from '@banyan/testing';
import system from '../system.ts';

test('every route of interactions is open as it says, takes what its contract names and no body without end', async (t) => {
  const { publicUrl = '' } = await startTestSystem(t, system);
  const api = { system, url: publicUrl, roles: {} };
  assert.deepEqual(openSchemas(system), []);
  assert.deepEqual(await wrongRoles(api), []);
  assert.deepEqual(await unlimitedBodies(api), []);
});
