import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { createUserTokenSigner, generateUserKey, type Logger } from '@banyan/banyan';
import { noRedis, startRedis } from '@banyan/test-support/redis';
import { startTestSystem, until } from '@banyan/testing';
import { authWithTokens } from '../auth/contract.ts';
import stage4 from '../stage-4/system.ts';
import { twoBooks, Visitor } from './fixtures/visitor.ts';

async function startStage4(
  t: TestContext,
  { processes = false, logger }: { processes?: boolean; logger?: Logger } = {},
) {
  const redis = await startRedis();
  t.after(() => redis.stop());
  const system = await startTestSystem(t, stage4, {
    placement: processes ? [['gateway'], ['auth']] : [['gateway'], ['auth'], ['auth'], ['books'], ['books']],
    processes,
    environment: { AUTH_REDIS_URL: redis.url },
    ...(logger === undefined ? undefined : { logger }),
  });
  const visitor = new Visitor(system.publicUrl);
  await visitor.register('foo', 'bar');
  return { redis, system, visitor };
}

const jwt = /eyJ[\w-]+\./;

test('stage 4: no cookie is 401; with it the book service knows foo, and no answer ever has the token', {
  skip: noRedis,
}, async (t) => {
  const { visitor } = await startStage4(t);
  assert.equal((await visitor.get('/books')).status, 401);
  const answers = [await visitor.logIn()];
  assert.deepEqual([answers[0]?.status, answers[0]?.location], [303, '/me']);
  for (const path of ['/books', '/me']) answers.push(await visitor.get(path));
  assert.deepEqual(answers[1]?.json, twoBooks);
  assert.deepEqual(answers[2]?.json, { name: 'foo', roles: ['reader'] });
  for (const { text, setCookie } of answers) assert.doesNotMatch(text + setCookie.join(), jwt);
});

test('stage 4: the token says who, issued by whom, for whom and until when; nothing that verifies it could sign it', {
  skip: noRedis,
}, async (t) => {
  const { system, visitor } = await startStage4(t);
  await visitor.logIn();
  const session = visitor.cookies.get('__Host-session') ?? '';
  const { token } = await system.client(authWithTokens).exchange({ session });
  const [header, claims] = token
    .split('.')
    .slice(0, 2)
    .map((part) => JSON.parse(Buffer.from(part, 'base64url').toString()) as Record<string, unknown>);
  assert.deepEqual([header?.['alg'], header?.['typ']], ['EdDSA', 'at+jwt']);
  const { sub, scope, iss, aud, iat, exp } = claims ?? {};
  assert.deepEqual([sub, scope, iss, aud], ['foo', 'reader', 'books-auth', 'books']);
  assert.equal(Number(exp) - Number(iat), 60);
  const { keys } = (await visitor.get('/.well-known/jwks.json')).json as { keys: Record<string, string>[] };
  assert.deepEqual(
    keys.map(({ kty, crv, d, k }) => [kty, crv, d, k]),
    [['OKP', 'Ed25519', undefined, undefined]],
  );
});

test('stage 4: what a client claims in its own headers never wins over the session', {
  skip: noRedis,
}, async (t) => {
  const { system, visitor } = await startStage4(t);
  await visitor.register('eve', 'evil');
  await visitor.logIn();
  const eve = new Visitor(system.publicUrl);
  await eve.logIn('eve', 'evil');
  const session = eve.cookies.get('__Host-session') ?? '';
  const { token } = await system.client(authWithTokens).exchange({ session });
  assert.equal((await visitor.get('/me', { authorization: `Bearer ${token}` })).status, 400);
  const claimed = { 'banyan-user': token, 'x-user-id': 'eve', 'banyan-session': session };
  assert.deepEqual((await visitor.get('/me', claimed)).json, { name: 'foo', roles: ['reader'] });
});

