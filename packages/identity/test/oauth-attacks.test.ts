import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Sql } from '@banyan/banyan';
import { oauthService, sessionsService } from '@banyan/identity';
import { eventually, stallMs } from '@banyan/testing';
import * as oauth from 'oauth4webapi';
import { goodPassword } from './fixtures/identity.ts';
import { basic, exchangeCode, type Flow, oauthFlow, postForm } from './fixtures/oauth-flow.ts';
import {
  type OAuthIdentity,
  redirectUri,
  robotSecret,
  shopSecret,
  startOAuth,
} from './fixtures/oauth-system.ts';
import { reloadWatched } from './fixtures/watched-database.ts';

const cleaning: (() => unknown)[] = [];
const insecure = { [oauth.allowInsecureRequests]: true };
let identity: OAuthIdentity;
let server: oauth.AuthorizationServer;
let sql: Sql;
const shop: oauth.Client = { client_id: 'shop', id_token_signed_response_alg: 'EdDSA' };
const shopAuth = oauth.ClientSecretBasic(shopSecret);

before(async () => {
  identity = await startOAuth({ after: (cleanUp) => cleaning.push(cleanUp) });
  const issuer = new URL(identity.issuer);
  server = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, insecure));
  sql = await reloadWatched(identity, oauthService);
});
after(async () => {
  for (const cleanUp of cleaning.reverse()) await cleanUp();
});

const authorizeUrl = (params: Readonly<Record<string, string>>) =>
  `${identity.issuer}/authorize?${new URLSearchParams(params)}`;

const flow = (changes: Readonly<Record<string, string>> = {}) => oauthFlow(identity, changes);
const post = (
  path: string,
  form: Readonly<Record<string, string>>,
  authorization = basic('shop', shopSecret),
) => postForm(identity.issuer + path, form, authorization);

const exchange = (one: Flow, changes: Readonly<Record<string, string>> = {}, authorization?: string) =>
  exchangeCode(identity, one, changes, authorization);
const refresh = (token: string) => post('/token', { grant_type: 'refresh_token', refresh_token: token });
const isActive = async (token: string) => (await post('/introspect', { token })).json.active as boolean;
const readNotes = (token: string) =>
  identity.send('GET', '/notes', undefined, { authorization: `Bearer ${token}` });

test('oauth4webapi goes through the whole protocol', async () => {
  const one = await flow();
  const params = oauth.validateAuthResponse(server, shop, one.back.url, one.state);
  const response = await oauth.authorizationCodeGrantRequest(
    server,
    shop,
    shopAuth,
    params,
    redirectUri,
    one.verifier,
    insecure,
  );
  const tokens = await oauth.processAuthorizationCodeResponse(server, shop, response, {
    expectedNonce: one.nonce,
    requireIdToken: true,
  });
  assert.equal(oauth.getValidatedIdTokenClaims(tokens)?.sub, one.accountId);
  assert.deepEqual((await readNotes(tokens.access_token)).json, { reader: one.accountId });
  const again = await oauth.refreshTokenGrantRequest(
    server,
    shop,
    shopAuth,
    tokens.refresh_token ?? '',
    insecure,
  );
  const next = await oauth.processRefreshTokenResponse(server, shop, again);
  const seen = await oauth.introspectionRequest(server, shop, shopAuth, next.access_token, insecure);
  assert.equal((await oauth.processIntrospectionResponse(server, shop, seen)).sub, one.accountId);
  const revoked = await oauth.revocationRequest(server, shop, shopAuth, next.refresh_token ?? '', insecure);
  await oauth.processRevocationResponse(revoked);
  assert.equal((await refresh(next.refresh_token ?? '')).json.error, 'invalid_grant');
});

