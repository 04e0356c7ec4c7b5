import assert from 'node:assert/strict';
import { test } from 'node:test';
import { goodPassword, identitySystem, startIdentity } from './fixtures/identity.ts';

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
