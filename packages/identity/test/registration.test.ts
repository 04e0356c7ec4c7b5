import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { loginIds } from '@banyan/identity';
import { fromBase32 } from '../src/second-factors/base32.ts';
import { stepAt, totpCode } from '../src/second-factors/totp.ts'; // What an authenticator app does.
import {
  codeIn,
  goodPassword,
  type Identity,
  identitySystem,
  startIdentity,
  tokenIn,
} from './fixtures/identity.ts';

const cleaning: (() => unknown)[] = [];
let identity: Identity;
before(async () => {
  identity = await startIdentity({ after: (cleanUp) => cleaning.push(cleanUp) });
});
after(async () => {
  for (const cleanUp of cleaning.reverse()) await cleanUp();
});

test('signing up takes five steps; each answers, and the last one makes the account', async () => {
  const { send, messagesTo } = identity;
  const loginId = `ada-${randomUUID()}`;
  const begun = await send('POST', '/registrations', { loginId });
  assert.equal(begun.status, 201);
  const step = (name: string) => `/registrations/${begun.json.registration}/${name}`;

  const password = await send('PUT', step('password'), { password: 'otters12' });
  assert.deepEqual([password.status, password.json], [200, { needsSecondFactor: true }]);
  const email = `${loginId}@example.org`;
  assert.equal((await send('PUT', step('recovery-information'), { name: 'Ada', email })).status, 200);

  const withoutFactor = await send('POST', step('confirmation'), {});
  assert.deepEqual([withoutFactor.status, withoutFactor.json.details], [409, { missing: ['secondFactor'] }]);
  const phone = '+48601100001';
  assert.equal((await send('POST', step('second-factor'), { phone })).status, 200);
  const withoutCode = await send('POST', step('confirmation'), {});
  assert.deepEqual(withoutCode.json.details, { missing: ['code'] });
  const code = codeIn((await messagesTo(phone))[0]);
  const wrong = await send('POST', step('confirmation'), { code: code === '000000' ? '000001' : '000000' });
  assert.deepEqual([wrong.status, wrong.json.reason], [403, 'wrongCode']);

  const confirmed = await send('POST', step('confirmation'), { code });
  assert.equal(confirmed.status, 201);
  assert.deepEqual(Object.keys(confirmed.json).sort(), ['accountId', 'loginId', 'recoveryCodes']);
  assert.equal(confirmed.json.recoveryCodes.length, 10);
  assert.equal(
    (await send('POST', step('confirmation'), { code })).status,
    410,
    'a sign-up is confirmed once',
  );
});

test('a login id is taken from the first step on, in any spelling, also from several at once', async () => {
  const { send } = identity;
  const loginId = `Grace-${randomUUID()}`;
  const answers = await Promise.all(
    [loginId, loginId.toUpperCase(), loginId.replace('G', 'Ｇ'), loginId].map((spelling) =>
      send('POST', '/registrations', { loginId: spelling }),
    ),
  );
  assert.deepEqual(answers.map(({ status }) => status).sort(), [201, 409, 409, 409]);
});

test('an unfinished sign-up signs nobody in, and what was never begun cannot go on', async () => {
  const { send, signIn } = identity;
  const loginId = `half-${randomUUID()}`;
  const { json } = await send('POST', '/registrations', { loginId });
  await send('PUT', `/registrations/${json.registration}/password`, { password: goodPassword });
  assert.equal((await signIn(loginId)).json.state, 'open');
  const missing = await send('POST', `/registrations/${json.registration}/confirmation`, {});
  assert.deepEqual(missing.json.details, { missing: ['recoveryInformation'] });
  const invented = `/registrations/${'A'.repeat(43)}/password`;
  assert.equal((await send('PUT', invented, { password: goodPassword })).status, 410);
});

