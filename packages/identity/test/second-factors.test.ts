import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, before, test } from 'node:test';
import { eventually } from '@banyan/testing';
import { fromBase32 } from '../src/second-factors/base32.ts';
import { stepAt, totpCode } from '../src/second-factors/totp.ts'; // What an authenticator app does.
import { codeIn, goodPassword, type Identity, startIdentity, tokenIn } from './fixtures/identity.ts';

const cleaning: (() => unknown)[] = [];
let identity: Identity;
before(async () => {
  const environment = { SECOND_FACTORS_PHONE_CODE_SECONDS: '2' };
  identity = await startIdentity({ after: (cleanUp) => cleaning.push(cleanUp) }, { environment });
});
after(async () => {
  for (const cleanUp of cleaning.reverse()) await cleanUp();
});

const withToken = (token: string) => ({ authorization: `Bearer ${token}` });
/** The code of the present step, or of one that far from it. */
const codeOf = (seed: string, steps = 0) => totpCode(fromBase32(seed), stepAt(Date.now()) + steps);
const atSignUp = (seed: string) => codeOf(seed, -1);

async function signedInUpToCode(
  loginId: string,
  password = goodPassword,
): Promise<(given: object) => ReturnType<Identity['send']>> {
  const { beginLogin, attempt, send } = identity;
  const workflowId = await beginLogin();
  assert.equal((await attempt(workflowId, loginId, password)).json.state, 'succeeded');
  return (given) => send('POST', `/logins/${workflowId}/confirmation`, given);
}

test('with an app a sign-in asks for a code: none, a wrong one and a used one are refused, the right one is not', async () => {
  const { register } = identity;
  const { loginId, seed = '' } = await register({ totp: atSignUp });
  const confirm = await signedInUpToCode(loginId);
  const none = await confirm({});
  assert.deepEqual([none.status, none.json.reason], [401, 'codeNeeded']);
  assert.deepEqual(none.json.details, { methods: ['totp', 'recovery'] });
  const right = codeOf(seed);
  const wrong = String((Number(right) + 1) % 1_000_000).padStart(6, '0');
  assert.deepEqual((await confirm({ method: 'totp', code: wrong })).json.reason, 'wrongCode');
  assert.equal(
    (await confirm({ method: 'totp', code: `${right.slice(0, 3)} ${right.slice(3)}` })).status,
    201,
  );

  const again = await signedInUpToCode(loginId);
  assert.equal(
    (await again({ method: 'totp', code: right })).json.reason,
    'wrongCode',
    'a code is right once',
  );
  assert.equal(
    (await again({ method: 'totp', code: codeOf(seed, -1) })).json.reason,
    'wrongCode',
    'nor an older one',
  );
});

test('a code that fifty submit at the same time is accepted once', async () => {
  const { register } = identity;
  const { loginId, seed = '' } = await register({ totp: atSignUp });
  const confirms = [];
  for (let count = 0; count < 50; count += 1) confirms.push(await signedInUpToCode(loginId));
  const code = codeOf(seed);
  const answers = await Promise.all(confirms.map((confirm) => confirm({ method: 'totp', code })));
  const statuses = answers.map(({ status }) => status);
  assert.equal(statuses.filter((status) => status === 201).length, 1, String(statuses));
  assert.ok(
    statuses.every((status) => [201, 403, 429].includes(status)),
    String(statuses),
  );
});

test('five wrong codes in a row are the last ones for a while, and the right one does not help', async () => {
  const { register } = identity;
  const { loginId, seed = '', recoveryCodes } = await register({ totp: atSignUp });
  const confirm = await signedInUpToCode(loginId);
  for (let count = 0; count < 5; count += 1) {
    assert.equal((await confirm({ method: 'recovery', code: 'AAAAAA' })).status, 403);
  }
  for (const right of [
    { method: 'totp', code: codeOf(seed) },
    { method: 'recovery', code: recoveryCodes[0] },
  ]) {
    const refused = await confirm(right);
    assert.equal(refused.status, 429);
    assert.ok(refused.json.details.retryAfterS >= 50);
  }
});

test('a recovery code works once, also when several submit it at the same time', async () => {
  const { register, signIn } = identity;
  const { loginId, recoveryCodes } = await register({ totp: atSignUp });
  const [first = '', second = ''] = recoveryCodes;
  const confirms = [];
  for (let count = 0; count < 4; count += 1) confirms.push(await signedInUpToCode(loginId));
  const answers = await Promise.all(confirms.map((confirm) => confirm({ method: 'recovery', code: first })));
  assert.deepEqual(answers.map(({ status }) => status).sort(), [201, 403, 403, 403]);
  assert.equal(
    (await signIn(loginId, goodPassword, { method: 'recovery', code: second.toLowerCase() })).status,
    201,
  );
});

test('a code comes to the phone: it works once, in its time, and a newer one replaces it', async () => {
  const { register, beginLogin, attempt, send, messagesTo } = identity;
  const phone = '+48601100011';
  const { loginId } = await register({ phone });
  const workflowId = await beginLogin();
  const before = await send('POST', `/logins/${workflowId}/codes`, {});
  assert.equal(before.status, 410, 'not before the password');
  await attempt(workflowId, loginId, goodPassword);
  const confirm = (code: string | undefined) =>
    send('POST', `/logins/${workflowId}/confirmation`, { method: 'phone', code });
  assert.deepEqual((await confirm(undefined)).json.details, {
    methods: ['phone', 'recovery'],
    phoneEnding: '11',
  });

  await send('POST', `/logins/${workflowId}/codes`, {});
  const replaced = codeIn((await messagesTo(phone, 2))[0]);
  await send('POST', `/logins/${workflowId}/codes`, {});
  const newest = codeIn((await messagesTo(phone, 3))[0]);
  if (replaced !== newest) assert.equal((await confirm(replaced)).status, 403);
  assert.equal((await confirm(newest)).status, 201);

  const again = await signedInUpToCode(loginId);
  assert.equal((await again({ method: 'phone', code: newest })).status, 403, 'used');
});