test('stage 4: forged and unsigned tokens, and those of another algorithm, get 401 and never 500', {
  skip: noRedis,
}, async (t) => {
  const { visitor } = await startStage4(t);
  const names = { issuer: 'books-auth', audience: 'books' };
  const user = { id: 'foo', scopes: ['reader'] };
  const forged = await createUserTokenSigner({ ...names, privateJwk: await generateUserKey() }).sign(user);
  const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url');
  const claims = { iss: 'books-auth', aud: 'books', sub: 'foo', iat: 1, exp: 9_999_999_999 };
  const unsigned = `${encode({ alg: 'none', typ: 'at+jwt' })}.${encode(claims)}.`;
  const shared = `${encode({ alg: 'HS256', typ: 'at+jwt' })}.${encode(claims)}.${'A'.repeat(43)}`;
  for (const token of [forged.token, unsigned, shared, 'not a token', `${forged.token}x`]) {
    const { status, json } = await visitor.get('/books', { authorization: `Bearer ${token}` });
    assert.deepEqual([status, json['reason']], [401, 'invalid_token'], token);
  }
});

test('stage 4: signing out revokes at once; the cookie of a thief is worth nothing', {
  skip: noRedis,
}, async (t) => {
  const { system, visitor } = await startStage4(t);
  await visitor.logIn();
  assert.equal((await visitor.get('/books')).status, 200);
  const thief = visitor.at(system.publicUrl);
  assert.equal((await visitor.post('/logout')).status, 200);
  assert.equal(visitor.cookies.size, 0);
  assert.equal((await thief.get('/books')).status, 401);
});

test('stage 4: Redis away lets in nobody who is not known already, and nobody without identity', {
  skip: noRedis,
}, async (t) => {
  const { redis, visitor } = await startStage4(t);
  await visitor.logIn();
  await redis.kill();
  const { status, json } = await visitor.get('/books');
  assert.equal(status, 503, JSON.stringify(json));
});

test('stage 4: 100 requests for books are no Redis command of the book service, which is not connected to it', {
  skip: noRedis,
}, async (t) => {
  const { redis, visitor } = await startStage4(t);
  await visitor.logIn();
  assert.equal((await visitor.get('/books')).status, 200);
  const connected = (await redis.command('CLIENT', 'LIST')) ?? '';
  // Those of the two instances of auth that were asked, and the one that asks.
  const clients = connected.trim().split('\n').length;
  assert.ok(clients >= 2 && clients <= 3, connected);
  const commands = async () =>
    /total_commands_processed:(\d+)/.exec((await redis.command('INFO')) ?? '')?.[1];
  const before = Number(await commands());
  const begunAt = performance.now();
  for (let count = 0; count < 100; count += 1) assert.equal((await visitor.get('/books')).status, 200);
  // Our own INFO, and one exchange for each 5 s.
  const allowed = 4 + Math.ceil((performance.now() - begunAt) / 5_000);
  assert.ok(Number(await commands()) - before <= allowed);
});

test('stage 4: sessions, tokens and passwords are in no log', { skip: noRedis }, async (t) => {
  const lines: string[] = [];
  const write = (message: string, fields?: object) =>
    void lines.push(`${message} ${JSON.stringify(fields ?? {})}`);
  const logger: Logger = { debug: write, info: write, warn: write, error: write, with: () => logger };
  const { redis, visitor } = await startStage4(t, { logger });
  await visitor.logIn();
  await visitor.logIn('foo', 'wrong-secret');
  await visitor.get('/books');
  await redis.kill();
  await visitor.get('/me');
  const [session = ''] = visitor.cookies.values();
  const log = lines.join('\n');
  assert.ok(lines.length > 3);
  for (const secret of [session, 'wrong-secret', 'eyJ']) assert.ok(!log.includes(secret), secret);
});

test('stage 4: a third book instance takes traffic without a restart of the gateway; of killed ones no request notices', {
  skip: noRedis,
}, async (t) => {
  const { system, visitor } = await startStage4(t, { processes: true });
  const [first, second] = [await system.addProcess(['books']), await system.addProcess(['books'])];
  await visitor.logIn();
  const ask100 = async () => {
    for (let count = 0; count < 100; count += 1)
      assert.deepEqual((await visitor.get('/books')).json, twoBooks);
  };
  await ask100();
  await first.kill();
  await ask100();
  const before = await system.internalUrls('books');
  await system.addProcess(['books']);
  // The gateway is in this process, and shares the list. Of two that are gone and still listed a request could notice.
  await until(async () => {
    const urls = await system.internalUrls('books');
    return urls.length === 2 && urls.some((url) => !before.includes(url));
  }, 'the third instance in the place of the first');
  // Only the third one is left.
  await second.kill();
  await ask100();
});
