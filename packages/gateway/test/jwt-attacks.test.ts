import assert from 'node:assert/strict';
import { createHmac, createPrivateKey, generateKeyPairSync, sign } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { generateUserKey } from '@banyan/auth';
import { type RunningShop, runShop } from './support/running-shop.ts';

type Json = Readonly<Record<string, unknown>>;

const part = (value: unknown) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
const nowS = () => Math.floor(Date.now() / 1_000);

/** A gateway whose keys the test knows, so that every token below is wrong in one thing only. */
async function setUp(t: TestContext) {
  const { d, ...publicJwk } = await generateUserKey();
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2_048 });
  const rsaJwk = { ...rsa.publicKey.export({ format: 'jwk' }), kid: 'rsa', alg: 'RS256', use: 'sig' };
  let fetches = 0;
  const shop = await runShop(t, {
    handlers: {
      publicKeys() {
        fetches += 1;
        return { keys: [publicJwk, rsaJwk] };
      },
    },
  });
  const key = createPrivateKey({ key: { ...publicJwk, d } as never, format: 'jwk' });
  const header = { alg: 'EdDSA', typ: 'at+jwt', kid: publicJwk.kid };
  const claims = { iss: 'shop', aud: 'shop', sub: 'ada', iat: nowS(), exp: nowS() + 600, scope: 'a' };
  /** Signs the very text that it is given. */
  const forge = (head: Json | string = header, body: Json | string = claims, otherKey = key) => {
    const text = `${part(head)}.${part(body)}`;
    return `${text}.${sign(null, Buffer.from(text), otherKey).toString('base64url')}`;
  };
  const hmac = (head: Json, secret: string | Buffer) => {
    const text = `${part(head)}.${part(claims)}`;
    return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
  };
  const rs256 = (head: Json) => {
    const text = `${part(head)}.${part(claims)}`;
    return `${text}.${sign('sha256', Buffer.from(text), rsa.privateKey).toString('base64url')}`;
  };
  return { shop, publicJwk, rsa, header, claims, forge, hmac, rs256, fetches: () => fetches };
}

async function ask({ url }: RunningShop, token: string) {
  const answer = await fetch(`${url}/orders/1`, { headers: { authorization: `Bearer ${token}` } });
  await answer.body?.cancel();
  return answer.status;
}

async function refused(shop: RunningShop, attacks: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, token] of Object.entries(attacks)) assert.equal(await ask(shop, token), 401, name);
  assert.equal(shop.contexts.length, 0);
  assert.equal(shop.log.filter(({ level }) => level === 'error').length, 0);
}

test('a token that is made by hand to the rules is taken, so the attacks fail for their own reason', async (t) => {
  const { shop, forge, claims, header } = await setUp(t);
  assert.equal(await ask(shop, forge()), 200);
  assert.equal(await ask(shop, forge(header, { ...claims, aud: ['x', 'shop'] })), 200);
  assert.equal(await ask(shop, forge({ ...header, typ: 'application/at+jwt' })), 401);
});

test('no signature, and any other algorithm than that of the key, is 401', async (t) => {
  const { shop, header, forge, hmac, rs256, rsa, publicJwk, claims } = await setUp(t);
  const pem = rsa.publicKey.export({ type: 'spki', format: 'pem' }).toString();
  const none = Object.fromEntries(
    ['none', 'None', 'NONE', 'nOnE'].flatMap((alg) => [
      [`${alg}, empty signature`, `${part({ ...header, alg })}.${part(claims)}.`],
      [`${alg}, no signature`, `${part({ ...header, alg })}.${part(claims)}`],
      [`${alg}, a signature`, forge({ ...header, alg })],
    ]),
  );
  await refused(shop, {
    ...none,
    'public key as HMAC secret (JWK)': hmac({ ...header, alg: 'HS256' }, JSON.stringify(publicJwk)),
    'public key as HMAC secret (bytes)': hmac(
      { ...header, alg: 'HS256' },
      Buffer.from(publicJwk.x ?? '', 'base64url'),
    ),
    'RSA public key as HMAC secret (PEM)': hmac({ ...header, alg: 'HS256', kid: 'rsa' }, pem),
    'RS256 under a published key': rs256({ ...header, alg: 'RS256', kid: 'rsa' }),
    'RS256 under the name of the other key': rs256({ ...header, alg: 'RS256' }),
    'EdDSA under the name of the RSA key': forge({ ...header, kid: 'rsa' }),
    'empty algorithm': forge({ ...header, alg: '' }),
    'no algorithm': forge({ ...header, alg: undefined }),
    'an algorithm that is no text': forge({ ...header, alg: ['EdDSA'] }),
  });
});

