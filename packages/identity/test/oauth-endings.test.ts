import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { authenticationService, loginIdsService, oauthService, passwords } from '@banyan/identity';
import { until } from '@banyan/testing';
import * as oauth from 'oauth4webapi';
import { holdNext, holdNextEvent } from './fixtures/hold-next.ts';
import { goodPassword } from './fixtures/identity.ts';
import { createOAuthBrowser, type OAuthBrowser, type Visit } from './fixtures/oauth-browser.ts';
import { type OAuthIdentity, startOAuth } from './fixtures/oauth-system.ts';
import { reloadWatched } from './fixtures/watched-database.ts';

// Of the trusted client: nobody is asked to agree, so one request leads from a session to a code.
const redirectUri = 'https://own.example/callback';
const cleaning: (() => unknown)[] = [];
const newPassword = 'some noisy seagulls';
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
async function signIn(
  browser: OAuthBrowser,
  loginId: string,
  { password = goodPassword, url = authorize } = {},
): Promise<Visit> {
  const asked = await browser.open(url);
  return browser.submit(asked, '/password', { login_id: loginId, password });
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

async function refresh(token = ''): Promise<Record<string, string>> {
  const form = { grant_type: 'refresh_token', client_id: 'own', refresh_token: token };
  const response = await fetch(`${identity.issuer}/token`, {
    method: 'POST',
    body: new URLSearchParams(form),
  });
  return (await response.json()) as Record<string, string>;
}

async function mayReadNotes(token = ''): Promise<boolean> {
  const { status } = await identity.send('GET', '/notes', undefined, { authorization: `Bearer ${token}` });
  return status === 200;
}

async function changePassword(
  loginId: string,
  { current = goodPassword, password = newPassword } = {},
): Promise<void> {
  const { token } = (await identity.signIn(loginId, current)).json;
  const { status } = await identity.send(
    'PUT',
    '/account/password',
    { current, password },
    {
      authorization: `Bearer ${token}`,
    },
  );
  assert.equal(status, 200);
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
  // Whoever signs in anew is in, in the same second, too.
  assert.equal((await exchange(await signIn(newBrowser(), loginId)))['error'], undefined);
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
  const { held, letGo } = await holdNext(identity, authenticationService, 'proveLogin', { when });
  const underWay = signIn(browser, loginId);
  await held;
  await changePassword(loginId);
  await until(async () => !(await isSignedIn(other)));
  letGo();
  const late = await underWay;
  assert.equal(await isSignedIn(browser), false);
  await check(late);
}

test('an event of a new password that is late ends what came of the old one, and nothing of the new one', async () => {
  const { loginId } = await identity.register();
  const [browser, other] = [newBrowser(), newBrowser()];
  const old = await exchange(await signIn(browser, loginId));
  const { held, letGo } = await holdNextEvent(identity, oauthService, 'passwords.changed');
  await changePassword(loginId);
  await held;
  const olds = await refresh(old['refresh_token']);
  // Before the event counts: one in a browser of its own, one in that of the old sign-in.
  const fresh = await exchange(await signIn(other, loginId, { password: newPassword }));
  const again = await exchange(
    await signIn(browser, loginId, { password: newPassword, url: `${authorize}&prompt=login` }),
  );
  letGo();
  await until(async () => !(await mayReadNotes(old['access_token'])));
  assert.equal(await mayReadNotes(olds['access_token']), false, 'refreshed in between');
  for (const { refresh_token } of [old, olds])
    assert.equal((await refresh(refresh_token))['error'], 'invalid_grant');
  for (const { access_token, refresh_token } of [fresh, again]) {
    assert.equal(await mayReadNotes(access_token), true);
    assert.equal(await mayReadNotes((await refresh(refresh_token))['access_token']), true);
  }
  for (const each of [browser, other]) assert.equal(await isSignedIn(each), true);
});

test('a sign-in as somebody else that does not end whose session it is leaves it as old as it was', async () => {
  const [{ loginId }, other] = [await identity.register(), await identity.register()];
  const [browser, elsewhere] = [newBrowser(), newBrowser()];
  await signIn(browser, loginId);
  await signIn(elsewhere, loginId);
  // More often than the first one does: by its own count, the other's password is a later one.
  await changePassword(other.loginId);
  await changePassword(other.loginId, { current: newPassword, password: 'a third of its kind' });
  const asked = await signIn(browser, other.loginId, {
    password: 'a third of its kind',
    url: `${authorize}&prompt=login`,
  });
  assert.equal(asked.url.searchParams.has('code'), false, 'the first one has to be signed out before');
  assert.equal(await isSignedIn(browser), true);
  await changePassword(loginId);
  await until(async () => !(await isSignedIn(elsewhere)));
  assert.equal(await isSignedIn(browser), false);
});

test('an event of signing out everywhere that is late leaves alone who has signed in since', async () => {
  const { loginId } = await identity.register();
  const [browser, other] = [newBrowser(), newBrowser()];
  const old = await exchange(await signIn(browser, loginId));
  const { token } = (await identity.signIn(loginId)).json;
  const { held, letGo } = await holdNextEvent(identity, oauthService, 'sessions.signedOutEverywhere');
  await identity.send('DELETE', '/account/sessions', undefined, { authorization: `Bearer ${token}` });
  await held;
  const fresh = await exchange(await signIn(other, loginId));
  letGo();
  await until(async () => !(await mayReadNotes(old['access_token'])));
  assert.equal((await refresh(old['refresh_token']))['error'], 'invalid_grant');
  assert.equal(await isSignedIn(browser), false);
  assert.equal(await mayReadNotes(fresh['access_token']), true);
  assert.equal(await mayReadNotes((await refresh(fresh['refresh_token']))['access_token']), true);
});

test('a refresh that is under way when the password is changed gives nothing', async () => {
  const { loginId } = await identity.register();
  const [browser, other] = [newBrowser(), newBrowser()];
  const old = await exchange(await signIn(browser, loginId));
  await signIn(other, loginId);
  const { held, letGo } = await holdNext(identity, loginIdsService, 'describe');
  const underWay = refresh(old['refresh_token']);
  await held;
  await changePassword(loginId);
  await until(async () => !(await isSignedIn(other)));
  letGo();
  assert.equal((await underWay)['error'], 'invalid_grant');
  assert.equal((await refresh(old['refresh_token']))['error'], 'invalid_grant');
});

test('whoever has an old password back from a back-up is let in once its end is forgotten', async () => {
  const { loginId } = await identity.register();
  const care = identity.system.client(passwords, { service: 'authentication', timeoutMs: 30_000 });
  const { backupId } = await care.backUp({});
  const browser = newBrowser();
  await signIn(browser, loginId);
  await changePassword(loginId);
  await until(async () => !(await isSignedIn(browser)));
  await care.restore({ backupId });
  const early = newBrowser();
  assert.equal((await exchange(await signIn(early, loginId)))['error'], 'invalid_grant');
  const sql = await reloadWatched(identity, oauthService);
  await sql`update ended_accounts set remembered_until = now()`;
  // Tidies up as soon as it has started.
  await reloadWatched(identity, oauthService);
  await until(async () => (await exchange(await signIn(newBrowser(), loginId)))['error'] === undefined);
  assert.equal(await isSignedIn(early), false, 'what was ended stays so');
});

test('a code of the old password is worth nothing after the new one', async () => {
  const { loginId } = await identity.register();
  const browser = newBrowser();
  const back = await signIn(browser, loginId);
  await changePassword(loginId);
  await until(async () => !(await isSignedIn(browser)));
  assert.equal((await exchange(back))['error'], 'invalid_grant');
});

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
