import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { eventually, until } from '@banyan/testing';
import { goodPassword, type Identity, identitySystem, startIdentity } from './fixtures/identity.ts';

const cleaning: (() => unknown)[] = [];
let identity: Identity;
let origin: string;
before(async () => {
  identity = await startIdentity({ after: (cleanUp) => cleaning.push(cleanUp) });
  origin = new URL(identity.system.publicUrl ?? '').origin;
});
after(async () => {
  for (const cleanUp of cleaning.reverse()) await cleanUp();
});

/** What a browser sends from a page of the system. */
const fromHere = (cookie: string) => ({ cookie, origin });
const jwt = /eyJ[A-Za-z0-9_-]+\./;

test('a browser gets a reference in a cookie that no script can read, and no token in any answer', async () => {
  const { register, beginLogin, attempt, send } = identity;
  const { loginId, accountId } = await register();
  const workflowId = await beginLogin();
  await attempt(workflowId, loginId, goodPassword);
  const opened = await send('POST', `/logins/${workflowId}/confirmation`, { as: 'cookie' });
  assert.equal(opened.status, 201);
  assert.deepEqual(Object.keys(opened.json).sort(), ['accountId', 'expiresAt']);
  const [setCookie = '', ...others] = opened.headers.getSetCookie();
  assert.deepEqual(others, []);
  assert.match(
    setCookie,
    /^__Host-session=[A-Za-z0-9_-]{43}; Path=\/; Secure; HttpOnly; SameSite=Lax; Expires=[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/,
  );
  const cookie = setCookie.split(';')[0] ?? '';

  const answers = [opened];
  for (const [method, path] of [
    ['GET', '/account'],
    ['GET', '/account/sessions'],
    ['GET', '/openapi.json'],
    ['GET', '/.well-known/jwks.json'],
    ['GET', '/no-such-thing'],
    ['PUT', '/account/password'],
  ] as const) {
    answers.push(await send(method, path, method === 'PUT' ? {} : undefined, fromHere(cookie)));
  }
  assert.equal(answers[1]?.json.accountId, accountId);
  for (const { text, headers } of answers) {
    const everything = `${text} ${JSON.stringify([...headers])}`;
    assert.doesNotMatch(everything, jwt);
    assert.ok(!text.includes(cookie.slice('__Host-session='.length)));
  }
});

test('no cookie, a made-up one and two of them are refused with 401; what is over is taken back', async () => {
  const { register, signInWithCookie, send } = identity;
  const cookie = await signInWithCookie((await register()).loginId);
  const none = await send('GET', '/account');
  assert.deepEqual([none.status, none.json.reason], [401, 'missing_token']);
  for (const wrong of [
    `__Host-session=${'A'.repeat(43)}`,
    '__Host-session=',
    '__Host-session=eyJhbGciOiJub25lIn0.e30.',
    `__Host-session='; drop table sessions; --`,
    `${cookie}; __Host-session=${'A'.repeat(43)}`,
  ]) {
    const refused = await send('GET', '/account', undefined, { cookie: wrong });
    assert.deepEqual([refused.status, refused.json.reason], [401, 'session_over'], wrong);
    assert.match(refused.headers.getSetCookie()[0] ?? '', /^__Host-session=; .*Max-Age=0$/);
  }
  for (const foreign of ['session=1', 'x__Host-session=1', `a=b; ${cookie.replace('__Host-', '')}`]) {
    assert.equal(
      (await send('GET', '/account', undefined, { cookie: foreign })).json.reason,
      'missing_token',
    );
  }
  assert.equal((await send('GET', '/account', undefined, { cookie: `a=b; ${cookie}; c=d` })).status, 200);
});

test('an Authorization header beside the cookie changes nothing about who it is: the request is refused', async () => {
  const { register, signIn, signInWithCookie, send } = identity;
  const [ada, grace] = [await register(), await register()];
  const cookie = await signInWithCookie(ada.loginId);
  const { token } = (await signIn(grace.loginId)).json;
  for (const authorization of [`Bearer ${token}`, 'Bearer e30.e30.e30', 'Basic YTpi', '']) {
    const refused = await send('GET', '/account', undefined, { cookie, authorization });
    assert.deepEqual([refused.status, refused.json.reason], [400, 'two_credentials']);
  }
  const headers = { cookie, 'banyan-session': 'x', 'x-user-id': grace.accountId };
  assert.equal((await send('GET', '/account', undefined, headers)).json.accountId, ada.accountId);
});

test('with a cookie, changes are made by pages of the same origin only, and no other origin opens a session', async () => {
  const { register, signInWithCookie, send, beginLogin, attempt } = identity;
  const { loginId } = await register();
  const cookie = await signInWithCookie(loginId);
  const change = (headers: Record<string, string>) =>
    send(
      'PUT',
      '/account/password',
      { current: 'a wrong password', password: goodPassword },
      { cookie, ...headers },
    );
  const elsewhere = 'https://evil.example';
  for (const headers of [
    {},
    { origin: elsewhere },
    { origin: 'null' },
    { origin: `${origin}.evil.example` },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { 'sec-fetch-site': 'none' },
    { 'sec-fetch-site': 'cross-site', origin },
  ]) {
    const refused = await change(headers as Record<string, string>);
    assert.deepEqual(
      [refused.status, refused.json.reason],
      [403, 'cross_site_request'],
      JSON.stringify(headers),
    );
  }
  for (const headers of [{ origin }, { 'sec-fetch-site': 'same-origin' }]) {
    assert.equal((await change(headers as Record<string, string>)).json.reason, 'wrongPassword');
  }
  assert.equal(
    (await send('GET', '/account', undefined, { cookie, 'sec-fetch-site': 'cross-site' })).status,
    200,
    'a link',
  );

  const workflowId = await beginLogin();
  await attempt(workflowId, loginId, goodPassword);
  const open = (headers: Record<string, string>) =>
    send('POST', `/logins/${workflowId}/confirmation`, { as: 'cookie' }, headers);
  assert.equal((await open({ origin: elsewhere })).json.reason, 'cross_site_request');
  assert.equal((await open({ origin })).status, 201);
});

test('signing out ends this session at once and takes the cookie back; signing out everywhere ends all', async () => {
  const { register, signIn, signInWithCookie, send } = identity;
  const { loginId } = await register();
  const [here, there] = [await signInWithCookie(loginId), await signInWithCookie(loginId)];
  const { refreshToken } = (await signIn(loginId)).json;
  const account = (cookie: string) => send('GET', '/account', undefined, { cookie });
  const list = async (cookie: string) =>
    (await send('GET', '/account/sessions', undefined, { cookie })).json.sessions;
  assert.deepEqual(
    (await list(there)).map(({ kind }: { kind: string }) => kind),
    ['token', 'cookie', 'cookie'],
  );
  const out = await send('DELETE', '/account/session', undefined, fromHere(here));
  assert.equal(out.status, 200);
  assert.match(out.headers.getSetCookie()[0] ?? '', /^__Host-session=; .*Max-Age=0$/);
  assert.equal((await account(here)).status, 401);
  assert.equal((await account(there)).status, 200);

  const everywhere = await send('DELETE', '/account/sessions', undefined, fromHere(there));
  assert.deepEqual([everywhere.status, everywhere.json], [200, { ended: 2 }]);
  assert.equal((await account(there)).status, 401);
  assert.equal((await send('POST', '/token-refreshes', { refreshToken })).status, 401);
});

test('a new password ends all sessions, within seconds', async () => {
  const { register, signIn, signInWithCookie, send } = identity;
  const { loginId } = await register();
  const cookie = await signInWithCookie(loginId);
  const { refreshToken } = (await signIn(loginId)).json;
  assert.equal((await send('GET', '/account', undefined, { cookie })).status, 200);
  const given = { current: goodPassword, password: 'some noisy seagulls' };
  assert.equal((await send('PUT', '/account/password', given, fromHere(cookie))).status, 200);
  await eventually(
    () => send('GET', '/account', undefined, { cookie }),
    ({ status }) => status === 401,
  );
  assert.equal((await send('POST', '/token-refreshes', { refreshToken })).status, 401);
});

test('a session ends when nothing is heard of it, and after its longest time however much is', async (t) => {
  const environment = { SESSIONS_IDLE_SECONDS: '10', SESSIONS_MAX_SECONDS: '14' };
  const short = await startIdentity(t, { environment });
  const { loginId } = await short.register();
  const idle = await short.signInWithCookie(loginId);
  const beforeMs = Date.now();
  const used = await short.signInWithCookie(loginId);
  const afterMs = Date.now();
  const ask = (cookie: string) => short.send('GET', '/account', undefined, { cookie });
  let lastAskedMs = afterMs;
  await until(async () => {
    const askedMs = Date.now();
    if ((await ask(used)).status === 401) return true;
    lastAskedMs = askedMs;
    return false;
  });
  // It began between the two; how long the machine took for an answer does not count.
  const livedMs = Date.now() - beforeMs;
  assert.ok(livedMs >= 14_000, `${livedMs} ms: longer than without use`);
  assert.ok(lastAskedMs - afterMs < 22_000, 'no longer than allowed');
  assert.equal((await ask(idle)).status, 401);
});

test('sessions outlive the services that know them, and any instance knows them', async (t) => {
  const others = identitySystem.services.map(({ name }) => name).filter((name) => name !== 'sessions');
  const placed = await startIdentity(t, {
    placement: [['gateway', 'message-sender', ...others], ['sessions']],
  });
  const { loginId, accountId } = await placed.register();
  const cookie = await placed.signInWithCookie(loginId);
  const before = await placed.send('GET', '/account', undefined, { cookie });
  assert.equal(before.json.accountId, accountId);
  await placed.system.hosts[1]?.stop();
  await placed.system.addHost(['sessions']);
  const again = await placed.signInWithCookie(loginId);
  for (const each of [cookie, again]) {
    const answer = await eventually(
      () => placed.send('GET', '/account', undefined, { cookie: each }),
      ({ status }) => status !== 503,
    );
    assert.equal(answer.json.accountId, accountId);
  }
});
