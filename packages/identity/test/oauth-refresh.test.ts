import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Sql } from '@banyan/banyan';
import { oauthService, sessionsService } from '@banyan/identity';
import { eventually } from '@banyan/testing';
import * as oauth from 'oauth4webapi';
import * as openid from 'openid-client';
import { basic, codeOf, oauthFlow, postForm, type TokenAnswer } from './fixtures/oauth-flow.ts';
import { type OAuthIdentity, redirectUri, shopSecret, startOAuth } from './fixtures/oauth-system.ts';
import { reloadWatched } from './fixtures/watched-database.ts';

const cleaning: (() => unknown)[] = [];
const pageUri = 'https://page.example/callback';
let identity: OAuthIdentity;
let sql: Sql;
before(async () => {
  identity = await startOAuth({ after: (cleanUp) => cleaning.push(cleanUp) });
  sql = await reloadWatched(identity, oauthService);
});
after(async () => {
  for (const cleanUp of cleaning.reverse()) await cleanUp();
});

const shopAuthorization = basic('shop', shopSecret);
const asPage = { client_id: 'page', redirect_uri: pageUri };

const post = (path: string, form: Readonly<Record<string, string>>, authorization = shopAuthorization) =>
  postForm(identity.issuer + path, form, authorization);

interface Member {
  readonly accountId: string;
  readonly refreshToken: string;
}

/** Somebody whose client, the shop or the public page, has tokens. */
async function member(client: 'shop' | 'page' = 'shop'): Promise<Member> {
  const one = await oauthFlow(identity, client === 'page' ? asPage : {});
  const { json } = await post(
    '/token',
    {
      grant_type: 'authorization_code',
      code: codeOf(one),
      code_verifier: one.verifier,
      ...(client === 'page' ? asPage : { redirect_uri: redirectUri }),
    },
    client === 'page' ? '' : shopAuthorization,
  );
  return { accountId: one.accountId, refreshToken: json.refresh_token };
}

const refresh = (refresh_token: string) => post('/token', { grant_type: 'refresh_token', refresh_token });
const refreshOfPage = (refresh_token: string) =>
  post('/token', { grant_type: 'refresh_token', refresh_token, client_id: 'page' }, '');
const isActive = async (token: string) => (await post('/introspect', { token })).json.active as boolean;
const readNotes = (token: string) =>
  identity.send('GET', '/notes', undefined, { authorization: `Bearer ${token}` });

/** As if refresh tokens of the account had been used so long ago. */
const pass = ({ accountId }: Member, seconds: number) =>
  sql`update records set consumed_at = consumed_at - make_interval(secs => ${seconds}) where account_id = ${accountId}`;

async function reusesOnRecord(accountId: string): Promise<number | undefined> {
  const [record] = await sql<{ told: number }>`
    select count(*)::int4 as told from banyan.audit
    where record::text like '%refreshTokenReused%' and record::text like ${`%${accountId}%`}`;
  return record?.told;
}

/** Whoever comes now has no grant behind them. */
async function assertOver(...answers: readonly TokenAnswer[]): Promise<void> {
  for (const { json } of answers) {
    assert.equal((await refresh(json.refresh_token)).json.error, 'invalid_grant');
    assert.equal(await isActive(json.access_token), false);
  }
}

/** The server answers; the first answer does not arrive. */
function losingFirst(): { readonly fetch: typeof fetch; readonly lost: string[] } {
  const lost: string[] = [];
  return {
    lost,
    async fetch(...request) {
      const response = await fetch(...request);
      if (lost.length > 0) return response;
      lost.push(await response.text());
      throw new TypeError('fetch failed');
    },
  };
}

test('openid-client refreshes again when the answer was lost, and goes on', async () => {
  const config = await openid.discovery(
    new URL(identity.issuer),
    'shop',
    { id_token_signed_response_alg: 'EdDSA' },
    openid.ClientSecretBasic(shopSecret),
    { execute: [openid.allowInsecureRequests] },
  );
  const { accountId, refreshToken } = await member();
  const { fetch: losing, lost } = losingFirst();
  config[openid.customFetch] = losing as openid.CustomFetch;
  await assert.rejects(openid.refreshTokenGrant(config, refreshToken));
  const tokens = await openid.refreshTokenGrant(config, refreshToken);
  assert.equal(tokens.refresh_token, JSON.parse(lost[0] ?? '').refresh_token, 'the same next one');
  assert.deepEqual((await readNotes(tokens.access_token)).json, { reader: accountId });
  const next = await openid.refreshTokenGrant(config, tokens.refresh_token ?? '');
  assert.equal((await readNotes(next.access_token)).status, 200);
});