test('a redirect that is not registered character by character gets nothing, and nobody is sent there', async () => {
  const ask = async (redirect: string, clientId = 'shop') =>
    fetch(
      authorizeUrl({
        client_id: clientId,
        response_type: 'code',
        scope: 'openid',
        redirect_uri: redirect,
        code_challenge: 'x'.repeat(43),
        code_challenge_method: 'S256',
      }),
      { redirect: 'manual', headers: { accept: 'text/html' } },
    );
  for (const wrong of [
    `${redirectUri}/`,
    `${redirectUri}?a=1`,
    `${redirectUri}#a`,
    `${redirectUri}/../callback`,
    'https://shop.example/Callback',
    'https://SHOP.example/callback',
    'http://shop.example/callback',
    'https://shop.example:443/callback',
    'https://shop.example.evil/callback',
    'https://evil@shop.example/callback',
    'https://evil.example/callback',
    '',
  ]) {
    const answer = await ask(wrong);
    assert.deepEqual([answer.status, answer.headers.get('location')], [400, null], wrong);
    assert.match(await answer.text(), /may not have/);
  }
  assert.equal((await ask(redirectUri)).status, 303);
  // RFC 8252, 7.3: an app on the user's machine cannot know its port beforehand, and that is all.
  assert.equal((await ask('http://127.0.0.1:51234/callback', 'app')).status, 303);
  for (const wrong of [
    'http://127.0.0.1:51234/other',
    'http://localhost:51234/callback',
    'http://10.0.0.1/callback',
  ]) {
    assert.equal((await ask(wrong, 'app')).status, 400, wrong);
  }
});

test('without PKCE by S256 there is no code, and no code is worth anything without its verifier', async () => {
  const ask = async (params: Readonly<Record<string, string>>) => {
    const answer = await fetch(
      authorizeUrl({
        client_id: 'shop',
        response_type: 'code',
        scope: 'openid',
        redirect_uri: redirectUri,
        ...params,
      }),
      { redirect: 'manual' },
    );
    return new URL(answer.headers.get('location') ?? '').searchParams.get('error');
  };
  assert.equal(await ask({}), 'invalid_request');
  assert.equal(await ask({ code_challenge: 'x'.repeat(43) }), 'invalid_request');
  assert.equal(
    await ask({ code_challenge: 'x'.repeat(43), code_challenge_method: 'plain' }),
    'invalid_request',
  );
  for (const code_verifier of ['', 'x'.repeat(43), oauth.generateRandomCodeVerifier()]) {
    const { status, json } = await exchange(await flow(), { code_verifier });
    assert.deepEqual([status, json.error], [400, 'invalid_grant'], code_verifier);
  }
});

test('a code that comes twice ends what it gave: refresh token, and access token at the gateway within 5 s', async () => {
  const one = await flow();
  const first = await exchange(one);
  assert.equal(first.status, 200);
  assert.equal((await readNotes(first.json.access_token)).status, 200);
  const second = await exchange(one);
  assert.deepEqual([second.status, second.json.error], [400, 'invalid_grant']);
  const endedMs = performance.now();
  assert.equal((await refresh(first.json.refresh_token)).json.error, 'invalid_grant');
  assert.equal(await isActive(first.json.access_token), false);
  const refused = await eventually(
    () => readNotes(first.json.access_token),
    ({ status }) => status !== 200,
  );
  assert.deepEqual([refused.status, refused.json.reason], [401, 'invalid_token']);
  assert.ok(performance.now() - endedMs < 5_000 + stallMs);
});

test('of several who come with one code at the same moment at most one gets tokens, and they end', async () => {
  const one = await flow();
  const answers = await Promise.all([1, 2, 3, 4, 5, 6].map(() => exchange(one)));
  const won = answers.filter(({ status }) => status === 200);
  assert.ok(won.length <= 1, String(won.length));
  for (const { json, status } of answers)
    assert.ok(status === 200 || json.error === 'invalid_grant', JSON.stringify(json));
  for (const { json } of won) {
    assert.equal((await refresh(json.refresh_token)).json.error, 'invalid_grant');
    assert.equal(await isActive(json.access_token), false);
  }
});

test('a code lives for a minute at most, for its client and its redirect', async () => {
  const one = await flow();
  const [{ lifeS } = { lifeS: 0 }] = await sql<{ lifeS: number }>`
    select extract(epoch from max(expires_at) - now())::float8 as life_s from records where kind = 'AuthorizationCode'`;
  assert.ok(lifeS > 30 && lifeS <= 60, String(lifeS));
  await sql`update records set expires_at = expires_at - interval '60 seconds' where kind = 'AuthorizationCode'`;
  assert.equal((await exchange(one)).json.error, 'invalid_grant');
  const other = await exchange(await flow(), {}, basic('robot', robotSecret));
  assert.deepEqual([other.status, other.json.access_token], [400, undefined]);
  const page = await exchange(await flow(), { client_id: 'page' }, '');
  assert.equal(page.json.error, 'invalid_grant');
  assert.equal(
    (await exchange(await flow(), { redirect_uri: `${redirectUri}/` })).json.error,
    'invalid_grant',
  );
});

