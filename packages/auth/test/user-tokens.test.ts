import assert from 'node:assert/strict';
import { createHmac, sign as signBytes } from 'node:crypto';
import { test } from 'node:test';
import {
  createUserTokenSigner,
  createUserTokenVerifier,
  generateUserKey,
  type UserTokenVerifierOptions,
} from '@banyan/auth';
import { createManualClock } from '@banyan/core/testing';

const startMs = 1_700_000_000_000;
const nowS = startMs / 1_000;
const issuer = 'https://identity.test';
const audience = 'photo-print';
const user = { id: 'u1', scopes: ['orders:write', 'photos:read'] };
const refused = { code: 'unauthenticated', reason: 'invalid_user_token', status: 401 };

async function setUp(options: Partial<UserTokenVerifierOptions> = {}) {
  const clock = createManualClock(startMs);
  const privateJwk = await generateUserKey();
  const signer = createUserTokenSigner({ issuer, audience, privateJwk, clock });
  let fetches = 0;
  const keys = async () => {
    fetches += 1;
    return signer.jwks();
  };
  const verifier = createUserTokenVerifier({ issuer, audience, keys, clock, ...options });
  return { clock, privateJwk, signer, verifier, fetches: () => fetches };
}

test('a signed token names its user until it expires', async () => {
  const { clock, signer, verifier } = await setUp();
  const { token, expiresAt } = await signer.sign(user);
  assert.equal(expiresAt, new Date(startMs + 900_000).toISOString());
  assert.equal(verifier.verified(token), undefined);
  const verified = await verifier.verify(token);
  assert.deepEqual(verified, { ...user, expiresAt });
  assert.equal(verifier.verified(token), verified);
  assert.equal(await verifier.verify(token), verified);
  clock.advance(905_000);
  assert.equal(verifier.verified(token), undefined);
  await assert.rejects(verifier.verify(token), refused);
});

test('the published key holds no private part', async () => {
  const { signer, privateJwk } = await setUp();
  const text = JSON.stringify(await signer.jwks());
  assert.ok(privateJwk.d !== undefined && !text.includes(privateJwk.d));
  assert.ok(text.includes('"kid"'));
});

test('keys are fetched once for many tokens', async () => {
  const { signer, verifier, fetches } = await setUp();
  const tokens = await Promise.all([1, 2, 3, 4, 5].map((id) => signer.sign({ id: `${id}`, scopes: [] })));
  await Promise.all(tokens.map(({ token }) => verifier.verify(token)));
  assert.equal(fetches(), 1);
});

test('a token under a new key is accepted after one fetch, and unknown key names cannot cause a flood of them', async () => {
  const clock = createManualClock(startMs);
  const signers = await Promise.all(
    [1, 2].map(async () =>
      createUserTokenSigner({ issuer, audience, privateJwk: await generateUserKey(), clock }),
    ),
  );
  const [old, rotated] = signers as [(typeof signers)[number], (typeof signers)[number]];
  let current = await old.jwks();
  let fetches = 0;
  const verifier = createUserTokenVerifier({
    issuer,
    audience,
    clock,
    keys: async () => {
      fetches += 1;
      return current;
    },
  });
  await verifier.verify((await old.sign(user)).token);
  current = { keys: [...current.keys, ...(await rotated.jwks()).keys] };
  clock.advance(10_000);
  assert.equal((await verifier.verify((await rotated.sign(user)).token)).id, 'u1');
  assert.equal(fetches, 2);
  const stranger = createUserTokenSigner({ issuer, audience, privateJwk: await generateUserKey(), clock });
  for (let count = 0; count < 50; count += 1) {
    await assert.rejects(verifier.verify((await stranger.sign(user)).token), refused);
  }
  assert.equal(fetches, 2);
});

test('a key that is withdrawn stops working when the keys are fetched again, also for cached tokens', async () => {
  const clock = createManualClock(startMs);
  const signer = createUserTokenSigner({
    issuer,
    audience,
    privateJwk: await generateUserKey(),
    clock,
    lifetimeS: 86_400,
  });
  let current = await signer.jwks();
  const verifier = createUserTokenVerifier({
    issuer,
    audience,
    clock,
    keys: async () => current,
    maxKeyAgeMs: 60_000,
  });
  const { token } = await signer.sign(user);
  await verifier.verify(token);
  current = { keys: [] };
  clock.advance(60_000);
  assert.equal(verifier.verified(token), undefined);
  await assert.rejects(verifier.verify(token), refused);
});

