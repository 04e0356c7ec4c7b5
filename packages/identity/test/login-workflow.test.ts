import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { expose } from '@banyan/banyan';
import { eventually } from '@banyan/testing';
import {
  goodPassword,
  type Identity,
  identitySystem,
  identityWith,
  startIdentity,
} from './fixtures/identity.ts';
import { loginAudit, loginAuditService } from './fixtures/login-audit.ts';
import { describeLoginWorkflow } from './fixtures/login-suite.ts';

const everything = ['gateway', 'message-sender', ...identitySystem.services.map(({ name }) => name)];
const watched = identityWith(
  [loginAuditService],
  [expose(loginAudit, { list: 'anyone', progress: 'anyone' })],
);

/** What an audit that only listens has heard, once it has heard `count` outcomes. */
async function heard(identity: Identity, count: number) {
  const audit = identity.system.client(loginAudit);
  const outcomes = ['authenticated', 'attempt-failed', 'failed'];
  for (let turn = 0; turn < 600; turn += 1) {
    const { entries } = await audit.list({});
    if (entries.filter(({ what }) => outcomes.includes(what)).length >= count) return entries;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('The audit has not heard of the outcomes.');
}

/** The entries about attempts to sign in as somebody whose name has `loginId` in it, once there are `count`: what earlier tests did may be heard of later. */
async function heardOf(identity: Identity, loginId: string, count: number) {
  const audit = identity.system.client(loginAudit);
  const about = async () => {
    const { entries } = await audit.list({});
    const attempts = new Set(
      entries.filter(({ told }) => told.includes(loginId)).map(({ attemptId }) => attemptId),
    );
    return entries.filter(({ attemptId }) => attempts.has(attemptId));
  };
  return eventually(about, (entries) => entries.length >= count);
}

describe('orchestrated', () => {
  const cleaning: (() => unknown)[] = [];
  let identity: Identity;
  before(async () => {
    identity = await startIdentity({ after: (cleanUp) => cleaning.push(cleanUp) }, { system: watched });
  });
  after(async () => {
    for (const cleanUp of cleaning.reverse()) await cleanUp();
  });

  describeLoginWorkflow('orchestrated', () => identity);

  test('orchestrated: the services send no message to each other; only the outcome is told', async () => {
    const { register, signIn } = identity;
    const before = (await heard(identity, 0)).length;
    const { loginId } = await register();
    await signIn(loginId, 'a wrong password');
    await signIn(loginId);
    const entries = await heard(identity, before + 2);
    for (const { what } of entries)
      assert.ok(['authenticated', 'attempt-failed', 'failed'].includes(what), what);
  });
});

describe('choreographed', () => {
  const cleaning: (() => unknown)[] = [];
  let identity: Identity;
  before(async () => {
    const apart = ['login-ids', 'passwords', 'login-controller'];
    identity = await startIdentity(
      { after: (cleanUp) => cleaning.push(cleanUp) },
      {
        system: watched,
        environment: { AUTHENTICATION_COORDINATION: 'choreography' },
        // The controller is not there at all; the others reach each other's events only through the log.
        placement: [
          [...everything.filter((name) => !apart.includes(name)), 'login-audit'],
          ['login-ids'],
          ['passwords'],
        ],
      },
    );
  });
  after(async () => {
    for (const cleanUp of cleaning.reverse()) await cleanUp();
  });

  describeLoginWorkflow('choreographed', () => identity);

  test('choreographed: without a controller the log alone shows login checked, password checked, outcome, for each attempt', async () => {
    const { register, beginLogin, attempt } = identity;
    const { loginId } = await register();
    const workflowId = await beginLogin();
    await attempt(workflowId, loginId, 'a wrong password');
    await attempt(workflowId, `no-${loginId}`, goodPassword);
    assert.equal((await attempt(workflowId, loginId, goodPassword)).json.state, 'succeeded');
    const round = ['submitted', 'login-checked', 'password-checked'];
    const entries = await heardOf(identity, loginId, 3 * (round.length + 1));
    assert.deepEqual(
      entries.map(({ what }) => what),
      [...round, 'attempt-failed', ...round, 'attempt-failed', ...round, 'authenticated'],
    );
    const last = entries.at(-1)?.attemptId ?? '';
    const { status } = await identity.system.client(loginAudit).progress({ attemptId: last });
    assert.equal(status, 'completed', 'the flow monitor agrees');
  });

  test('choreographed: no event has a password in it, right or wrong', async () => {
    const { register, signIn } = identity;
    const { loginId } = await register();
    await signIn(loginId, 'a wrong password');
    await signIn(loginId);
    const told = JSON.stringify(await heardOf(identity, loginId, 8));
    for (const password of [goodPassword, 'a wrong password']) assert.ok(!told.includes(password));
  });

  test('choreographed: with the password service away an attempt waits, and is answered when it is back', async () => {
    const { register, beginLogin, send, attempt } = identity;
    const { loginId } = await register();
    const workflowId = await beginLogin();
    await identity.system.hosts[2]?.stop();
    const waiting = await send('POST', `/logins/${workflowId}/attempts`, { loginId, password: goodPassword });
    assert.deepEqual([waiting.status, waiting.json.state], [200, 'checking']);
    const meanwhile = await attempt(workflowId, loginId, goodPassword).catch(() => undefined);
    assert.equal(meanwhile?.json.reason, 'attemptUnderWay');
    await identity.system.addHost(['passwords']);
    for (let turn = 0; turn < 600; turn += 1) {
      const { json } = await send('GET', `/logins/${workflowId}`);
      if (json.state === 'succeeded') return;
      assert.equal(json.state, 'checking');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    assert.fail('The attempt was never answered.');
  });
});