test('refreshing never makes a grant longer', async () => {
  const one = await flow();
  let token = (await exchange(one)).json.refresh_token as string;
  const ends = async () => {
    const [row] = await sql<{ endsAt: string }>`
      select max(expires_at) as ends_at from records where kind = 'RefreshToken' and account_id = ${one.accountId}`;
    return Date.parse(row?.endsAt ?? '');
  };
  const firstEnd = await ends();
  for (const _ of [1, 2, 3]) token = (await refresh(token)).json.refresh_token;
  assert.ok((await ends()) <= firstEnd + 1_000, `${await ends()} after ${firstEnd}`);
});

test('a token is good for its own audience and scopes, and an id token for none', async () => {
  const token = (await exchange(await flow())).json;
  assert.equal((await readNotes(token.access_token)).status, 200);
  const write = await identity.send('POST', '/notes', {}, { authorization: `Bearer ${token.access_token}` });
  assert.deepEqual([write.status, write.json.reason], [403, 'insufficient_scope']);
  // What an owner does with the account is not a scope of this client.
  for (const [method, path] of [
    ['GET', '/account'],
    ['DELETE', '/account/sessions'],
  ] as const) {
    const answer = await identity.send(method, path, undefined, {
      authorization: `Bearer ${token.access_token}`,
    });
    assert.deepEqual([answer.status, answer.json.reason], [403, 'insufficient_scope'], path);
  }
  assert.equal((await readNotes(token.id_token)).status, 401);
  const elsewhere = await flow({ resource: 'https://other.example/' });
  const foreign = (await exchange(elsewhere)).json;
  assert.equal(foreign.scope, 'notes:read');
  assert.equal((await readNotes(foreign.access_token)).status, 401);
  const unknown = await fetch(
    authorizeUrl({
      client_id: 'shop',
      response_type: 'code',
      redirect_uri: redirectUri,
      scope: 'openid',
      resource: 'https://nowhere.example/',
      code_challenge: 'x'.repeat(43),
      code_challenge_method: 'S256',
    }),
    { redirect: 'manual' },
  );
  assert.equal(new URL(unknown.headers.get('location') ?? '').searchParams.get('error'), 'invalid_target');
});

test('there is no implicit flow, no other way back than the query, and nobody gives a password to a client', async () => {
  const ask = async (params: Readonly<Record<string, string>>) => {
    const answer = await fetch(
      authorizeUrl({
        client_id: 'shop',
        redirect_uri: redirectUri,
        scope: 'openid',
        nonce: 'n',
        code_challenge: 'x'.repeat(43),
        code_challenge_method: 'S256',
        ...params,
      }),
      { redirect: 'manual' },
    );
    const to = answer.headers.get('location');
    return to?.startsWith(redirectUri) ? /error=([a-z_]+)/.exec(to)?.[1] : answer.status;
  };
  for (const response_type of [
    'token',
    'id_token',
    'id_token token',
    'code id_token',
    'code token',
    'none',
  ]) {
    assert.equal(await ask({ response_type }), 'unsupported_response_type', response_type);
  }
  for (const response_mode of ['fragment', 'form_post', 'web_message']) {
    assert.equal(
      await ask({ response_type: 'code', response_mode }),
      'unsupported_response_mode',
      response_mode,
    );
  }
  const ropc = await post('/token', { grant_type: 'password', username: 'a', password: 'b' });
  assert.equal(ropc.json.error, 'unsupported_grant_type');
  const discovered = server as unknown as Record<string, unknown>;
  assert.deepEqual(discovered['response_types_supported'], ['code']);
  assert.deepEqual(discovered['response_modes_supported'], ['query']);
  assert.deepEqual(discovered['code_challenge_methods_supported'], ['S256']);
  assert.deepEqual(discovered['grant_types_supported'], [
    'authorization_code',
    'refresh_token',
    'client_credentials',
  ]);
  assert.equal(discovered['authorization_response_iss_parameter_supported'], true);
});