test('an issuer that is down is reported as such at first, and later does not sign anybody out', async () => {
  const { clock, signer } = await setUp();
  let up = false;
  const verifier = createUserTokenVerifier({
    issuer,
    audience,
    clock,
    keys: () => (up ? signer.jwks() : Promise.reject(new Error('connection refused'))),
    maxKeyAgeMs: 60_000,
  });
  const { token } = await signer.sign(user);
  await assert.rejects(verifier.verify(token), { code: 'unavailable', reason: 'signing_keys_unavailable' });
  up = true;
  await verifier.verify(token);
  up = false;
  clock.advance(120_000);
  assert.equal((await verifier.verify(token)).id, 'u1');
});

test('forged, foreign and misused tokens are refused', async () => {
  const { clock, privateJwk, signer, verifier } = await setUp();
  const { kid } = privateJwk;
  const { token } = await signer.sign(user);
  const claims = { iss: issuer, aud: audience, sub: 'u1', iat: nowS, exp: nowS + 900, scope: '' };
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = (header: object, body: object) => {
    const text = `${part(header)}.${part(body)}`;
    const key = { key: privateJwk, format: 'jwk' } as const;
    return `${text}.${signBytes(null, Buffer.from(text), key as never).toString('base64url')}`;
  };
  const header = { alg: 'EdDSA', typ: 'at+jwt', kid };
  assert.equal((await verifier.verify(signed(header, claims))).id, 'u1');

  const [publicJwk] = (await signer.jwks()).keys;
  const confused = `${part({ ...header, alg: 'HS256' })}.${part(claims)}`;
  const hmac = createHmac('sha256', JSON.stringify(publicJwk)).update(confused).digest('base64url');
  const elsewhere = { issuer: 'https://evil.test', audience: 'other', clock };
  const bad = [
    '',
    'x.y.z',
    'x'.repeat(100_000),
    undefined,
    null,
    42,
    token.slice(0, -4),
    `${confused}.${hmac}`,
    `${part({ ...header, alg: 'none' })}.${part(claims)}.`,
    signed({ ...header, alg: 'nOnE' }, claims),
    signed({ ...header, typ: 'JWT' }, claims),
    signed({ ...header, typ: undefined }, claims),
    signed({ ...header, kid: undefined }, claims),
    signed({ ...header, kid: 'another' }, claims),
    signed({ ...header, crit: ['exp'] }, claims),
    signed(header, { ...claims, iss: 'https://evil.test' }),
    signed(header, { ...claims, aud: 'other' }),
    signed(header, { ...claims, sub: undefined }),
    signed(header, { ...claims, sub: '' }),
    signed(header, { ...claims, exp: undefined }),
    signed(header, { ...claims, exp: nowS - 60 }),
    signed(header, { ...claims, nbf: nowS + 60 }),
    (await createUserTokenSigner({ ...elsewhere, privateJwk }).sign(user)).token,
    (
      await createUserTokenSigner({
        issuer,
        audience,
        clock,
        privateJwk: { ...(await generateUserKey()), kid: kid ?? '' },
      }).sign(user)
    ).token,
  ];
  for (const [index, attempt] of bad.entries()) {
    await assert.rejects(verifier.verify(attempt as string), refused, `attempt ${index}`);
  }
});

test('a signer refuses lifetimes that are no whole seconds of at most a day', async () => {
  const privateJwk = await generateUserKey();
  for (const lifetimeS of [0, -1, 1.5, 86_401, Number.NaN, Number.POSITIVE_INFINITY]) {
    assert.throws(() => createUserTokenSigner({ issuer, audience, privateJwk, lifetimeS }), TypeError);
  }
});

test('a signer refuses a key that is not an Ed25519 private key', async () => {
  const { signer } = await setUp();
  const [publicJwk] = (await signer.jwks()).keys;
  for (const privateJwk of [publicJwk, { kty: 'oct', k: 'AAAA' }, {}]) {
    assert.throws(
      () => createUserTokenSigner({ issuer, audience, privateJwk: privateJwk as never }),
      TypeError,
    );
  }
});
