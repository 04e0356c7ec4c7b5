import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createUserTokenSigner, generateUserKey } from '@banyan/auth';
import { ServiceError } from '@banyan/core';
import { createManualClock } from '@banyan/core/testing';
import { type RunningShop, runShop } from './support/running-shop.ts';

async function ask(shop: RunningShop, path: string, authorization?: string) {
  const answer = await fetch(
    `${shop.url}${path}`,
    authorization === undefined ? {} : { headers: { authorization } },
  );
  const body = (await answer.json()) as { readonly reason?: string };
  return { status: answer.status, reason: body.reason, challenge: answer.headers.get('www-authenticate') };
}

test('lets a signed-in user in and tells the service who it is', async (t) => {
  const shop = await runShop(t);
  const token = await shop.token('ada', { scopes: ['a', 'b'] });
  assert.equal((await ask(shop, '/orders/1', `Bearer ${token}`)).status, 200);
  assert.equal((await ask(shop, '/orders/1', `bearer ${token}`)).status, 200);
  const [first, second] = shop.contexts;
  assert.deepEqual(first?.caller, { service: 'gateway', user: { id: 'ada', scopes: ['a', 'b'] } });
  assert.equal(first?.caller, second?.caller);
});

test('says what is missing or wrong about a token', async (t) => {
  const shop = await runShop(t);
  assert.deepEqual(await ask(shop, '/orders/1'), {
    status: 401,
    reason: 'missing_token',
    challenge: 'Bearer',
  });
  const invalid = { status: 401, reason: 'invalid_token', challenge: 'Bearer error="invalid_token"' };
  const privateJwk = await generateUserKey();
  const stranger = createUserTokenSigner({ issuer: 'shop', audience: 'shop', privateJwk });
  const { token: forged } = await stranger.sign({ id: 'ada', scopes: [] });
  const good = await shop.token();
  for (const authorization of [
    '',
    'Bearer',
    'Bearer ',
    'Basic YTpi',
    `Bearer ${good}, Bearer ${good}`,
    `Bearer ${good} x`,
    `Bearer ${good.slice(0, -4)}AAAA`,
    `Bearer ${forged}`,
    `Bearer ${'a'.repeat(9_000)}`,
    'Bearer eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0.eyJzdWIiOiJhZGEifQ.',
  ]) {
    assert.deepEqual(await ask(shop, '/orders/1', authorization), invalid, authorization.slice(0, 80));
  }
  assert.equal(shop.contexts.length, 0);
});

test('tells an expired token apart, so that the client can sign in again', async (t) => {
  const clock = createManualClock(Date.now());
  const shop = await runShop(t, { edge: { clock } });
  const authorization = `Bearer ${await shop.token('ada', { lifetimeS: 60 })}`;
  assert.equal((await ask(shop, '/orders/1', authorization)).status, 200);
  clock.advance(66_000);
  assert.deepEqual(await ask(shop, '/orders/1', authorization), {
    status: 401,
    reason: 'expired_token',
    challenge: 'Bearer error="invalid_token", error_description="expired"',
  });
});

test('asks for the scope that a policy names', async (t) => {
  const shop = await runShop(t);
  const without = await shop.token('ada', { scopes: ['reports', 'reports:read:all'] });
  assert.deepEqual(await ask(shop, '/report', `Bearer ${without}`), {
    status: 403,
    reason: 'insufficient_scope',
    challenge: 'Bearer error="insufficient_scope", scope="reports:read"',
  });
  assert.equal((await ask(shop, '/report')).reason, 'missing_token');
  const withScope = await shop.token('ada', { scopes: ['x', 'reports:read'] });
  assert.equal((await ask(shop, '/report', `Bearer ${withScope}`)).status, 200);
  assert.equal(shop.contexts.length, 1);
});

test('open routes do not look at tokens, so that a stale one does not lock anybody out', async (t) => {
  const shop = await runShop(t);
  assert.equal((await ask(shop, '/products', 'Bearer nonsense')).status, 200);
});

test('answers 503 while the keys cannot be had, and recovers', async (t) => {
  let down = true;
  const clock = createManualClock(Date.now());
  const privateJwk = await generateUserKey();
  const signer = createUserTokenSigner({ issuer: 'shop', audience: 'shop', privateJwk, clock });
  const shop = await runShop(t, {
    edge: { clock },
    handlers: {
      publicKeys: () => {
        if (down)
          throw new ServiceError('no host db-7', { code: 'unavailable', reason: 'connection_refused' });
        return signer.jwks();
      },
    },
  });
  const authorization = `Bearer ${(await signer.sign({ id: 'ada', scopes: [] })).token}`;
  const refused = await ask(shop, '/orders/1', authorization);
  assert.equal(refused.status, 503);
  assert.equal(refused.reason, 'signing_keys_unavailable');
  down = false;
  clock.advance(11_000);
  assert.equal((await ask(shop, '/orders/1', authorization)).status, 200);
});

test('the policy follows the normalised path, however the path is spelled', async (t) => {
  const shop = await runShop(t);
  for (const path of [
    '/orders/1',
    '/%6frders/1',
    '/o%72ders/%31',
    '/orders/%2E1',
    '/orders/1?x=/../../products',
  ]) {
    const { status, reason } = await ask(shop, path);
    assert.deepEqual([status, reason], [401, 'missing_token'], path);
  }
  assert.equal(shop.contexts.length, 0);
});
