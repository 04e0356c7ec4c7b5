import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { authenticationService, loginIdsService } from '@banyan/identity';
import { until } from '@banyan/testing';
import * as oauth from 'oauth4webapi';
import { holdNext } from './fixtures/hold-next.ts';
import { goodPassword } from './fixtures/identity.ts';
import { createOAuthBrowser, type OAuthBrowser, type Visit } from './fixtures/oauth-browser.ts';
import { type OAuthIdentity, startOAuth } from './fixtures/oauth-system.ts';

// Of the trusted client: nobody is asked to agree, so one request leads from a session to a code.
const redirectUri = 'https://own.example/callback';
const cleaning: (() => unknown)[] = [];
const verifier = oauth.generateRandomCodeVerifier();
let identity: OAuthIdentity;
let authorize: string;

before(async () => {
  identity = await startOAuth({ after: (cleanUp) => cleaning.push(cleanUp) });
  const params = new URLSearchParams({
    client_id: 'own',
    response_type: 'code',
    redirect_uri: redirectUri,
    scope: 'openid notes:read',
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  });
  authorize = `${identity.issuer}/authorize?${params}`;
});
after(async () => {
  for (const cleanUp of cleaning.reverse()) await cleanUp();
});

const newBrowser = () => createOAuthBrowser(new URL(identity.issuer).origin);

/** @returns where the client gets its code */
async function signIn(browser: OAuthBrowser, loginId: string): Promise<Visit> {
  const asked = await browser.open(authorize);
  return browser.submit(asked, '/password', { login_id: loginId, password: goodPassword });
}

async function isSignedIn(browser: OAuthBrowser): Promise<boolean> {
  return !(await browser.open(`${identity.issuer}/account`)).text.includes('Nobody is signed in');
}

async function exchange({ url }: Visit): Promise<Record<string, string>> {
  const response = await fetch(`${identity.issuer}/token`, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'authorization_code',
      client_id: 'own',
      code: url.searchParams.get('code') ?? '',
      redirect_uri: redirectUri,
      code_verifier: verifier,
    }),
  });
  return (await response.json()) as Record<string, string>;
}

test('a request that is under way when everybody is signed out brings nobody back', async () => {
  const { loginId } = await identity.register();
  const [browser, other] = [newBrowser(), newBrowser()];
  await signIn(browser, loginId);
  await signIn(other, loginId);
  const { token } = (await identity.signIn(loginId)).json;
  const { held, letGo } = await holdNext(identity, loginIdsService, 'describe');
  const underWay = browser.open(authorize);
  await held;
  await identity.send('DELETE', '/account/sessions', undefined, { authorization: `Bearer ${token}` });
  await until(async () => !(await isSignedIn(other)));
  letGo();
  const late = await underWay;
  assert.equal(await isSignedIn(browser), false);
  assert.ok(late.url.searchParams.has('code'));
  assert.equal((await exchange(late))['error'], 'invalid_grant');
  // Whoever signs in anew is in.
  await until(async () => (await exchange(await signIn(newBrowser(), loginId)))['error'] === undefined);
});

test('a sign-in with a password that is changed before its end leads nowhere', () =>
  signInOverChange('before', (late) => assert.match(late.text, /That took too long/)));

test('neither does one whose end crosses the change', () =>
  signInOverChange('after', async (late) => {
    assert.ok(late.url.searchParams.has('code'));
    assert.equal((await exchange(late))['error'], 'invalid_grant');
  }));

/** The password is changed while a sign-in with it has got as far as its proof. */
async function signInOverChange(when: 'before' | 'after', check: (late: Visit) => unknown): Promise<void> {
  const { loginId } = await identity.register();
  const [browser, other] = [newBrowser(), newBrowser()];
  await signIn(other, loginId);
  const { token } = (await identity.signIn(loginId)).json;
  const { held, letGo } = await holdNext(identity, authenticationService, 'proveLogin', { when });
  const underWay = signIn(browser, loginId);
  await held;
  const passwords = { current: goodPassword, password: 'some noisy seagulls' };
  await identity.send('PUT', '/account/password', passwords, { authorization: `Bearer ${token}` });
  await until(async () => !(await isSignedIn(other)));
  // Sessions count in seconds; this one is to be of a later one.
  const endedS = Math.floor(Date.now() / 1_000);
  await until(async () => (await isSignedIn(other)) || Date.now() / 1_000 > endedS + 1);
  letGo();
  const late = await underWay;
  assert.equal(await isSignedIn(browser), false);
  await check(late);
}

test('using a session does not make it longer', async () => {
  const { loginId } = await identity.register();
  const browser = newBrowser();
  const { id_token = '' } = await exchange(await signIn(browser, loginId));
  const claims = JSON.parse(Buffer.from(id_token.split('.')[1] ?? '', 'base64url').toString());
  const signedInS: number = claims.auth_time ?? claims.iat;
  await until(async () => {
    await browser.open(authorize);
    return Date.now() / 1_000 > signedInS + 2;
  });
  const cookies = browser.answers.at(-1)?.headers.getSetCookie() ?? [];
  const cookie = cookies.find((each) => each.startsWith('oauth-session='));
  const endsS = Date.parse(/expires=([^;]+)/.exec(cookie ?? '')?.[1] ?? '') / 1_000;
  assert.ok(endsS <= signedInS + 7 * 86_400, `${endsS} of ${signedInS}`);
});
