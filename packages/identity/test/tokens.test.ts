import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { sessions, sessionsService } from '@banyan/identity';
import { eventually } from '@banyan/testing';
import { goodPassword, type Identity, startIdentity } from './fixtures/identity.ts';
import { reloadWatched } from './fixtures/watched-database.ts';

const cleaning: (() => unknown)[] = [];
let identity: Identity;
before(async () => {
  const environment = { SESSIONS_KEY_LEAD_SECONDS: '0' };
  identity = await startIdentity({ after: (cleanUp) => cleaning.push(cleanUp) }, { environment });
});
after(async () => {
  for (const cleanUp of cleaning.reverse()) await cleanUp();
});

const partsOf = (token: string) =>
  token
    .split('.')
    .slice(0, 2)
    .map((part) => JSON.parse(Buffer.from(part, 'base64url').toString('utf8')));

async function askAccount(token: string) {
  return identity.send('GET', '/account', undefined, { authorization: `Bearer ${token}` });
}

test('access tokens are short-lived, asymmetric and say what they are (RFC 9068); the public key has no private part', async () => {
  const { register, signIn, send } = identity;
  const { loginId, accountId } = await register();
  const { token } = (await signIn(loginId)).json;
  const [header, claims] = partsOf(token);
  assert.deepEqual([header.alg, header.typ], ['EdDSA', 'at+jwt']);
  assert.deepEqual(
    [claims.iss, claims.aud, claims.sub, claims.scope, claims.exp - claims.iat],
    ['identity', 'identity', accountId, 'user', 300],
  );
  for (const claim of ['jti', 'client_id']) assert.equal(typeof claims[claim], 'string', claim);
  const { keys } = (await send('GET', '/.well-known/jwks.json')).json;
  const key = keys.find(({ kid }: { kid: string }) => kid === header.kid);
  assert.deepEqual(Object.keys(key).sort(), ['alg', 'crv', 'kid', 'kty', 'use', 'x']);
});

test('a refresh token is exchanged for the next one, and each works once', async () => {
  const { register, signIn, send } = identity;
  const { loginId, accountId } = await register();
  let { refreshToken } = (await signIn(loginId)).json;
  for (let turn = 0; turn < 3; turn += 1) {
    const refreshed = await send('POST', '/token-refreshes', { refreshToken });
    assert.equal(refreshed.status, 200);
    assert.equal(refreshed.headers.get('cache-control'), 'no-store');
    assert.equal((await askAccount(refreshed.json.token)).json.accountId, accountId);
    assert.notEqual(refreshed.json.refreshToken, refreshToken);
    refreshToken = refreshed.json.refreshToken;
  }
});

test('a refresh token that comes twice ends the session: neither the thief nor the owner goes on', async () => {
  const { register, signIn, send } = identity;
  const { loginId } = await register();
  const stolen = (await signIn(loginId)).json.refreshToken;
  const other = (await signIn(loginId)).json.refreshToken;
  const owner = await send('POST', '/token-refreshes', { refreshToken: stolen });
  assert.equal(owner.status, 200);
  const thief = await send('POST', '/token-refreshes', { refreshToken: stolen });
  assert.deepEqual([thief.status, thief.json.reason], [401, 'refreshRefused']);
  const ownersNext = await send('POST', '/token-refreshes', { refreshToken: owner.json.refreshToken });
  assert.equal(ownersNext.status, 401);
  assert.equal(
    (await send('POST', '/token-refreshes', { refreshToken: other })).status,
    200,
    'other sessions go on',
  );
});

test('a refresh whose answer was lost can be repeated with its Idempotency-Key, until the next token is used', async () => {
  const { register, signIn, send } = identity;
  const { refreshToken } = (await signIn((await register()).loginId)).json;
  const refresh = (token: string, key?: string) =>
    send(
      'POST',
      '/token-refreshes',
      { refreshToken: token },
      key === undefined ? {} : { 'idempotency-key': key },
    );
  const key = randomUUID();
  const answers = await Promise.all([refresh(refreshToken, key), refresh(refreshToken, key)]);
  const again = await refresh(refreshToken, key);
  assert.deepEqual(
    [...answers, again].map(({ status }) => status),
    [200, 200, 200],
  );
  const [next] = new Set([...answers, again].map(({ json }) => json.refreshToken));
  for (const { json } of answers) assert.equal(json.refreshToken, next);
  assert.equal((await askAccount(again.json.token)).status, 200);
  const third = await refresh(next);
  assert.equal(third.status, 200);
  assert.equal((await refresh(refreshToken, key)).status, 401, 'too late, and nobody is harmed');
  const fourth = await refresh(third.json.refreshToken, randomUUID());
  assert.equal(fourth.status, 200);
  for (const other of [randomUUID(), undefined]) {
    const { json } = await signIn((await register()).loginId);
    const first = await refresh(json.refreshToken, key);
    assert.equal((await refresh(json.refreshToken, other)).status, 401);
    assert.equal((await refresh(first.json.refreshToken)).status, 401, 'a thief: the session is over');
  }
});