test('a code to the phone that has expired is refused', async () => {
  const { register, beginLogin, attempt, send, messagesTo } = identity;
  const phone = '+48601100012';
  const { loginId } = await register({ phone });
  const workflowId = await beginLogin();
  await attempt(workflowId, loginId, goodPassword);
  const sent = await send('POST', `/logins/${workflowId}/codes`, {});
  const code = codeIn((await messagesTo(phone, 2))[0]);
  // The database's clock decides, and it is the one of this machine.
  await eventually(
    () => send('GET', `/logins/${workflowId}`),
    () => Date.now() > Date.parse(sent.json.expiresAt),
  );
  const late = await send('POST', `/logins/${workflowId}/confirmation`, { method: 'phone', code });
  assert.deepEqual([late.status, late.json.reason], [403, 'wrongCode']);
});

test('a phone rings at most six times in an hour', async () => {
  const { register, beginLogin, attempt, send } = identity;
  const { loginId } = await register({ phone: '+48601100013' });
  const workflowId = await beginLogin();
  await attempt(workflowId, loginId, goodPassword);
  const statuses = [];
  for (let count = 0; count < 6; count += 1) {
    statuses.push((await send('POST', `/logins/${workflowId}/codes`, {})).status);
  }
  assert.deepEqual(statuses, [202, 202, 202, 202, 202, 429]); // The first one was sent at the sign-up.
});

test('the phone is changed by a code to the new one, with the password; until then the old one counts', async () => {
  const { register, signIn, send, messagesTo } = identity;
  const [old, next] = ['+48601100014', '+48601100015'];
  const { loginId, recoveryCodes } = await register({ phone: old });
  const { json } = await signIn(loginId, goodPassword, { method: 'recovery', code: recoveryCodes[0] ?? '' });
  const begin = (password: string) =>
    send('POST', '/account/second-factor', { password, phone: next }, withToken(json.token));
  assert.equal((await begin('a wrong password')).status, 403);
  assert.equal((await begin(goodPassword)).status, 200);
  const ending = async () => (await (await signedInUpToCode(loginId))({})).json.details.phoneEnding;
  assert.equal(await ending(), '14');
  const code = codeIn((await messagesTo(next))[0]);
  const confirmed = await send(
    'POST',
    '/account/second-factor/confirmation',
    { method: 'phone', code },
    withToken(json.token),
  );
  assert.deepEqual([confirmed.status, confirmed.json], [200, { recoveryCodes: [] }]);
  assert.equal(await ending(), '15');
});

test('a new app counts once its first code has come; until then the old one does', async () => {
  const { register, signIn, send } = identity;
  const { loginId, seed: old = '', recoveryCodes } = await register({ totp: atSignUp });
  const { json } = await signIn(loginId, goodPassword, { method: 'recovery', code: recoveryCodes[0] ?? '' });
  const begun = await send(
    'POST',
    '/account/second-factor',
    { password: goodPassword },
    withToken(json.token),
  );
  assert.match(begun.json.uri, /^otpauth:\/\/totp\/Banyan:/);
  assert.equal((await (await signedInUpToCode(loginId))({ method: 'totp', code: codeOf(old) })).status, 201);
  const confirmed = await send(
    'POST',
    '/account/second-factor/confirmation',
    { method: 'totp', code: codeOf(begun.json.seed, -1) },
    withToken(json.token),
  );
  assert.equal(confirmed.json.recoveryCodes.length, 10);
  assert.equal(
    (await (await signedInUpToCode(loginId))({ method: 'totp', code: codeOf(old, 1) })).status,
    403,
  );
  assert.equal(
    (await (await signedInUpToCode(loginId))({ method: 'totp', code: codeOf(begun.json.seed) })).status,
    201,
  );
  const oldRecovery = { method: 'recovery', code: recoveryCodes[1] };
  assert.equal(
    (await (await signedInUpToCode(loginId))(oldRecovery)).status,
    403,
    'the old recovery codes are gone',
  );
});

test('a reset of the password does not get around the second factor', async () => {
  const { register, send } = identity;
  const { loginId, email, seed = '' } = await register({ totp: atSignUp });
  await send('POST', '/email-verifications', { token: tokenIn(await messageAbout('this address', email)) });
  await send('POST', '/password-resets', { loginId });
  const reset = await messageAbout('new password', email);
  const password = 'otters12';
  const completed = await send('POST', '/password-resets/completion', { token: tokenIn(reset), password });
  assert.equal(completed.status, 200, 'eight characters are enough beside a second factor');
  const confirm = await signedInUpToCode(loginId, password);
  assert.equal((await confirm({})).json.reason, 'codeNeeded');
  assert.equal((await confirm({ method: 'totp', code: codeOf(seed) })).status, 201);
});

/** The owner is told of other things, too. */
async function messageAbout(words: string, recipient: string): Promise<string | undefined> {
  for (let count = 1; ; count += 1) {
    const found = (await identity.messagesTo(recipient, count)).find((message) => message.includes(words));
    if (found !== undefined) return found;
  }
}

test('oathtool makes the same codes', (t) => {
  const seed = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ';
  let theirs: string;
  try {
    const args = ['--totp', '--base32', seed, '--now', '2026-11-21 10:00:00 UTC'];
    theirs = execFileSync('oathtool', args, { encoding: 'utf8' }).trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    t.skip('needs oathtool');
    return;
  }
  assert.equal(totpCode(fromBase32(seed), stepAt(Date.UTC(2026, 10, 21, 10))), theirs);
});
