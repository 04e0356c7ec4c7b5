import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { sessionsService } from '@banyan/identity';
import { eventually } from '@banyan/testing';
import { holdNext } from './fixtures/hold-next.ts';
import { goodPassword, type Identity, startIdentity, tokenIn } from './fixtures/identity.ts';

let identity: Identity;
const newPassword = 'some noisy seagulls';

/** Somebody with an account and a session of their own. */
async function member() {
  const { loginId, email } = await identity.register();
  const { token } = (await identity.signIn(loginId)).json;
  return { loginId, email, owner: { authorization: `Bearer ${token}` } };
}
type Member = Awaited<ReturnType<typeof member>>;

/** Login id and password of a workflow were right; whoever has its handle may confirm it. */
async function succeededLogin(loginId: string): Promise<string> {
  const workflowId = await identity.beginLogin();
  const { json } = await identity.attempt(workflowId, loginId, goodPassword);
  assert.equal(json.state, 'succeeded');
  return workflowId;
}

const confirm = (workflowId: string, as: 'cookie' | 'token') =>
  identity.send('POST', `/logins/${workflowId}/confirmation`, { as });

/** What the account had is over once this session is: all hear of it in the same way. */
async function untilOut({ owner }: Member): Promise<void> {
  await eventually(
    () => identity.send('GET', '/account/sessions', undefined, owner),
    ({ status }) => status === 401,
  );
}

const ends: Record<string, (member: Member) => Promise<unknown>> = {
  'a changed password': ({ owner }) =>
    identity.send('PUT', '/account/password', { current: goodPassword, password: newPassword }, owner),
  async 'a reset password'({ loginId, email }) {
    const { send, messagesTo } = identity;
    await send('POST', '/email-verifications', { token: tokenIn((await messagesTo(email))[0]) });
    await send('POST', '/password-resets', { loginId });
    const token = tokenIn((await messagesTo(email, 2))[0]);
    return send('POST', '/password-resets/completion', { token, password: newPassword });
  },
  'signing out everywhere': ({ owner }) => identity.send('DELETE', '/account/sessions', undefined, owner),
};

for (const coordination of ['orchestration', 'choreography'])
  describe(coordination, () => {
    const cleaning: (() => unknown)[] = [];
    before(async () => {
      const environment = { AUTHENTICATION_COORDINATION: coordination };
      identity = await startIdentity({ after: (cleanUp) => cleaning.push(cleanUp) }, { environment });
    });
    after(async () => {
      for (const cleanUp of cleaning.reverse()) await cleanUp();
    });

    for (const [name, end] of Object.entries(ends)) {
      test(`${name} ends the logins that have succeeded before: none of them becomes a session`, async () => {
        const somebody = await member();
        const [first, second] = [
          await succeededLogin(somebody.loginId),
          await succeededLogin(somebody.loginId),
        ];
        await end(somebody);
        const password = name === 'signing out everywhere' ? goodPassword : newPassword;
        const anew = await identity.signIn(somebody.loginId, password);
        await untilOut(somebody);
        for (const [workflowId, as] of [
          [first, 'cookie'],
          [second, 'token'],
        ] as const) {
          const refused = await confirm(workflowId, as);
          assert.deepEqual([refused.status, refused.json.reason], [410, 'noSuchLogin'], as);
        }
        const authorization = `Bearer ${anew.json.token}`;
        const account = await identity.send('GET', '/account', undefined, { authorization });
        assert.equal(account.status, 200, 'whoever has signed in since stays in');
      });
    }

    test('a session that is being opened while everybody is signed out is refused', async () => {
      const somebody = await member();
      const workflowId = await succeededLogin(somebody.loginId);
      const { held, letGo } = await holdNext(identity, sessionsService, 'open');
      const confirming = confirm(workflowId, 'cookie');
      await held;
      await identity.send('DELETE', '/account/sessions', undefined, somebody.owner);
      letGo();
      const refused = await confirming;
      assert.deepEqual([refused.status, refused.json.reason], [410, 'noSuchLogin']);
      assert.deepEqual(refused.headers.getSetCookie(), []);
    });
  });
