import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { noRedis, startRedis } from '@banyan/test-support/redis';
import { goodPassword, identitySystem, startIdentity, until } from './fixtures/identity.ts';
import { startLoad } from './fixtures/load.ts';

const services = identitySystem.services.map(({ name }) => name);
const others = services.filter((name) => name !== 'sessions');

/** Two gateways and two instances of `sessions`, with the sessions of browsers in a Redis of the test's own. */
async function startOnRedis(t: TestContext) {
  const redis = await startRedis({ durable: true });
  t.after(() => redis.stop());
  const identity = await startIdentity(t, {
    environment: { SESSIONS_REDIS_URL: redis.url },
    placement: [['gateway', 'message-sender', ...others], ['sessions'], ['sessions'], ['gateway']],
  });
  const [here = '', there = ''] = identity.system.publicUrls;
  /** Asks with a cookie at one of the two gateways. */
  const account = async (url: string, cookie: string) =>
    fetch(new URL('/account', url), { headers: { cookie } });
  return { redis, identity, here, there, account };
}

async function untilOut(ask: () => Promise<{ readonly status: number }>): Promise<number> {
  const beganAtMs = Date.now();
  for (;;) {
    const { status } = await ask();
    if (status === 401) return Date.now() - beganAtMs;
    assert.ok(status === 200 && Date.now() - beganAtMs < 20_000, `${status}`);
  }
}

test('with sessions in Redis a cookie holds at every gateway, and signing out everywhere ends it at each within 5 s', {
  skip: noRedis,
}, async (t) => {
  const { redis, identity, here, there, account } = await startOnRedis(t);
  const { loginId, accountId } = await identity.register();
  const [cookie, second] = [
    await identity.signInWithCookie(loginId),
    await identity.signInWithCookie(loginId),
  ];
  for (const url of [here, there]) {
    const answer = await account(url, cookie);
    assert.equal(((await answer.json()) as { accountId: string }).accountId, accountId);
  }
  assert.equal((await redis.command('KEYS', 'banyan:session:*')).split('\n').length, 2);
  const { origin } = new URL(here);
  const listed = await identity.send('GET', '/account/sessions', undefined, { cookie });
  assert.equal(listed.json.sessions.length, 2);
  const ended = await identity.send('DELETE', '/account/sessions', undefined, { cookie, origin });
  assert.deepEqual([ended.status, ended.json], [200, { ended: 2 }]);
  assert.equal((await account(here, second)).status, 401);
  const tookMs = await untilOut(() => account(there, cookie));
  assert.ok(tookMs < 7_000, `${tookMs} ms`);
  assert.equal(await redis.command('KEYS', 'banyan:session:*'), '');
});

test('with sessions in Redis a new password ends those of the old one', { skip: noRedis }, async (t) => {
  const { identity, here, account } = await startOnRedis(t);
  const { loginId } = await identity.register();
  const cookie = await identity.signInWithCookie(loginId);
  const given = { current: goodPassword, password: 'some noisy seagulls' };
  const headers = { cookie, origin: new URL(here).origin };
  assert.equal((await identity.send('PUT', '/account/password', given, headers)).status, 200);
  await untilOut(() => account(here, cookie));
});

test('Redis killed under load: nobody is let in whom it would have to know, access tokens go on, and no session is lost', {
  skip: noRedis,
}, async (t) => {
  const { redis, identity, here, account } = await startOnRedis(t);
  const { loginId } = await identity.register();
  const cookies: string[] = [];
  for (let count = 0; count < 4; count += 1) cookies.push(await identity.signInWithCookie(loginId));
  const { token } = (await identity.signIn(loginId)).json;
  const authorization = `Bearer ${token}`;
  let turn = 0;
  const browsers = startLoad(async () => {
    turn += 1;
    const answer = await account(here, cookies[turn % cookies.length] ?? '');
    await answer.arrayBuffer();
    return answer.status === 503 ? `503 after ${answer.headers.get('retry-after')}` : answer.status;
  });
  const programs = startLoad(
    async () => (await identity.send('GET', '/account', undefined, { authorization })).status,
  );
  const seen = { browsers: {} as Record<string, number>, programs: {} as Record<string, number> };
  const look = () => {
    for (const [name, load] of Object.entries({ browsers, programs })) {
      const known = seen[name as keyof typeof seen];
      for (const [outcome, count] of Object.entries(load.counts()))
        known[outcome] = (known[outcome] ?? 0) + count;
    }
    return seen;
  };
  await t.waitFor(() => assert.ok((look().browsers['200'] ?? 0) > 20), { timeout: 20_000 });
  await redis.kill();
  // Those that the gateway has heard of go on for five seconds.
  await t.waitFor(() => assert.ok((look().browsers['503 after 1'] ?? 0) > 20), { timeout: 20_000 });
  const workflowId = await identity.beginLogin();
  await identity.attempt(workflowId, loginId, goodPassword);
  const opening = await identity.send('POST', `/logins/${workflowId}/confirmation`, { as: 'cookie' });
  assert.deepEqual([opening.status, opening.headers.get('retry-after')], [503, '1']);
  const headers = { authorization };
  const signingOut = await identity.send('DELETE', '/account/sessions', undefined, headers);
  assert.equal(signingOut.status, 503, 'what cannot be ended is not said to have ended');
  await redis.restart();
  for (const cookie of cookies) {
    await until(
      () => identity.send('GET', '/account', undefined, { cookie }),
      ({ status }) => status === 200,
    );
  }
  await browsers.end();
  await programs.end();
  look();
  t.diagnostic(JSON.stringify(seen));
  // Longer than one second while the circuit to `sessions` is open.
  for (const outcome of Object.keys(seen.browsers)) assert.match(outcome, /^(200|503 after [1-5])$/);
  assert.deepEqual(Object.keys(seen.programs), ['200']);
});