test('oauth4webapi does so, too, as a client without a secret', async () => {
  const issuer = new URL(identity.issuer);
  const insecure = { [oauth.allowInsecureRequests]: true };
  const server = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, insecure));
  const page: oauth.Client = { client_id: 'page', id_token_signed_response_alg: 'EdDSA' };
  const { accountId, refreshToken } = await member('page');
  const options = { ...insecure, [oauth.customFetch]: losingFirst().fetch };
  const send = async (token: string) =>
    oauth.processRefreshTokenResponse(
      server,
      page,
      await oauth.refreshTokenGrantRequest(server, page, oauth.None(), token, options),
    );
  await assert.rejects(send(refreshToken), TypeError);
  const tokens = await send(refreshToken);
  assert.deepEqual((await readNotes(tokens.access_token)).json, { reader: accountId });
  const next = await send(tokens.refresh_token ?? '');
  assert.equal((await readNotes(next.access_token)).status, 200);
});

test('of many who come with one refresh token at the same moment, all get the same next one', async () => {
  const { refreshToken } = await member();
  const answers = await Promise.all(Array.from({ length: 8 }, () => refresh(refreshToken)));
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
  const [next = '', ...others] = new Set(answers.map(({ json }) => json.refresh_token as string));
  assert.deepEqual(others, [], 'the family has one end');
  assert.notEqual(next, refreshToken);
  assert.equal((await refresh(next)).status, 200);
});

test('whoever comes after the next one was used ends the family: tokens of all, and access at the gateway', async () => {
  const { accountId, refreshToken: stolen } = await member();
  const second = await refresh(stolen);
  const third = await refresh(second.json.refresh_token);
  assert.equal((await readNotes(third.json.access_token)).status, 200);
  const thief = await refresh(stolen);
  assert.deepEqual([thief.status, thief.json.error], [400, 'invalid_grant']);
  await assertOver(second, third);
  const refused = await eventually(
    () => readNotes(third.json.access_token),
    ({ status }) => status !== 200,
  );
  assert.equal(refused.status, 401);
  assert.equal(await reusesOnRecord(accountId), 1);
});

test('whoever comes too late is on record and gets nothing, also while sessions is away', async (t) => {
  const somebody = await member();
  const second = await refresh(somebody.refreshToken);
  await pass(somebody, 31);
  const revokeTokens = () => Promise.reject(new Error('away'));
  const operations = { ...sessionsService.operations, revokeTokens };
  await identity.system.hosts[0]?.reload({ ...sessionsService, operations });
  t.after(() => identity.system.hosts[0]?.reload(sessionsService));
  for (const _ of ['first', 'again']) {
    const late = await refresh(somebody.refreshToken);
    assert.deepEqual([late.status, late.json.error], [400, 'invalid_grant']);
  }
  assert.equal(await reusesOnRecord(somebody.accountId), 1);
  await assertOver(second);
});

test('whoever comes when the grace is over ends the family, although the next one was not used', async () => {
  const somebody = await member();
  const second = await refresh(somebody.refreshToken);
  await pass(somebody, 29);
  const repeated = await refresh(somebody.refreshToken);
  assert.equal(repeated.json.refresh_token, second.json.refresh_token);
  // The grace is counted from the first use: repeats do not make it longer.
  await pass(somebody, 2);
  const late = await refresh(somebody.refreshToken);
  assert.deepEqual([late.status, late.json.error], [400, 'invalid_grant']);
  await assertOver(second);
});

test('two who share a next one, because one is a thief, are found out at its second use', async () => {
  const somebody = await member();
  const owner = await refresh(somebody.refreshToken);
  const thief = await refresh(somebody.refreshToken);
  assert.equal(thief.json.refresh_token, owner.json.refresh_token);
  const owners = await refresh(owner.json.refresh_token);
  await pass(somebody, 31);
  assert.equal((await refresh(thief.json.refresh_token)).json.error, 'invalid_grant');
  await assertOver(owners);
});

