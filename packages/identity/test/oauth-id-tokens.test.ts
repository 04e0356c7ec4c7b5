import assert from 'node:assert/strict';
import { test } from 'node:test';
import { oauth, oauthService } from '@banyan/identity';
import { untilPasses } from '@banyan/testing';
import * as client from 'openid-client';
import { holdNextReading } from './fixtures/hold-next.ts';
import { goodPassword } from './fixtures/identity.ts';
import { createOAuthBrowser } from './fixtures/oauth-browser.ts';
import { clients, type OAuthIdentity, startOAuth } from './fixtures/oauth-system.ts';

const algs = ['EdDSA', 'ES256', 'RS256'] as const;
type Alg = (typeof algs)[number];

const redirectOf = (alg: Alg) => `https://${alg.toLowerCase()}.example/callback`;
const newClients = algs.map((alg) => ({
  id: alg.toLowerCase(),
  name: alg,
  redirectUris: [redirectOf(alg)],
  scopes: ['openid'],
  trusted: true,
  idTokenAlg: alg,
}));

/** Signs somebody in as a client does that believes an ID token for its signature alone. @returns the token's header */
async function signIn(identity: OAuthIdentity, loginId: string, alg: Alg) {
  // A library that is told nothing expects RS256 (OpenID Connect Core, 3.1.3.7).
  const expected = alg === 'RS256' ? {} : { id_token_signed_response_alg: alg };
  const config = await client.discovery(
    new URL(identity.issuer),
    alg.toLowerCase(),
    expected,
    client.None(),
    { execute: [client.allowInsecureRequests, client.enableNonRepudiationChecks] },
  );
  const pkceCodeVerifier = client.randomPKCECodeVerifier();
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: redirectOf(alg),
    scope: 'openid',
    code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
  });
  const browser = createOAuthBrowser(new URL(identity.issuer).origin);
  const asked = await browser.open(url.href);
  const back = await browser.submit(asked, '/password', { login_id: loginId, password: goodPassword });
  const tokens = await client.authorizationCodeGrant(config, back.url, { pkceCodeVerifier });
  return {
    subject: tokens.claims()?.sub,
    id: headerOf(tokens.id_token),
    access: headerOf(tokens.access_token),
  };
}

function headerOf(token = ''): { readonly alg: string; readonly kid: string } {
  return JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString());
}

test('openid-client verifies ID tokens of every kind of key, before and after a rotation', async (t) => {
  const identity = await startOAuth(t, {
    environment: {
      OAUTH_CLIENTS: JSON.stringify([...clients, ...newClients]),
      OAUTH_KEY_LEAD_SECONDS: '0',
    },
  });
  const { loginId, accountId } = await identity.register();
  const published = async (): Promise<Record<string, string>[]> =>
    (await identity.send('GET', '/oauth/jwks')).json.keys;
  const kids = new Set<string>();
  for (const alg of algs) {
    const signed = await signIn(identity, loginId, alg);
    assert.deepEqual([signed.subject, signed.id.alg, signed.access.alg], [accountId, alg, 'EdDSA']);
    kids.add(signed.id.kid);
  }
  const before = await published();
  assert.deepEqual(new Set(before.map(({ kid }) => kid)), kids);
  for (const key of before) {
    for (const secret of ['d', 'p', 'q', 'dp', 'dq', 'qi']) assert.equal(key[secret], undefined);
  }
  const { json: discovered } = await identity.send('GET', '/oauth/.well-known/openid-configuration');
  assert.deepEqual([...discovered.id_token_signing_alg_values_supported].sort(), algs.toSorted());

  const operator = identity.system.client(oauth, { service: 'gateway' });
  await operator.rotateKeys({});
  // The service may look at its keys for five seconds more.
  await untilPasses(async () => assert.equal((await published()).length, 6));
  for (const alg of algs) {
    const { id } = await signIn(identity, loginId, alg);
    assert.equal(id.alg, alg);
    assert.ok(!kids.has(id.kid), 'signed with the new key');
  }
  await operator.rotateKeys({ withdrawOthers: true });
  assert.equal((await published()).length, 3, 'at once, where it was asked for');
  for (const alg of algs) assert.equal((await signIn(identity, loginId, alg)).subject, accountId);
});

test('a request that has read a key before its withdrawal leaves it to nobody', async (t) => {
  const identity = await startOAuth(t);
  const published = async (): Promise<Record<string, string>[]> =>
    (await identity.send('GET', '/oauth/jwks')).json.keys;
  const operator = identity.system.client(oauth, { service: 'gateway' });
  await operator.rotateKeys({ withdrawOthers: true });
  const { held, letGo } = await holdNextReading(identity, oauthService, {
    operation: 'handle',
    table: 'signing_keys',
  });
  const underWay = published();
  await held;
  const { keyId } = await operator.rotateKeys({ withdrawOthers: true });
  letGo();
  await underWay;
  assert.deepEqual(
    (await published()).map(({ kid }) => kid),
    [keyId],
  );
});
