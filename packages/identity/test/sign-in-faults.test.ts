import assert from 'node:assert/strict';
import { test } from 'node:test';
import { authenticationService } from '@banyan/identity';
import { eventually } from '@banyan/testing';
import { goodPassword, identitySystem, startIdentity } from './fixtures/identity.ts';
import { reloadWatched } from './fixtures/watched-database.ts';

test('with user information down, signing in goes on, and an account shows what is left', async (t) => {
  const others = identitySystem.services.map(({ name }) => name).filter((name) => name !== 'user-info');
  const placed = await startIdentity(t, {
    placement: [['gateway', 'message-sender', ...others], ['user-info']],
  });
  const { loginId, accountId } = await placed.register();
  await placed.system.hosts[1]?.stop();
  const signedIn = await placed.signIn(loginId);
  assert.equal(signedIn.status, 201);
  const authorization = `Bearer ${signedIn.json.token}`;
  const account = await placed.send('GET', '/account', undefined, { authorization });
  assert.deepEqual(
    [account.status, account.json],
    [200, { accountId, loginId, secondFactors: [], recoveryCodesLeft: 0 }],
  );
  const next = { current: goodPassword, password: 'some noisy seagulls' };
  assert.equal((await placed.send('PUT', '/account/password', next, { authorization })).status, 200);
});

test('with the password service down an attempt costs nothing, and can be made when it is back', async (t) => {
  const others = identitySystem.services.map(({ name }) => name).filter((name) => name !== 'passwords');
  const placed = await startIdentity(t, {
    placement: [['gateway', 'message-sender', ...others], ['passwords']],
  });
  const { loginId } = await placed.register();
  const workflowId = await placed.beginLogin();
  await placed.system.hosts[1]?.stop();
  const refused = await placed.attempt(workflowId, loginId, goodPassword);
  assert.ok([503, 504].includes(refused.status), refused.text);
  await placed.system.addHost(['passwords']);
  const answer = await placed.attempt(workflowId, loginId, goodPassword);
  assert.deepEqual(
    [answer.json.state, answer.json.visited],
    [
      'succeeded',
      ['getLogin', 'retry', 'getLogin', 'checkLogin', 'getPassword', 'checkPassword', 'succeeded'],
    ],
  );
});

test('one address that fails too often has to wait, whichever login ids it tries, and whatever it says about itself', async (t) => {
  const limited = await startIdentity(t, { environment: { AUTHENTICATION_TRIES_PER_CLIENT: '6' } });
  const { loginId } = await limited.register(); // One try: names are worth something, too.
  const statuses = [];
  for (let turn = 0; turn < 6; turn += 1) {
    const workflowId = await limited.beginLogin();
    const headers = { 'banyan-client': `10.0.0.${turn}`, 'x-forwarded-for': `10.0.0.${turn}` };
    const given = { loginId: `${loginId}-${turn}`, password: 'a wrong password', client: `10.0.0.${turn}` };
    statuses.push((await limited.send('POST', `/logins/${workflowId}/attempts`, given, headers)).status);
  }
  assert.deepEqual(statuses, [200, 200, 200, 200, 200, 429]);
  const refused = await limited.attempt(await limited.beginLogin(), loginId, goodPassword);
  assert.equal(refused.status, 429);
  assert.ok(refused.json.details.retryAfterS > 50);
  assert.equal((await limited.send('POST', '/registrations', { loginId: 'somebody-else' })).status, 429);
});

test('with second factors down nobody gets a token; what was right stays right until they are back', async (t) => {
  const others = identitySystem.services.map(({ name }) => name).filter((name) => name !== 'second-factors');
  const placed = await startIdentity(t, {
    placement: [['gateway', 'message-sender', ...others], ['second-factors']],
  });
  const { loginId } = await placed.register();
  const workflowId = await placed.beginLogin();
  await placed.system.hosts[1]?.stop();
  assert.equal((await placed.attempt(workflowId, loginId, goodPassword)).json.state, 'succeeded');
  const confirm = () => placed.send('POST', `/logins/${workflowId}/confirmation`, {});
  const refused = await confirm();
  assert.ok([503, 504].includes(refused.status), refused.text);
  await placed.system.addHost(['second-factors']);
  const confirmed = await eventually(confirm, ({ status }) => status !== 503);
  assert.equal(confirmed.status, 201);
});

test('an attempt whose process died is given up after half a minute, costs nothing, and what is said about it later changes nothing', async (t) => {
  const identity = await startIdentity(t);
  const { register, beginLogin, attempt, send } = identity;
  const { loginId } = await register();
  const sql = await reloadWatched(identity, authenticationService);
  const workflowId = await beginLogin();
  // As it is between the beginning of an attempt and its outcome.
  await sql`
    update logins set state = 'checking', visited = array['getLogin'], attempt_id = gen_random_uuid(),
      checking_since = now() - interval '29 seconds' where state = 'open'`;
  assert.equal(
    (await attempt(workflowId, loginId, goodPassword).catch(() => undefined))?.json.reason,
    'attemptUnderWay',
  );
  const taken = await eventually(
    () => send('POST', `/logins/${workflowId}/attempts`, { loginId, password: goodPassword }),
    ({ json }) => json.reason !== 'attemptUnderWay',
  );
  assert.deepEqual(
    [taken.json.state, taken.json.visited],
    [
      'succeeded',
      ['getLogin', 'retry', 'getLogin', 'checkLogin', 'getPassword', 'checkPassword', 'succeeded'],
    ],
  );
});

test('a sign-up that nobody finished gives its login id back, and leaves nothing behind', async (t) => {
  const identity = await startIdentity(t);
  const { send, signIn } = identity;
  const loginId = 'half-way-otter';
  const begun = await send('POST', '/registrations', { loginId });
  const step = (name: string) => `/registrations/${begun.json.registration}/${name}`;
  await send('PUT', step('password'), { password: goodPassword });
  await send('PUT', step('recovery-information'), { name: 'Ada', email: 'ada@example.org' });
  const before = await reloadWatched(identity, authenticationService);
  await before`update registrations set expires_at = now() - interval '6 minutes'`;
  assert.equal((await send('POST', step('confirmation'), {})).status, 410, 'too late');
  assert.equal((await send('POST', '/registrations', { loginId })).status, 409, 'not yet');
  // Looking for what is over is the first thing that the service does when it starts.
  const sql = await reloadWatched(identity, authenticationService);
  const again = await eventually(
    () => send('POST', '/registrations', { loginId }),
    ({ status }) => status !== 409,
  );
  assert.equal(again.status, 201);
  assert.deepEqual(
    await sql`select 1 from registrations where login_id = ${loginId} and expires_at < now()`,
    [],
  );
  assert.equal((await signIn(loginId)).json.state, 'open');
});
