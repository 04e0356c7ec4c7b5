import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createUserTokenSigner, generateUserKey } from '@banyan/banyan';
import { openSchemas, unlimitedBodies, wrongRoles } from '@banyan/test-support/owasp';
import { startTestSystem } from '@banyan/testing';
import system from '../system.ts';

test('every route of orders lets in exactly whom it names, takes what its contract names and no body without end', async (t) => {
  const privateJwk = await generateUserKey();
  const signer = createUserTokenSigner({
    issuer: 'orders-staff',
    audience: 'orders',
    privateJwk,
    lifetimeS: 600,
  });
  const { keys } = await signer.jwks();
  const { publicUrl = '' } = await startTestSystem(t, system, {
    environment: { ORDER_STAFF_KEYS: JSON.stringify(keys) },
  });
  const { token } = await signer.sign({ id: 'olga', scopes: [] });
  const api = { system, url: publicUrl, roles: { staff: { authorization: `Bearer ${token}` } } };
  assert.deepEqual(openSchemas(system), []);
  assert.deepEqual(await wrongRoles(api), []);
  assert.deepEqual(await unlimitedBodies(api), []);
});
