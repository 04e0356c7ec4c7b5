import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Service, Sql } from '@banyan/banyan';
import {
  authenticationService,
  oauthService,
  passwordsService,
  secondFactorsService,
  sessionsService,
} from '@banyan/identity';
import { eventually } from '@banyan/testing';
import { codeNow } from './fixtures/authenticator.ts';
import { goodPassword, tokenIn } from './fixtures/identity.ts';
import { createOAuthBrowser } from './fixtures/oauth-browser.ts';
import { redirectUri, startOAuth } from './fixtures/oauth-system.ts';
import { reloadWatched } from './fixtures/watched-database.ts';

interface Deed {
  readonly action: string;
  readonly outcome: string;
  readonly subject?: string;
}

async function deeds(sql: Sql): Promise<readonly Deed[]> {
  const rows = await sql<{ record: string | Deed }>`select record from banyan.audit order by seq`;
  return rows.map(({ record }) => (typeof record === 'string' ? (JSON.parse(record) as Deed) : record));
}

test('deeds of identity are on record with whom they are about, and without secrets', async (t) => {
  const identity = await startOAuth(t);
  const { register, signIn, attempt, beginLogin, send, messagesTo } = identity;
  const sqlOf = async (service: Service) => reloadWatched(identity, service);
  const [authentication, passwords, secondFactors, sessions, oauth] = [
    await sqlOf(authenticationService),
    await sqlOf(passwordsService),
    await sqlOf(secondFactorsService),
    await sqlOf(sessionsService),
    await sqlOf(oauthService),
  ];
  const secrets: string[] = [goodPassword, 'a wrong password', 'some noisy seagulls', 'many patient herons'];

  const ada = await register();
  const credentials = (await signIn(ada.loginId)).json;
  secrets.push(credentials.token, credentials.refreshToken);
  for (let count = 0; count < 2; count += 1) {
    const workflowId = await beginLogin();
    secrets.push(workflowId);
    for (const _ of [1, 2, 3]) await attempt(workflowId, ada.loginId, 'a wrong password');
  }
  // The page of a refused attempt: what somebody typed as login id may be a password.
  await attempt(await beginLogin(), 'a wrong password', goodPassword);
  const about = async (sql: Sql, subject = ada.accountId) =>
    (await deeds(sql))
      .filter((each) => each.subject === subject)
      .map(({ action, outcome }) => `${action} ${outcome}`);
  const ofAda = await about(authentication);
  assert.equal(ofAda.filter((each) => each === 'signIn done').length, 1);
  assert.equal(ofAda.filter((each) => each === 'signInFailed done').length, 5);
  assert.equal(ofAda.filter((each) => each === 'lockedOut done').length, 1);
  assert.ok(
    (await deeds(authentication)).some(
      ({ action, subject }) => action === 'signInFailed' && subject === undefined,
    ),
  );

  // The event of a new password ends every session, and must not find the next one.
  const nobodyIsIn = () =>
    eventually(
      () => sessions`select session_id from sessions where account_id = ${ada.accountId}`,
      (rows) => rows.length === 0,
    );
  const verification = tokenIn((await messagesTo(ada.email))[0]);
  await send('POST', '/email-verifications', { token: verification });
  await send('POST', '/password-resets', { loginId: ada.loginId });
  const reset = tokenIn((await messagesTo(ada.email, 2))[0]);
  secrets.push(reset);
  assert.equal(
    (await send('POST', '/password-resets/completion', { token: reset, password: 'some noisy seagulls' }))
      .status,
    200,
  );
  await nobodyIsIn();
  const again = (await signIn(ada.loginId, 'some noisy seagulls')).json;
  const now = { authorization: `Bearer ${again.token}` };
  await send(
    'PUT',
    '/account/password',
    { current: 'a wrong password', password: 'many patient herons' },
    now,
  );
  await send(
    'PUT',
    '/account/password',
    { current: 'some noisy seagulls', password: 'many patient herons' },
    now,
  );
  assert.deepEqual(await about(passwords), ['recover done', 'change refused', 'change done']);

  await nobodyIsIn();
  const third = (await signIn(ada.loginId, 'many patient herons')).json;
  const bearer = { authorization: `Bearer ${third.token}` };
  const offered = await send('POST', '/account/second-factor', { password: 'many patient herons' }, bearer);
  const confirmed = await send(
    'POST',
    '/account/second-factor/confirmation',
    { method: 'totp', code: codeNow(offered.json.seed) },
    bearer,
  );
  const [recoveryCode] = confirmed.json.recoveryCodes as string[];
  secrets.push(offered.json.seed, recoveryCode ?? '');
  await signIn(ada.loginId, 'many patient herons', { method: 'totp', code: '000000' });
  await signIn(ada.loginId, 'many patient herons', { method: 'recovery', code: recoveryCode ?? '' });
  assert.deepEqual(await about(secondFactors), [
    'confirmTotp done',
    'codeRefused done',
    'recoveryCodeUsed done',
  ]);

  const used = (await send('POST', '/token-refreshes', { refreshToken: third.refreshToken })).json;
  await send('POST', '/token-refreshes', { refreshToken: third.refreshToken });
  assert.deepEqual(await about(sessions), ['refreshTokenReused done']);
  secrets.push(third.refreshToken, used.refreshToken);

  const grace = await register();
  const browser = createOAuthBrowser(new URL(identity.issuer).origin);
  const query = {
    client_id: 'shop',
    response_type: 'code',
    redirect_uri: redirectUri,
    scope: 'openid notes:read',
    code_challenge: 'x'.repeat(43),
    code_challenge_method: 'S256',
  };
  const asked = await browser.open(`${identity.issuer}/authorize?${new URLSearchParams(query)}`);
  const consent = await browser.submit(asked, '/password', {
    login_id: grace.loginId,
    password: goodPassword,
  });
  const back = await browser.submit(consent, '/consent');
  secrets.push(back.url.searchParams.get('code') ?? '');
  const account = await browser.open(`${identity.issuer}/account`);
  assert.match(account.text, /The Shop/);
  assert.match((await browser.submit(account, '/withdrawals')).text, /None\./);
  assert.deepEqual(await about(oauth, grace.accountId), ['consentGiven done', 'consentWithdrawn done']);

  // Consents anew, so that signing out everywhere has something to take back from a client.
  const secondConsent = await browser.open(`${identity.issuer}/authorize?${new URLSearchParams(query)}`);
  secrets.push((await browser.submit(secondConsent, '/consent')).url.searchParams.get('code') ?? '');
  const graces = (await signIn(grace.loginId)).json;
  await send('DELETE', '/account/sessions', undefined, { authorization: `Bearer ${graces.token}` });
  const everywhere = (await deeds(sessions)).filter(({ action }) => action === 'signOutEverywhere');
  assert.equal(everywhere.length, 1);
  assert.ok(JSON.stringify(everywhere).includes(grace.accountId));
  // The event of it makes the OAuth service revoke what the client holds.
  await eventually(
    async () => (await deeds(sessions)).map(({ action }) => action),
    (actions) => actions.lastIndexOf('revokeTokens') > actions.indexOf('signOutEverywhere'),
  );

  for (const sql of [authentication, passwords, secondFactors, sessions, oauth]) {
    const text = JSON.stringify(await deeds(sql));
    for (const secret of secrets) assert.ok(secret !== '' && !text.includes(secret), secret);
  }
});