test('of a repeat and a use of the next one at the same moment, no second family comes', async () => {
  for (let round = 0; round < 10; round += 1) {
    const { refreshToken } = await member();
    const second = (await refresh(refreshToken)).json.refresh_token as string;
    const [repeat, used] = await Promise.all([refresh(refreshToken), refresh(second)]);
    if (repeat.status === 200) {
      assert.equal(repeat.json.refresh_token, second, 'never a branch');
      assert.equal(used.status, 200);
    } else {
      assert.equal(repeat.json.error, 'invalid_grant');
      assert.equal((await refresh(used.json.refresh_token ?? 'none')).json.error, 'invalid_grant');
    }
  }
});

test('a repeat by another client, or by nobody in particular, is refused and gives nothing away', async () => {
  const { refreshToken } = await member();
  const second = await refresh(refreshToken);
  const asOther = await refreshOfPage(refreshToken);
  assert.deepEqual([asOther.status, asOther.json.error], [400, 'invalid_grant']);
  for (const authorization of [basic('shop', 'wrong'), basic('page', ''), '']) {
    const { status, json } = await post(
      '/token',
      { grant_type: 'refresh_token', refresh_token: refreshToken },
      authorization,
    );
    assert.ok(status === 400 || status === 401, `${status}`);
    assert.equal(json.refresh_token, undefined);
  }
  assert.equal((await refresh(second.json.refresh_token)).status, 200);
});

test('a repeat gets no more than the first time: neither scopes nor time', async () => {
  const somebody = await member();
  const ends = async () =>
    sql`select id_hash, round(extract(epoch from expires_at))::int4 as ends_s from records
        where kind = 'RefreshToken' and account_id = ${somebody.accountId} order by consumed_at nulls last`;
  await refresh(somebody.refreshToken);
  const before = await ends();
  assert.equal(before.length, 2);
  const more = { grant_type: 'refresh_token', refresh_token: somebody.refreshToken, scope: 'notes:write' };
  assert.equal((await post('/token', more)).json.error, 'invalid_scope');
  assert.equal((await refresh(somebody.refreshToken)).status, 200);
  const [used, next] = await ends();
  assert.equal(used?.['idHash'], before[0]?.['idHash']);
  assert.ok(Number(next?.['endsS']) <= Number(before[1]?.['endsS']) + 1);
});

test('a used token is told to be used within the grace, too, and revoking it ends the grant', async () => {
  const { refreshToken } = await member();
  const second = await refresh(refreshToken);
  assert.equal(await isActive(refreshToken), false);
  assert.equal(await isActive(second.json.refresh_token), true);
  assert.equal((await post('/revoke', { token: refreshToken })).status, 200);
  await assertOver(second);
  assert.equal((await refresh(refreshToken)).json.error, 'invalid_grant');
});

test('a process that dies between the use of a token and the making of the next one costs nothing', async () => {
  const somebody = await member();
  const second = await refresh(somebody.refreshToken);
  await sql`delete from records where kind = 'RefreshToken' and consumed_at is null and account_id = ${somebody.accountId}`;
  const again = await refresh(somebody.refreshToken);
  assert.equal(again.json.refresh_token, second.json.refresh_token);
  assert.equal((await refresh(again.json.refresh_token)).status, 200);
});

test('a token that was used before there was a grace is not repeated', async () => {
  const somebody = await member();
  const second = await refresh(somebody.refreshToken);
  await sql`update records set successor_hash = null, sealed_successor = null where account_id = ${somebody.accountId}`;
  assert.equal((await refresh(somebody.refreshToken)).json.error, 'invalid_grant');
  await assertOver(second);
});

test('without a grace, whoever comes twice ends the family', async (t) => {
  const strict = await startOAuth(t, { environment: { OAUTH_REFRESH_GRACE_SECONDS: '0' } });
  const one = await oauthFlow(strict);
  const ask = (form: Readonly<Record<string, string>>) =>
    postForm(`${strict.issuer}/token`, form, shopAuthorization);
  const again = (token: string) => ask({ grant_type: 'refresh_token', refresh_token: token });
  const { json } = await ask({
    grant_type: 'authorization_code',
    code: codeOf(one),
    code_verifier: one.verifier,
    redirect_uri: redirectUri,
  });
  const answers = await Promise.all([1, 2, 3, 4].map(() => again(json.refresh_token)));
  const won = answers.filter(({ status }) => status === 200);
  assert.ok(won.length <= 1);
  for (const { json } of won) assert.equal((await again(json.refresh_token)).json.error, 'invalid_grant');
});
