import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import * as client from 'openid-client';
import { goodPassword } from './fixtures/identity.ts';
import { createOAuthBrowser } from './fixtures/oauth-browser.ts';
import {
  type OAuthIdentity,
  redirectUri,
  robotSecret,
  shopSecret,
  signedOutUri,
  startOAuth,
} from './fixtures/oauth-system.ts';

const apart = [
  ['gateway'],
  ['oauth'],
  ['authentication', 'login-controller', 'login-ids', 'user-info', 'notes'],
  ['passwords', 'second-factors', 'sessions', 'message-sender'],
];

function discover(
  { issuer }: OAuthIdentity,
  id: string,
  auth: client.ClientAuth,
): Promise<client.Configuration> {
  const metadata = { id_token_signed_response_alg: 'EdDSA' };
  return client.discovery(new URL(issuer), id, metadata, auth, { execute: [client.allowInsecureRequests] });
}

/** All that an honest client does, with somebody in front of it. */
async function goThrough(t: TestContext, placement?: readonly (readonly string[])[]): Promise<void> {
  const identity = await startOAuth(t, placement === undefined ? {} : { placement });
  const { loginId, accountId, email } = await identity.register();
  const config = await discover(identity, 'shop', client.ClientSecretBasic(shopSecret));

  const pkceCodeVerifier = client.randomPKCECodeVerifier();
  const [expectedState, expectedNonce] = [client.randomState(), client.randomNonce()];
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: redirectUri,
    scope: 'openid profile email notes:read',
    code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
    state: expectedState,
    nonce: expectedNonce,
  });
  const browser = createOAuthBrowser(new URL(identity.issuer).origin);
  const asked = await browser.open(url.href);
  const wrong = await browser.submit(asked, '/password', { login_id: loginId, password: 'not the one' });
  assert.match(wrong.text, /Login id or password is wrong/);
  const consent = await browser.submit(wrong, '/password', { login_id: loginId, password: goodPassword });
  assert.match(consent.text, /Allow The Shop\?/);
  assert.match(consent.text, /Read your notes/);
  assert.doesNotMatch(consent.text, /Write notes/);
  const back = await browser.submit(consent, '/consent');
  assert.equal(back.url.origin + back.url.pathname, redirectUri);
  // RFC 9207; openid-client checks it, too.
  assert.equal(back.url.searchParams.get('iss'), identity.issuer);

  const tokens = await client.authorizationCodeGrant(config, back.url, {
    pkceCodeVerifier,
    expectedState,
    expectedNonce,
  });
  const claims = tokens.claims();
  assert.deepEqual(
    [claims?.sub, claims?.['preferred_username'], claims?.['email'], claims?.['name']],
    [accountId, loginId, email, 'Ada Żółw'],
  );
  assert.equal(tokens.scope, 'notes:read');

  const next = await client.refreshTokenGrant(config, tokens.refresh_token ?? '');
  assert.notEqual(next.refresh_token, tokens.refresh_token);
  const live = await client.tokenIntrospection(config, next.access_token);
  assert.deepEqual([live.active, live.sub, live.client_id, live.aud], [true, accountId, 'shop', 'identity']);
  await client.tokenRevocation(config, next.access_token);
  assert.equal((await client.tokenIntrospection(config, next.access_token)).active, false);
  await client.tokenRevocation(config, next.refresh_token ?? '');
  await assert.rejects(client.refreshTokenGrant(config, next.refresh_token ?? ''), {
    error: 'invalid_grant',
  });

  const bye = client.buildEndSessionUrl(config, {
    id_token_hint: tokens.id_token ?? '',
    post_logout_redirect_uri: signedOutUri,
    state: 'bye',
  });
  const signingOut = await browser.open(bye.href);
  assert.match(signingOut.text, /Sign out\?/);
  const out = await browser.submit(signingOut, '/sign-out/confirm', { logout: 'yes' });
  assert.equal(out.url.href, `${signedOutUri}?state=bye`);
  assert.match((await browser.open(url.href)).text, /<h1>Sign in<\/h1>/);

  const robot = await discover(identity, 'robot', client.ClientSecretBasic(robotSecret));
  const own = await client.clientCredentialsGrant(robot, { scope: 'notes:read notes:write' });
  assert.equal(own.scope, 'notes:read');
  assert.equal((await client.tokenIntrospection(robot, own.access_token)).sub, 'robot');
}

test('openid-client signs in with code and PKCE, refreshes, introspects, revokes, signs out and acts for itself, in one process', (t) =>
  goThrough(t));

test('openid-client does the same with the services apart', (t) => goThrough(t, apart));
