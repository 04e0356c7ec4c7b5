import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import { createServiceTokens, generateSystemKey, type ServiceTokens } from '@banyan/auth';
import { createManualClock } from '@banyan/core/testing';
import fc from 'fast-check';

const key = Buffer.alloc(32, 7).toString('base64url');
const startMs = 1_700_000_000_000;
const nowS = startMs / 1_000;
const serviceRefusal = { code: 'unauthenticated', reason: 'invalid_service_token', status: 401 };
const userRefusal = { code: 'unauthenticated', reason: 'invalid_user_assertion', status: 401 };
const goodHeader = { alg: 'HS256', typ: 'banyan-service+jwt' };
const goodClaims = { sub: 'orders', aud: 'payments', iat: nowS, exp: nowS + 300 };

function tokensOf(service: string, clock = createManualClock(startMs), signingKey = key): ServiceTokens {
  return createServiceTokens({ key: signingKey, service, clock });
}

/** Signs whatever it is given, by hand, as somebody with the key but no manners could. */
function forge(header: unknown, claims: unknown, signingKey = key, hash = 'sha256'): string {
  const part = (value: unknown) =>
    Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
  const signed = `${part(header)}.${part(claims)}`;
  const signature = createHmac(hash, Buffer.from(signingKey, 'base64url')).update(signed).digest('base64url');
  return `${signed}.${signature}`;
}

test('a service token names its caller to the service it was made for', async () => {
  const token = await tokensOf('orders').issue('payments');
  const payments = tokensOf('payments');
  assert.equal(payments.verified(token), undefined);
  const identity = await payments.verify(token);
  assert.deepEqual(identity, { service: 'orders', expiresAtMs: startMs + 300_000 });
  assert.equal(payments.verified(token), identity);
});

test('a token made by hand to the same rules is accepted, so the attacks below fail for their own reason', async () => {
  assert.equal((await tokensOf('payments').verify(forge(goodHeader, goodClaims))).service, 'orders');
});

test('a user assertion carries id and scopes', async () => {
  const orders = tokensOf('orders');
  const user = { id: 'user with a space', scopes: ['orders:read', 'orders:write'] };
  const assertion = await orders.issueUser(user);
  assert.equal(orders.cachedUser({ ...user }), assertion);
  const payments = tokensOf('payments');
  const verified = await payments.verifyUser(assertion);
  assert.deepEqual(verified, user);
  assert.equal(payments.verifiedUser(assertion), verified);
});

test('users whose id and scopes read alike never share an assertion', async () => {
  const orders = tokensOf('orders');
  const one = await orders.issueUser({ id: 'a', scopes: ['b'] });
  const other = await orders.issueUser({ id: 'a b', scopes: [] });
  assert.notEqual(one, other);
  assert.deepEqual(await orders.verifyUser(other), { id: 'a b', scopes: [] });
});

test('a token is reused until a fifth of its life is left', async () => {
  const clock = createManualClock(startMs);
  const orders = tokensOf('orders', clock);
  const first = await orders.issue('payments');
  clock.advance(239_000);
  assert.equal(orders.cached('payments'), first);
  assert.equal(await orders.issue('payments'), first);
  clock.advance(1_000);
  assert.equal(orders.cached('payments'), undefined);
  assert.notEqual(await orders.issue('payments'), first);
});

test('an expired token is refused, also by the cache', async () => {
  const clock = createManualClock(startMs);
  const token = await tokensOf('orders').issue('payments');
  const payments = tokensOf('payments', clock);
  await payments.verify(token);
  clock.advance(300_000);
  assert.equal(payments.verified(token), undefined);
  clock.advance(5_000);
  await assert.rejects(payments.verify(token), serviceRefusal);
});

test('a token for another service is refused, also when another audience has accepted it', async () => {
  const token = await tokensOf('orders').issue('payments');
  const printing = tokensOf('printing');
  await assert.rejects(printing.verify(token), serviceRefusal);
  await printing.verify(token, 'payments');
  assert.equal(printing.verified(token), undefined);
  await assert.rejects(printing.verify(token), serviceRefusal);
});

test('a service token is no user assertion and the other way round', async () => {
  const orders = tokensOf('orders');
  const assertion = await orders.issueUser({ id: 'orders', scopes: [] });
  await assert.rejects(tokensOf('payments').verifyUser(await orders.issue('payments')), userRefusal);
  await assert.rejects(tokensOf('payments').verify(assertion), serviceRefusal);
  const withAudience = forge({ alg: 'HS256', typ: 'banyan-user+jwt' }, goodClaims);
  await assert.rejects(tokensOf('payments').verify(withAudience), serviceRefusal);
});