test('of several who come with one refresh token at the same time, one gets the next, and the session is over', async () => {
  const { register, signIn, send } = identity;
  const { loginId } = await register();
  const { refreshToken } = (await signIn(loginId)).json;
  const answers = await Promise.all(
    Array.from({ length: 10 }, () => send('POST', '/token-refreshes', { refreshToken })),
  );
  const [winner, ...others] = answers.filter(({ status }) => status === 200);
  assert.deepEqual(others, []);
  const next = await send('POST', '/token-refreshes', { refreshToken: winner?.json.refreshToken });
  assert.equal(next.status, 401);
});

test('a revoked refresh token is refused, and revoking says nothing about what there was', async () => {
  const { register, signIn, send } = identity;
  const { loginId } = await register();
  const { refreshToken } = (await signIn(loginId)).json;
  for (const token of [refreshToken, refreshToken, 'A'.repeat(43)]) {
    const revoked = await send('POST', '/token-revocations', { refreshToken: token });
    assert.deepEqual([revoked.status, revoked.text], [200, '{}']);
  }
  assert.equal((await send('POST', '/token-refreshes', { refreshToken })).status, 401);
});

test('keys are rotated with overlap; a withdrawn one ends what it has signed', async () => {
  const { register, signIn, send, system } = identity;
  const { loginId } = await register();
  const operator = system.client(sessions, { service: 'authentication' });
  const first = (await signIn(loginId)).json.token;
  const { keyId } = await operator.rotateKeys({});
  const second = (await signIn(loginId)).json.token;
  assert.equal(partsOf(second)[0].kid, keyId);
  assert.notEqual(partsOf(first)[0].kid, keyId);
  const published = async () =>
    (await send('GET', '/.well-known/jwks.json')).json.keys.map(({ kid }: { kid: string }) => kid);
  assert.deepEqual((await published()).sort(), [partsOf(first)[0].kid, keyId].sort());
  // The gateway fetches keys anew for a name that it does not know, but not more often than every ten seconds.
  await eventually(
    () => askAccount(second),
    ({ status }) => status === 200,
  );
  assert.equal((await askAccount(first)).status, 200, 'signed before, and still valid');

  await operator.rotateKeys({ withdrawOthers: true });
  const third = (await signIn(loginId, goodPassword)).json.token;
  assert.deepEqual(await published(), [partsOf(third)[0].kid]);
  await eventually(
    () => askAccount(third),
    ({ status }) => status === 200,
  );
  for (const withdrawn of [first, second]) assert.equal((await askAccount(withdrawn)).status, 401);
});

test('a key signs up to the moment of the next one, and nothing after it', async () => {
  const { register, signIn, send, system } = identity;
  const sql = await reloadWatched(identity, sessionsService);
  const signedIn = await signIn((await register()).loginId);
  assert.equal(signedIn.status, 201, signedIn.text);
  let { token, refreshToken } = signedIn.json;
  const { kid: old } = partsOf(token)[0];
  const { keyId } = await system.client(sessions, { service: 'authentication' }).rotateKeys({});
  const [{ nextS } = { nextS: 0 }] = await sql<{ nextS: number }>`
    update signing_keys set signs_from = clock_timestamp() + interval '2 seconds' where key_id = ${keyId}
    returning extract(epoch from signs_from)::float8 as next_s`;
  const kids: string[] = [];
  do {
    const refreshed = await send('POST', '/token-refreshes', { refreshToken });
    assert.equal(refreshed.status, 200, refreshed.text);
    ({ token, refreshToken } = refreshed.json);
    const [{ kid }, { iat }] = partsOf(token);
    kids.push(kid);
    assert.ok(kid === keyId || (kid === old && iat <= nextS), `${kid} at ${iat}, the next one from ${nextS}`);
  } while (kids.at(-1) !== keyId);
  assert.ok(kids.includes(old), 'it was published before it signs');
});