test('keys that the token brings along, or says where to get, are ignored; nobody is asked', async (t) => {
  let asked = 0;
  const server = createServer((_request, response) => {
    asked += 1;
    response.end('{}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const elsewhere = `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`;
  const { shop, header, claims, forge } = await setUp(t);
  const { d, ...evil } = await generateUserKey();
  const evilKey = createPrivateKey({ key: { ...evil, d } as never, format: 'jwk' });
  const { kid: _kid, ...nameless } = header;
  const attacks: Record<string, string> = {};
  for (const [name, more] of Object.entries({
    jwk: { jwk: evil },
    jku: { jku: elsewhere },
    x5u: { x5u: elsewhere },
    x5c: { x5c: [Buffer.alloc(300).toString('base64')] },
    'x5t#S256': { 'x5t#S256': 'a'.repeat(43) },
  })) {
    attacks[name] = forge({ ...header, ...more }, claims, evilKey);
    attacks[`${name}, without kid`] = forge({ ...nameless, ...more }, claims, evilKey);
    attacks[`${name}, its own kid`] = forge({ ...header, ...more, kid: evil.kid }, claims, evilKey);
  }
  await refused(shop, attacks);
  assert.equal(asked, 0);
});

test('key names are compared and nothing else, and unknown ones cause one fetch', async (t) => {
  const { shop, header, forge, fetches } = await setUp(t);
  const names = [
    '../../../../dev/null',
    '/etc/passwd',
    'file:///etc/passwd',
    "' or '1'='1",
    "'; drop table signing_keys; --",
    'a\0b',
    '__proto__',
    'constructor',
    'x'.repeat(4_000),
    '',
  ];
  const attacks = Object.fromEntries(
    names.map((kid) => [`kid ${JSON.stringify(kid)}`, forge({ ...header, kid })]),
  );
  await refused(shop, {
    ...attacks,
    'no kid': forge({ ...header, kid: undefined }),
    'kid that is a number': forge({ ...header, kid: 1 }),
    'kid that is a list': forge({ ...header, kid: [header.kid] }),
    'kid that is an object': forge({ ...header, kid: { toString: 'x' } }),
  });
  await Promise.all(
    Array.from({ length: 200 }, (_, index) => ask(shop, forge({ ...header, kid: `unknown-${index}` }))),
  );
  assert.equal(fetches(), 1);
});

test('what the header marks as critical, another type, and encrypted tokens are 401, at once', async (t) => {
  const { shop, header, forge, claims } = await setUp(t);
  const jwe = (head: Json) => `${part(head)}.${part('key')}.${part('iv')}.${part('text')}.${part('tag')}`;
  const began = process.cpuUsage();
  await refused(shop, {
    'unknown crit': forge({ ...header, crit: ['x'], x: 1 }),
    'crit of a registered name': forge({ ...header, crit: ['exp'], exp: 1 }),
    'empty crit': forge({ ...header, crit: [] }),
    'unencoded payload': forge({ ...header, crit: ['b64'], b64: false }),
    'typ JWT': forge({ ...header, typ: 'JWT' }),
    'typ of an ID token': forge({ ...header, typ: 'id_token' }),
    'typ of a service token': forge({ ...header, typ: 'banyan-service+jwt' }),
    'no typ': forge({ ...header, typ: undefined }),
    'typ that is no text': forge({ ...header, typ: ['at+jwt'] }),
    'PBES2 with ten million rounds': jwe({
      alg: 'PBES2-HS256+A128KW',
      enc: 'A128GCM',
      p2c: 10_000_000,
      p2s: 'AAAA',
    }),
    'PBES2 with the right type': jwe({
      ...header,
      alg: 'PBES2-HS256+A128KW',
      enc: 'A128GCM',
      p2c: 10_000_000,
      p2s: 'AAAA',
    }),
    'compressed JWE': jwe({ ...header, alg: 'dir', enc: 'A256GCM', zip: 'DEF' }),
    'a token in a token': forge(header, forge(header, claims)),
  });
  // Ten million rounds of PBKDF2, twice: work is what counts, and not how long the machine stalled.
  const { user, system } = process.cpuUsage(began);
  assert.ok(user + system < 5_000_000, `${user + system} µs`);
});

test('claims that are missing, of the wrong kind, or for somebody else are 401', async (t) => {
  const { shop, header, claims, forge } = await setUp(t);
  const wrong: Record<string, Json> = {
    'other issuer': { iss: 'https://evil.example' },
    'issuer that is a list': { iss: ['shop'] },
    'no issuer': { iss: undefined },
    'other audience': { aud: 'other' },
    'audience list without us': { aud: ['other', 'more'] },
    'no audience': { aud: undefined },
    'audience that is an object': { aud: { 0: 'shop' } },
    'no subject': { sub: undefined },
    'empty subject': { sub: '' },
    'subject that is a number': { sub: 1 },
    'no expiry': { exp: undefined },
    'expiry as text': { exp: `${nowS() + 600}` },
    'expiry beyond every calendar': { exp: 1e300 },
    'negative expiry': { exp: -1 },
    'expired for more than a minute': { exp: nowS() - 61 },
    'not valid for another minute': { nbf: nowS() + 61 },
    'nbf as text': { nbf: '0' },
    'no time of issue': { iat: undefined },
    'iat as text': { iat: 'now' },
  };
  await refused(
    shop,
    Object.fromEntries(
      Object.entries(wrong).map(([name, change]) => [name, forge(header, { ...claims, ...change })]),
    ),
  );
  for (const body of ['', '[]', 'null', '1', '"a"', '{', '{"a":', '{}garbage']) {
    assert.equal(await ask(shop, forge(header, body)), 401, body);
    assert.equal(await ask(shop, forge(body)), 401, body);
  }
});

test('members that come twice are 401, whichever of them a reader would take, and however they are written', async (t) => {
  const { shop, header, claims, forge } = await setUp(t);
  const text = JSON.stringify(claims);
  const headerText = JSON.stringify(header);
  await refused(shop, {
    'two subjects': forge(header, `{"sub":"eve",${text.slice(1)}`),
    'two subjects, the last one wrong': forge(header, `${text.slice(0, -1)},"sub":"eve"}`),
    'the same one twice': forge(header, `{"sub":"ada",${text.slice(1)}`),
    'written with an escape': forge(header, `{"s\\u0075b":"eve",${text.slice(1)}`),
    'with much white space': forge(header, `{"sub"${' '.repeat(40)}:"eve",${text.slice(1)}`),
    'with white space': forge(header, `{ "sub" \n : "eve" , ${text.slice(1)}`),
    'far inside': forge(header, `{"x":[{"a":1,"a":2}],${text.slice(1)}`),
    'two algorithms': forge(`{"alg":"none",${headerText.slice(1)}`),
    'two key names': forge(`${headerText.slice(0, -1)},"kid":"${header.kid}"}`),
  });
  assert.equal(await ask(shop, forge(header, `{"x":{"sub":"y"},"y":["sub","sub"],${text.slice(1)}`)), 200);
});

test('anything but strict base64url is 401, also where a decoder would make the same bytes of it', async (t) => {
  const { shop, forge } = await setUp(t);
  const good = forge();
  const [head = '', body = '', signature = ''] = good.split('.');
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  // 64 bytes leave four bits of the last character unused.
  const last = alphabet.indexOf(signature.at(-1) ?? '');
  const sameBytes = `${signature.slice(0, -1)}${alphabet[last ^ 1]}`;
  assert.deepEqual(Buffer.from(sameBytes, 'base64url'), Buffer.from(signature, 'base64url'));
  await refused(shop, {
    'unused bits': `${head}.${body}.${sameBytes}`,
    padding: `${head}.${body}.${signature}==`,
    'padding inside': `${head}=.${body}.${signature}`,
    'standard alphabet': `${head}.${body}.${signature.slice(0, -2)}+/`,
    'a dot more': `${good}.`,
    'a part more': `${good}.${signature}`,
    'a part less': `${head}.${body}`,
    'a dot in front': `.${good}`,
    'cut short': good.slice(0, -1),
  });
  assert.equal(await ask(shop, good), 200);
});
