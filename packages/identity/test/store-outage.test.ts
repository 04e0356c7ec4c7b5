import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { contract, expose, operation, service } from '@banyan/banyan';
import { startDatabaseUnderFault } from '@banyan/test-support/database-under-fault';
import { eventually, untilPasses } from '@banyan/testing';
import { z } from 'zod';
import { goodPassword, type Identity, identityWith, startIdentity } from './fixtures/identity.ts';
import { type Load, startLoad } from './fixtures/load.ts';

/** Something for signed-in users that needs no database. */
const clock = contract('clock', {
  version: '1.0.0',
  operations: {
    hour: operation('GET /hour', { input: z.object({}), output: z.object({ asker: z.string() }) }),
  },
});
const clockService = service(clock, {
  operations: { hour: async (_input, { caller }) => ({ asker: caller.user?.id ?? '' }) },
});
const system = identityWith([clockService], [expose(clock, { hour: 'user' })]);

const kills = 3;

/** Each request with its own answer or none at all; what cannot be had now says when to come again. */
function outcomeOf({ status, headers }: { readonly status: number; readonly headers: Headers }): string {
  return status === 503 ? `503 after ${headers.get('retry-after')}` : String(status);
}

/** A client that refreshes its tokens again and again, and repeats what it knows no outcome of. */
function refreshing({ send }: Identity, first: string) {
  let token = first;
  let key: string = randomUUID();
  return async () => {
    const answer = await send(
      'POST',
      '/token-refreshes',
      { refreshToken: token },
      { 'idempotency-key': key },
    );
    if (answer.status === 200) {
      token = answer.json.refreshToken;
      key = randomUUID();
    }
    return outcomeOf(answer);
  };
}

function signingIn({ send }: Identity, loginId: string) {
  return async () => {
    const begun = await send('POST', '/logins', {});
    if (begun.status !== 201) return outcomeOf(begun);
    const login = `/logins/${begun.json.workflowId}`;
    const attempted = await send('POST', `${login}/attempts`, { loginId, password: goodPassword });
    if (attempted.status !== 200) return outcomeOf(attempted);
    return outcomeOf(await send('POST', `${login}/confirmation`, {}));
  };
}

test('the database of identity killed under load: who is signed in goes on, sign-ins wait and recover, and no refresh looks like theft', async (t) => {
  const database = await startDatabaseUnderFault();
  const identity = await startIdentity(t, { system, databaseUrl: database.adminUrl });
  // After the system, which tidies up in it.
  t.after(() => database.close());
  const { loginId, accountId } = await identity.register();
  const sessions = await Promise.all(Array.from({ length: 5 }, () => identity.signIn(loginId)));
  const [{ json: own }, ...families] = sessions as [(typeof sessions)[0], ...typeof sessions];
  const authorization = `Bearer ${own.token}`;
  const hour = async () => {
    const answer = await identity.send('GET', '/hour', undefined, { authorization });
    return answer.json?.asker === accountId ? 'known' : outcomeOf(answer);
  };
  const loads: Record<string, readonly Load[]> = {
    calls: [startLoad(hour, 2)],
    signIns: [startLoad(signingIn(identity, loginId)), startLoad(signingIn(identity, loginId))],
    refreshes: families.map(({ json }) => startLoad(refreshing(identity, json.refreshToken))),
  };
  const seen: Record<string, Record<string, number>> = { calls: {}, signIns: {}, refreshes: {} };
  const look = () => {
    for (const [name, each] of Object.entries(loads)) {
      for (const load of each) {
        for (const [outcome, count] of Object.entries(load.counts())) {
          const known = seen[name] ?? {};
          known[outcome] = (known[outcome] ?? 0) + count;
        }
      }
    }
    return seen;
  };
  const succeeded = () => (look()['signIns']?.['201'] ?? 0) + (seen['refreshes']?.['200'] ?? 0);
  const untilMore = async (count: number) => {
    const [signIns, refreshes] = [seen['signIns']?.['201'] ?? 0, seen['refreshes']?.['200'] ?? 0];
    await untilPasses(() => {
      succeeded();
      assert.ok((seen['signIns']?.['201'] ?? 0) >= signIns + count);
      assert.ok((seen['refreshes']?.['200'] ?? 0) >= refreshes + count * 4);
    });
  };
  await untilMore(5);
  for (let count = 0; count < kills; count += 1) {
    await database.kill();
    await untilMore(5);
  }
  await Promise.all(
    Object.values(loads)
      .flat()
      .map((load) => load.end()),
  );
  look();
  t.diagnostic(JSON.stringify(seen));

  assert.deepEqual(Object.keys(seen['calls'] ?? {}), ['known'], 'tokens are checked without the database');
  for (const outcome of Object.keys({ ...seen['signIns'], ...seen['refreshes'] })) {
    assert.match(outcome, /^(20[01]|503 after [1-5])$/, JSON.stringify(seen));
  }
  const refused = Object.keys(seen['signIns'] ?? {}).filter((outcome) => outcome.startsWith('503'));
  assert.ok(refused.length > 0, 'sign-ins noticed');
  const reused = (await identity.system.audits('sessions')).filter(
    ({ action }) => action === 'refreshTokenReused',
  );
  assert.deepEqual(reused, []);
  const again = await eventually(
    () => identity.signIn(loginId),
    ({ status }) => status === 201,
  );
  assert.equal(again.status, 201);
});