const attacks: Record<string, () => unknown> = {
  'no token': () => '',
  'not a string': () => ({ toString: () => forge(goodHeader, goodClaims) }),
  undefined: () => undefined,
  garbage: () => 'a.b.c',
  'two parts': () => forge(goodHeader, goodClaims).split('.').slice(0, 2).join('.'),
  'empty signature': () => `${forge(goodHeader, goodClaims).split('.').slice(0, 2).join('.')}.`,
  'another key': () => forge(goodHeader, goodClaims, generateSystemKey()),
  'a stronger hash than agreed': () => forge({ ...goodHeader, alg: 'HS512' }, goodClaims, key, 'sha512'),
  'an asymmetric algorithm': () => forge({ ...goodHeader, alg: 'RS256' }, goodClaims),
  'no typ': () => forge({ alg: 'HS256' }, goodClaims),
  'plain typ': () => forge({ alg: 'HS256', typ: 'JWT' }, goodClaims),
  'no audience': () => forge(goodHeader, { ...goodClaims, aud: undefined }),
  'no subject': () => forge(goodHeader, { ...goodClaims, sub: undefined }),
  'empty subject': () => forge(goodHeader, { ...goodClaims, sub: '' }),
  'a subject that is no string': () => forge(goodHeader, { ...goodClaims, sub: { id: 'orders' } }),
  'no expiry': () => forge(goodHeader, { ...goodClaims, exp: undefined }),
  'expiry as text': () => forge(goodHeader, { ...goodClaims, exp: `${nowS + 60}` }),
  'no time of issue': () => forge(goodHeader, { ...goodClaims, iat: undefined }),
  'a life longer than five minutes': () => forge(goodHeader, { ...goodClaims, exp: nowS + 301 }),
  'issued in the future to live longer': () =>
    forge(goodHeader, { ...goodClaims, iat: nowS + 3_600, exp: nowS + 3_900, nbf: nowS + 3_600 }),
  'not valid yet': () => forge(goodHeader, { ...goodClaims, nbf: nowS + 60 }),
  'an unknown critical header': () => forge({ ...goodHeader, crit: ['x'], x: 1 }, goodClaims),
  'an unencoded payload': () => forge({ ...goodHeader, crit: ['b64'], b64: false }, goodClaims),
  'claims that are no object': () => forge(goodHeader, '[1,2]'),
  'claims that are no JSON': () => forge(goodHeader, '{"sub":'),
  'more than 8 KiB': () => forge(goodHeader, { ...goodClaims, padding: 'x'.repeat(8_192) }),
  'a key of its own in the header': () =>
    forge(
      { ...goodHeader, jwk: { kty: 'oct', k: Buffer.alloc(32, 1).toString('base64url') } },
      goodClaims,
      Buffer.alloc(32, 1).toString('base64url'),
    ),
};
for (const alg of ['none', 'None', 'NONE', 'nOnE', 'hs256', '', 'HS256 ']) {
  attacks[`algorithm '${alg}'`] = () => forge({ ...goodHeader, alg }, goodClaims);
  attacks[`algorithm '${alg}' without signature`] = () =>
    `${forge({ ...goodHeader, alg }, goodClaims)
      .split('.')
      .slice(0, 2)
      .join('.')}.`;
}
for (const [name, attack] of Object.entries(attacks)) {
  test(`a token with ${name} is refused`, async () => {
    const payments = tokensOf('payments');
    await assert.rejects(payments.verify(attack() as string), serviceRefusal);
    assert.equal(payments.verified(attack() as string), undefined);
  });
}

test('of duplicated claims only one value is ever used, for every check', async () => {
  const claims = `{"sub":"gateway","sub":"orders","aud":"printing","aud":"payments","iat":${nowS},"exp":1,"exp":${nowS + 300}}`;
  const token = forge(goodHeader, claims);
  assert.equal((await tokensOf('payments').verify(token)).service, 'orders');
  await assert.rejects(tokensOf('printing').verify(token), serviceRefusal);
});

test('changing any one character of a token makes it invalid', async () => {
  const token = await tokensOf('orders').issue('payments');
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const payments = tokensOf('payments');
  await fc.assert(
    fc.asyncProperty(
      fc.nat(token.length - 1),
      fc.constantFrom(...alphabet, '.', '=', '\0'),
      async (at, character) => {
        const changed = token.slice(0, at) + character + token.slice(at + 1);
        // The last character of a base64url part may carry unused bits: equal bytes are the same token.
        const bytes = (text: string) =>
          text.split('.').map((part) => Buffer.from(part, 'base64url').toString('hex'));
        fc.pre(bytes(changed).join('.') !== bytes(token).join('.'));
        await assert.rejects(payments.verify(changed), serviceRefusal);
      },
    ),
  );
});

test('the refusal says nothing about the reason', async () => {
  const attempts = [
    'x',
    forge(goodHeader, { ...goodClaims, exp: 1 }),
    forge({ ...goodHeader, alg: 'none' }, goodClaims),
  ];
  for (const token of attempts) {
    await assert.rejects(tokensOf('payments').verify(token), { message: 'The token is not valid here.' });
  }
});

test('a short or malformed key and an absurd lifetime are refused when they are given', () => {
  for (const bad of [Buffer.alloc(31).toString('base64url'), '', 'not base64url!', 'a+/='.repeat(20)]) {
    assert.throws(() => createServiceTokens({ key: bad, service: 'a' }), TypeError, bad);
  }
  for (const lifetimeS of [0, -1, 301, 1.5, Number.NaN]) {
    assert.throws(() => createServiceTokens({ key, service: 'a', lifetimeS }), TypeError);
  }
});

test('a new system key is good enough and never the same', () => {
  const keys = [generateSystemKey(), generateSystemKey()];
  assert.notEqual(keys[0], keys[1]);
  for (const made of keys) createServiceTokens({ key: made, service: 'a' });
});

test('a flood of different users leaves the caches bounded', async () => {
  const payments = tokensOf('payments');
  const first = await payments.issueUser({ id: 'first', scopes: [] });
  for (let count = 0; count < 5_000; count += 1) {
    const assertion = forge(
      { alg: 'HS256', typ: 'banyan-user+jwt' },
      { sub: `user-${count}`, iat: nowS, exp: nowS + 300 },
    );
    await payments.verifyUser(assertion);
    await payments.issueUser({ id: `user-${count}`, scopes: [] });
  }
  assert.equal(payments.cachedUser({ id: 'first', scopes: [] }), undefined);
  assert.equal((await payments.verifyUser(first)).id, 'first');
});