test('state, nonce and issuer come back as they were sent, so that a client notices what is not its own', async () => {
  const one = await flow();
  assert.throws(() => oauth.validateAuthResponse(server, shop, one.back.url, oauth.generateRandomState()));
  const elsewhere = new URL(one.back.url);
  elsewhere.searchParams.set('iss', 'https://evil.example');
  assert.throws(() => oauth.validateAuthResponse(server, shop, elsewhere, one.state));
  const params = oauth.validateAuthResponse(server, shop, one.back.url, one.state);
  const response = await oauth.authorizationCodeGrantRequest(
    server,
    shop,
    shopAuth,
    params,
    redirectUri,
    one.verifier,
    insecure,
  );
  await assert.rejects(
    oauth.processAuthorizationCodeResponse(server, shop, response, {
      expectedNonce: 'another',
      requireIdToken: true,
    }),
  );
});

test('confidential clients prove who they are at every door, and no answer is kept by a cache', async () => {
  const tokens = (await exchange(await flow())).json;
  for (const [path, form] of [
    ['/token', { grant_type: 'refresh_token', refresh_token: tokens.refresh_token }],
    ['/token', { grant_type: 'client_credentials' }],
    ['/introspect', { token: tokens.access_token }],
    ['/revoke', { token: tokens.refresh_token }],
  ] as const) {
    for (const [authorization, more] of [
      ['', { client_id: 'shop' }],
      ['', { client_id: 'shop', client_secret: shopSecret }],
      [basic('shop', 'wrong'), {}],
      [basic('nobody', shopSecret), {}],
      [basic('robot', shopSecret), {}],
    ] as const) {
      const { status, json } = await post(path, { ...form, ...more }, authorization);
      assert.deepEqual([status, json.error], [401, 'invalid_client'], `${path} ${authorization}`);
    }
  }
  const empty = await post('/token', { grant_type: 'client_credentials' }, basic('shop', ''));
  assert.deepEqual([empty.status, empty.json.access_token], [400, undefined]);
  const answer = await refresh(tokens.refresh_token);
  assert.equal(answer.status, 200, 'nothing of that has ended anything');
  assert.equal(answer.headers.get('cache-control'), 'no-store');
  // Somebody else's token is neither revoked nor told about.
  const robot = basic('robot', robotSecret);
  assert.equal((await post('/revoke', { token: answer.json.access_token }, robot)).status, 200);
  assert.equal(await isActive(answer.json.access_token), true);
  assert.equal(
    (await post('/introspect', { token: answer.json.access_token, client_id: 'page' }, '')).json.active,
    false,
  );
});

test('a new password ends sessions, refresh tokens and access tokens of the account, within 5 s', async () => {
  const one = await flow();
  const tokens = (await exchange(one)).json;
  const { token } = (await identity.signIn(one.loginId)).json;
  const changed = await identity.send(
    'PUT',
    '/account/password',
    { current: goodPassword, password: 'some noisy seagulls' },
    { authorization: `Bearer ${token}` },
  );
  assert.equal(changed.status, 200);
  const changedMs = performance.now();
  const refused = await eventually(
    () => readNotes(tokens.access_token),
    ({ status }) => status !== 200,
  );
  assert.equal(refused.status, 401);
  assert.ok(performance.now() - changedMs < 5_000 + stallMs);
  assert.equal((await refresh(tokens.refresh_token)).json.error, 'invalid_grant');
  assert.match((await one.browser.open(`${identity.issuer}/account`)).text, /Nobody is signed in/);
});

test('a new password ends an account with more consents than are revoked at once', async () => {
  const one = await flow();
  const tokens = (await exchange(one)).json;
  await sql`
    insert into records (kind, id_hash, sealed, account_id, expires_at)
    select 'Grant', 'mark ' || n, '', ${one.accountId}, now() + interval '1 hour' from generate_series(1, 2500) as n`;
  const { token } = (await identity.signIn(one.loginId)).json;
  const passwords = { current: goodPassword, password: 'some noisy seagulls' };
  await identity.send('PUT', '/account/password', passwords, { authorization: `Bearer ${token}` });
  const refused = await eventually(
    () => readNotes(tokens.access_token),
    ({ status }) => status !== 200,
  );
  assert.equal(refused.status, 401);
  assert.equal((await refresh(tokens.refresh_token)).json.error, 'invalid_grant');
  assert.match((await one.browser.open(`${identity.issuer}/account`)).text, /Nobody is signed in/);
  const sessionsSql = await reloadWatched(identity, sessionsService);
  const [{ marks } = { marks: 0 }] = await sessionsSql<{ marks: number }>`
    select count(*)::int4 as marks from revocations where id like 'mark %'`;
  assert.equal(marks, 2_500);
});