test('weak passwords are refused with what is wrong, by the same rules at every door', async () => {
  const { send } = identity;
  const loginId = `weak-${randomUUID()}`;
  const { json } = await send('POST', '/registrations', { loginId });
  const path = `/registrations/${json.registration}/password`;
  for (const [password, problem] of [
    ['short', 'tooShort'],
    ['trustno1', 'common'],
    [`x${loginId}`, 'personal'],
  ] as const) {
    const refused = await send('PUT', path, { password });
    assert.equal(refused.status, 422, password);
    assert.deepEqual(refused.json.details, { problems: [problem] });
  }
});

test('the password of 72 characters and the one of 73 are different ones', async () => {
  const { register, signIn } = identity;
  const seventyTwo = 'several quiet otters swim '.repeat(4).slice(0, 72);
  const { loginId } = await register({ password: `${seventyTwo}!` });
  assert.equal((await signIn(loginId, seventyTwo)).json.state, 'open');
  assert.equal((await signIn(loginId, `${seventyTwo}!`)).status, 201);
});

test('the seed of an app is shown at the sign-up and nowhere else; no secret is answered again', async () => {
  const { register, signIn, send } = identity;
  const codeOf = (seed: string) => totpCode(fromBase32(seed), stepAt(Date.now()));
  const { loginId, seed = '', recoveryCodes } = await register({ totp: codeOf });
  assert.equal(fromBase32(seed).length, 20, '160 bits');
  const { json } = await signIn(loginId, goodPassword, { method: 'recovery', code: recoveryCodes[0] ?? '' });
  const account = await send('GET', '/account', undefined, { authorization: `Bearer ${json.token}` });
  assert.equal(account.status, 200);
  assert.deepEqual(account.json.secondFactors, ['totp', 'recovery']);
  assert.equal(account.json.recoveryCodesLeft, 9);
  for (const secret of [seed, goodPassword, ...recoveryCodes]) assert.ok(!account.text.includes(secret));
});

test('an e-mail address is verified by the token that was sent to it, once', async () => {
  const { register, messagesTo, send, signIn } = identity;
  const { loginId, email } = await register();
  const { json } = await signIn(loginId);
  const authorization = `Bearer ${json.token}`;
  const isVerified = async () =>
    (await send('GET', '/account', undefined, { authorization })).json.emailVerified;
  assert.equal(await isVerified(), false);
  const token = tokenIn((await messagesTo(email))[0]);
  assert.equal((await send('POST', '/email-verifications', { token })).status, 200);
  assert.equal(await isVerified(), true);
  assert.equal((await send('POST', '/email-verifications', { token })).status, 410);
});

test('what is for services only cannot be reached from outside, nor by services that do not name it', async () => {
  const { send, register, system } = identity;
  const { accountId, loginId } = await register();
  for (const [method, path] of [
    ['POST', '/login-id-searches'],
    ['POST', '/password-checks'],
    ['POST', '/password-backups'],
    ['GET', `/users/${accountId}`],
    ['GET', `/second-factors/${accountId}`],
    ['POST', '/sessions'],
    ['POST', '/login-checks'],
  ] as const) {
    const json = method === 'POST' ? { loginId, accountId } : undefined;
    assert.equal((await send(method, path, json)).status, 404, path);
  }
  const asUserInfo = system.client(loginIds, { service: 'user-info' });
  await assert.rejects(asUserInfo.find({ loginId }), { code: 'permission_denied' });
  const asAuthentication = system.client(loginIds, { service: 'authentication' });
  assert.equal((await asAuthentication.find({ loginId })).accountId, accountId);
  await assert.rejects(asAuthentication.find({ loginId: 'nobody' }), { reason: 'noRegisteredUser' });
});

test('every service has data of its own, and none reads those of another', () => {
  const withData = identitySystem.services.filter((each) => each.migrations !== undefined);
  const folders = withData.map((each) => each.migrations?.href);
  assert.equal(new Set(folders).size, withData.length);
  assert.deepEqual(withData.map(({ name }) => name).sort(), [
    'authentication',
    'login-ids',
    'oauth',
    'passwords',
    'second-factors',
    'sessions',
    'user-info',
  ]);
});
