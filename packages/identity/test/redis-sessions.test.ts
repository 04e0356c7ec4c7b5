import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { sessions, sessionsService } from '@banyan/identity';
import { noRedis, startRedis } from '@banyan/test-support/redis';
import { eventually, stallMs, untilPasses } from '@banyan/testing';
import { goodPassword, identitySystem, startIdentity } from './fixtures/identity.ts';
import { startLoad } from './fixtures/load.ts';
import { reloadWatched } from './fixtures/watched-database.ts';

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
  assert.ok(tookMs < 5_000 + stallMs, `${tookMs} ms`);
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

/** One process, whose `sessions` cannot commit a revocation between `refuseCommits` and `allowCommits`. */
async function startWithoutCommits(t: TestContext) {
  const redis = await startRedis();
  t.after(() => redis.stop());
  const identity = await startIdentity(t, { environment: { SESSIONS_REDIS_URL: redis.url } });
  const sql = await reloadWatched(identity, sessionsService);
  await sql`
    create function refuse() returns trigger language plpgsql as 'begin raise exception ''no room''; end'`;
  const client = identity.system.client(sessions);
  return {
    ...{ identity, client },
    refuseCommits: () => sql`
      create constraint trigger refuse after insert on revocations
      deferrable initially deferred for each row execute function refuse()`,
    allowCommits: () => sql`drop trigger refuse on revocations`,
    /** Ids of sessions whose tokens no longer count. */
    revoked: async () => {
      const { revoked } = await client.revocations({});
      return revoked.map(({ id }) => id);
    },
    /** A session with a cookie, and its id. */
    async signIn(loginId: string) {
      const cookie = await identity.signInWithCookie(loginId);
      const [key = '', ...others] = (await redis.command('KEYS', 'banyan:session:*')).split('\n');
      assert.deepEqual(others, []);
      return { cookie, sessionId: await redis.command('HGET', key, 'id') };
    },
    left: () => redis.command('KEYS', 'banyan:session:*'),
  };
}

test('a sign-out whose commit fails after Redis has ended the sessions revokes their tokens at the next try', {
  skip: noRedis,
}, async (t) => {
  const place = await startWithoutCommits(t);
  const { identity, client, signIn, revoked } = place;
  const { loginId } = await identity.register();

  const here = await signIn(loginId);
  const signOut = { session: here.cookie.split('=')[1] };
  await place.refuseCommits();
  await assert.rejects(client.signOut(signOut));
  assert.deepEqual([await place.left(), await revoked()], ['', []]);
  await place.allowCommits();
  await client.signOut(signOut);
  assert.deepEqual(await revoked(), [here.sessionId]);

  const browser = await signIn(loginId);
  const authorization = `Bearer ${(await identity.signIn(loginId)).json.token}`;
  const everywhere = () => identity.send('DELETE', '/account/sessions', undefined, { authorization });
  await place.refuseCommits();
  assert.equal((await everywhere()).status, 500);
  assert.deepEqual([await place.left(), await revoked()], ['', [here.sessionId]]);
  await place.allowCommits();
  const ended = await everywhere();
  assert.deepEqual([ended.status, ended.json], [200, { ended: 2 }]);
  assert.ok((await revoked()).includes(browser.sessionId));
  const again = `Bearer ${(await identity.signIn(loginId)).json.token}`;
  const once = await identity.send('DELETE', '/account/sessions', undefined, { authorization: again });
  assert.deepEqual(once.json, { ended: 1 }, 'what had ended before does not end again');
});

test('a new password whose commit fails after Redis has ended the sessions revokes their tokens at the next try', {
  skip: noRedis,
}, async (t) => {
  const place = await startWithoutCommits(t);
  const { identity, signIn, revoked } = place;
  const { loginId } = await identity.register();
  const { sessionId } = await signIn(loginId);
  const authorization = `Bearer ${(await identity.signIn(loginId)).json.token}`;
  await place.refuseCommits();
  const given = { current: goodPassword, password: 'some noisy seagulls' };
  assert.equal((await identity.send('PUT', '/account/password', given, { authorization })).status, 200);
  await eventually(place.left, (keys) => keys === '');
  assert.deepEqual(await revoked(), []);
  await place.allowCommits();
  await eventually(revoked, (ids) => ids.includes(sessionId));
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
  await untilPasses(() => assert.ok((look().browsers['200'] ?? 0) > 20));
  await redis.kill();
  // Those that the gateway has heard of go on for five seconds.
  await untilPasses(() => assert.ok((look().browsers['503 after 1'] ?? 0) > 20));
  const workflowId = await identity.beginLogin();
  await identity.attempt(workflowId, loginId, goodPassword);
  const opening = await identity.send('POST', `/logins/${workflowId}/confirmation`, { as: 'cookie' });
  assert.deepEqual([opening.status, opening.headers.get('retry-after')], [503, '1']);
  const headers = { authorization };
  const signingOut = await identity.send('DELETE', '/account/sessions', undefined, headers);
  assert.equal(signingOut.status, 503, 'what cannot be ended is not said to have ended');
  await redis.restart();
  for (const cookie of cookies) {
    await eventually(
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
