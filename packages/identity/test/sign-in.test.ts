import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { goodPassword, type Identity, startIdentity, tokenIn } from './fixtures/identity.ts';

const cleaning: (() => unknown)[] = [];
let identity: Identity;
before(async () => {
  identity = await startIdentity({ after: (cleanUp) => cleaning.push(cleanUp) });
});
after(async () => {
  for (const cleanUp of cleaning.reverse()) await cleanUp();
});

const withToken = (token: string) => ({ authorization: `Bearer ${token}` });

test('signing in gives a token that opens what is the own, and ends', async () => {
  const { register, signIn, send } = identity;
  const { loginId, accountId, email } = await register();
  const signedIn = await signIn(loginId);
  assert.equal(signedIn.status, 201);
  assert.equal(signedIn.headers.get('cache-control'), 'no-store');
  assert.equal(signedIn.json.accountId, accountId);
  const livesMs = Date.parse(signedIn.json.expiresAt) - Date.now();
  assert.ok(livesMs > 200_000 && livesMs <= 300_000, `${livesMs} ms`);
  const account = await send('GET', '/account', undefined, withToken(signedIn.json.token));
  assert.deepEqual(account.json, {
    accountId,
    loginId,
    name: 'Ada Żółw',
    email,
    emailVerified: false,
    secondFactors: [],
    recoveryCodesLeft: 0,
  });
  assert.equal((await send('GET', '/account')).status, 401);
});

test('a login that has succeeded gives one token, however many ask at the same time', async () => {
  const { register, beginLogin, attempt, send } = identity;
  const { loginId } = await register();
  const workflowId = await beginLogin();
  assert.equal((await attempt(workflowId, loginId, goodPassword)).json.state, 'succeeded');
  const answers = await Promise.all(
    Array.from({ length: 8 }, () => send('POST', `/logins/${workflowId}/confirmation`, {})),
  );
  assert.deepEqual(answers.map(({ status }) => status).sort(), [201, 410, 410, 410, 410, 410, 410, 410]);
});

test('a login that has not succeeded gives none', async () => {
  const { register, beginLogin, attempt, send } = identity;
  const { loginId } = await register();
  const workflowId = await beginLogin();
  const confirm = () => send('POST', `/logins/${workflowId}/confirmation`, {});
  assert.equal((await confirm()).status, 410);
  await attempt(workflowId, loginId, 'a wrong password');
  assert.equal((await confirm()).status, 410);
});

test('after five wrong passwords a login id has to wait, known or not, and the right one does not help', async () => {
  const { register, beginLogin, attempt } = identity;
  const { loginId } = await register();
  for (const name of [loginId, `no-${loginId}`]) {
    const wrong = Array.from({ length: 7 }, async () =>
      attempt(await beginLogin(), name, 'a wrong password'),
    );
    const statuses = (await Promise.all(wrong)).map(({ status }) => status).sort();
    assert.deepEqual(statuses, [200, 200, 200, 200, 200, 429, 429], name);
    // At once: the first pause is a second.
    const refused = await attempt(await beginLogin(), name, goodPassword);
    assert.equal(refused.status, 429, name);
    assert.ok(refused.json.details.retryAfterS >= 1);
  }
});

test('a right password forgives the wrong ones before it', async () => {
  const { register, signIn } = identity;
  const { loginId } = await register();
  for (let round = 0; round < 3; round += 1) {
    for (let wrong = 0; wrong < 4; wrong += 1) await signIn(loginId, 'a wrong password');
    assert.equal((await signIn(loginId)).status, 201);
  }
});

test('changing the password wants the present one, and is told to the owner', async () => {
  const { register, signIn, send, messagesTo } = identity;
  const { loginId, email } = await register();
  const { json } = await signIn(loginId);
  const change = (current: string, password: string) =>
    send('PUT', '/account/password', { current, password }, withToken(json.token));
  const next = 'some noisy seagulls';
  assert.equal((await change('a wrong password', next)).status, 403);
  const weak = await change(goodPassword, 'otters12');
  assert.deepEqual([weak.status, weak.json.details], [422, { problems: ['tooShort'] }]);
  assert.equal((await change(goodPassword, next)).status, 200);
  assert.equal((await signIn(loginId, goodPassword)).json.state, 'open');
  assert.equal((await signIn(loginId, next)).status, 201);
  const [notice] = await messagesTo(email, 2);
  assert.match(notice ?? '', /password of your account has changed/);
});

test('of two changes of one password at the same time, one is made', async () => {
  const { register, signIn, send } = identity;
  const { loginId } = await register();
  const { json } = await signIn(loginId);
  const nexts = ['first noisy seagulls', 'other noisy seagulls'];
  const answers = await Promise.all(
    nexts.map((password) =>
      send('PUT', '/account/password', { current: goodPassword, password }, withToken(json.token)),
    ),
  );
  assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 403]);
  for (const [index, password] of nexts.entries()) {
    const expected = answers[index]?.status === 200 ? 201 : 200;
    assert.equal((await signIn(loginId, password)).status, expected, password);
  }
});

test('a forgotten password is replaced by the token in a message to the verified address, once', async () => {
  const { register, signIn, send, messagesTo } = identity;
  const { loginId, email } = await register();
  await send('POST', '/email-verifications', { token: tokenIn((await messagesTo(email))[0]) });
  assert.equal((await send('POST', '/password-resets', { loginId })).status, 202);
  const token = tokenIn((await messagesTo(email, 2))[0]);
  const password = 'some noisy seagulls';
  const reset = (wanted: string) => send('POST', '/password-resets/completion', { token, password: wanted });
  assert.deepEqual(
    (await reset('otters12')).json.details,
    { problems: ['tooShort'] },
    'and the token still works',
  );
  const answers = await Promise.all([reset(password), reset(password), reset(password)]);
  assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 410, 410]);
  assert.equal((await signIn(loginId, password)).status, 201);
  assert.equal((await signIn(loginId, goodPassword)).json.state, 'open');
});

test('whoever asks for a reset learns nothing: unknown, unverified and verified are answered alike, and the first two get no message', async () => {
  const { register, send, messagesTo } = identity;
  const verified = await register();
  await send('POST', '/email-verifications', { token: tokenIn((await messagesTo(verified.email))[0]) });
  const unverified = await register();
  const answers = [];
  for (const loginId of [unverified.loginId, `no-${randomUUID()}`, verified.loginId]) {
    const { status, text } = await send('POST', '/password-resets', { loginId });
    answers.push([status, text]);
  }
  assert.deepEqual(answers, [
    [202, '{}'],
    [202, '{}'],
    [202, '{}'],
  ]);
  // The verified one was asked for last: when its message is there, those of the others would be, too.
  assert.equal((await messagesTo(verified.email, 2)).length, 2);
  assert.equal((await messagesTo(unverified.email)).length, 1, 'only the verification');
});

test('a reset ends a lock-out', async () => {
  const { register, signIn, send, messagesTo, beginLogin, attempt } = identity;
  const { loginId, email } = await register();
  await send('POST', '/email-verifications', { token: tokenIn((await messagesTo(email))[0]) });
  await Promise.all(
    Array.from({ length: 6 }, async () => attempt(await beginLogin(), loginId, 'a wrong password')),
  );
  await send('POST', '/password-resets', { loginId });
  const token = tokenIn((await messagesTo(email, 2))[0]);
  const password = 'some noisy seagulls';
  assert.equal((await send('POST', '/password-resets/completion', { token, password })).status, 200);
  assert.equal((await signIn(loginId, password)).status, 201);
});
