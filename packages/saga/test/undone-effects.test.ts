import assert from 'node:assert/strict';
import { test } from 'node:test';
import { service, system } from '@banyan/chassis';
import { contract, operation } from '@banyan/contract';
import { isServiceError, type Sql } from '@banyan/core';
import { durable, saga } from '@banyan/saga';
import { startTestSystem } from '@banyan/testing';
import { z } from 'zod';

/**
 * Steps, pieces of durable functions and called operations share transactions. Here one of them raises a balance and then fails, so the balance is never
 * raised; others of its transaction read it and refuse if it is. All of those have to succeed.
 */
const as = { service: 'probe', timeoutMs: 60_000 };
const numbers = Array.from({ length: 20 }, (_, index) => index);

const Account = z.object({ account: z.string() });
type Given = z.output<typeof Account>;
/** How often each of them was asked, by account. */
const asked = new Map<string, number>();
const count = (what: string) => asked.set(what, (asked.get(what) ?? 0) + 1);

async function raise({ account }: Given, sql: Sql): Promise<void> {
  count(`raise ${account}`);
  await sql`update accounts set cents = cents + 100 where name = ${account}`;
}
async function isRaised({ account }: Given, sql: Sql): Promise<boolean> {
  count(`look ${account}`);
  const [row] = await sql<{ cents: number }>`select cents from accounts where name = ${account}`;
  return (row?.cents ?? 0) > 0;
}

const undo = { run: async () => {} };
const raiseSaga = saga('raise', { version: 1, input: Account }).step('raise', {
  tx: async ({ input }, { sql, refuse }) => {
    await raise(input, sql);
    refuse('changedItsMind');
  },
  undo,
});
const raiseThreeTimes = saga('raiseThreeTimes', { version: 1, input: Account }).step('raise', {
  tx: async ({ input }, { sql }) => {
    await raise(input, sql);
    throw new TypeError('mistaken');
  },
  retry: { maxAttempts: 3, firstMs: 1, maxMs: 2 },
  undo,
});
const lookSaga = saga('look', { version: 1, input: Account }).step('look', {
  tx: async ({ input }, { sql, refuse }) => {
    if (await isRaised(input, sql)) refuse('isRaised');
  },
  undo,
});
const options = { version: 1, input: Account, output: z.object({}) };
const raiseFunction = durable('raiseFunction', options, async (input, d) => {
  await d.tx('raise', async ({ sql, refuse }) => {
    await raise(input, sql);
    refuse('changedItsMind');
  });
  return {};
});
const lookFunction = durable('lookFunction', options, async (input, d) => {
  await d.tx('look', async ({ sql, refuse }) => {
    if (await isRaised(input, sql)) refuse('isRaised');
  });
  return {};
});
const definitions = { raiseSaga, raiseThreeTimes, lookSaga, raiseFunction, lookFunction };
const Kind = z.enum(['raiseSaga', 'raiseThreeTimes', 'lookSaga', 'raiseFunction', 'lookFunction']);

const bank = contract('bank', {
  version: '1.0.0',
  operations: {
    open: operation('POST /accounts', { input: z.object({ count: z.int() }), output: z.object({}) }),
    balance: operation('GET /balance', { input: z.object({}), output: z.object({ cents: z.number() }) }),
    /** All in one transaction, so that they are taken in hand together. */
    begin: operation('POST /sagas', {
      input: z.object({ starts: z.array(Account.extend({ kind: Kind })) }),
      output: z.array(z.string()),
    }),
    /** On its own. */
    start: operation('POST /starts', {
      input: Account.extend({ kind: Kind }),
      output: z.object({ sagaId: z.string() }),
    }),
    status: operation('GET /sagas/:sagaId', {
      input: z.object({ sagaId: z.string() }),
      output: z.object({ status: z.string() }),
      timeoutMs: 60_000,
    }),
    raise: operation('POST /accounts/:account/raise', {
      input: Account,
      output: z.object({}),
      errors: { changedItsMind: { status: 409 } },
    }),
    look: operation('POST /accounts/:account/look', {
      input: Account,
      output: z.object({}),
      errors: { isRaised: { status: 409 } },
    }),
  },
});
const bankService = service(bank, {
  migrations: new URL('./fixtures/migrations/bank/', import.meta.url),
  sagas: [raiseSaga, raiseThreeTimes, lookSaga],
  durable: [raiseFunction, lookFunction],
  operations: {
    async open({ count: accounts }, { sql }) {
      await sql`insert into accounts select 'a' || n, 0 from generate_series(0, ${accounts - 1}::int) n`;
      return {};
    },
    async balance(_input, { sql }) {
      const [row] = await sql<{ cents: number }>`select sum(cents)::int as cents from accounts`;
      return { cents: row?.cents ?? -1 };
    },
    begin: async ({ starts }, { tx }) =>
      tx(async ({ start }) => starts.map(({ kind, account }) => start(definitions[kind], { account }))),
    start: async ({ kind, account }, { sagas }) => ({
      sagaId: await sagas.start(definitions[kind], { account }),
    }),
    status: async ({ sagaId }, { sagas }) => ({
      status: (await sagas.ended(sagaId, { timeoutMs: 30_000 }))?.status ?? 'unknown',
    }),
    async raise(input, { sql, fail }) {
      await raise(input, sql);
      return fail('changedItsMind');
    },
    async look(input, { sql, fail }) {
      return (await isRaised(input, sql)) ? fail('isRaised') : {};
    },
  },
});
const probe = contract('probe', { version: '1.0.0', operations: {} });
const banking = system('banking', {
  services: [bankService, service(probe, { uses: { bank }, operations: {} })],
});

async function open(t: Parameters<typeof startTestSystem>[0]) {
  const running = await startTestSystem(t, banking, { harsh: false });
  const client = running.client(bank, as);
  await client.open({ count: numbers.length });
  asked.clear();
  const statuses = (ids: readonly string[]) =>
    Promise.all(ids.map(async (sagaId) => (await client.status({ sagaId })).status));
  return { running, client, statuses };
}

/** Who raises, and behind it who looks, for each account. */
const pairs = <Raise extends string, Look extends string>(raises: Raise, looks: Look) =>
  numbers.flatMap((index) => [raises, looks].map((kind) => ({ kind, account: `a${index}` })));

test('a local step believes nothing that another saga of its transaction did and undid', async (t) => {
  const { client, statuses } = await open(t);
  const ids = await client.begin({ starts: pairs('raiseSaga', 'lookSaga') });
  const ends = await statuses(ids);
  assert.deepEqual(
    ends,
    numbers.flatMap(() => ['compensated', 'completed']),
  );
  assert.deepEqual(await client.balance({}), { cents: 0 });
});

test('a first local step believes nothing that another one did and undid, when sagas are started on their own', async (t) => {
  const { client, statuses } = await open(t);
  const started = await Promise.all(pairs('raiseSaga', 'lookSaga').map((each) => client.start(each)));
  const ends = await statuses(started.map(({ sagaId }) => sagaId));
  assert.deepEqual(
    ends,
    numbers.flatMap(() => ['compensated', 'completed']),
  );
});

test('a local step that fails among others is asked alone as often as its policy says', async (t) => {
  const { client, statuses } = await open(t);
  const ids = await client.begin({ starts: pairs('raiseThreeTimes', 'lookSaga') });
  const ends = await statuses(ids);
  assert.deepEqual(
    ends,
    numbers.flatMap(() => ['compensated', 'completed']),
  );
  // Once more where the first attempt was among others.
  const counts = numbers.map((index) => asked.get(`raise a${index}`) ?? 0);
  assert.deepEqual(
    counts.filter((count) => count !== 3 && count !== 4),
    [],
  );
});

test('a piece of a durable function believes nothing that another one of its transaction did and undid', async (t) => {
  const { client, statuses } = await open(t);
  const ids = await client.begin({ starts: pairs('raiseFunction', 'lookFunction') });
  const ends = await statuses(ids);
  assert.deepEqual(
    ends,
    numbers.flatMap(() => ['failed', 'completed']),
  );
  assert.deepEqual(await client.balance({}), { cents: 0 });
});

test('a called operation believes nothing that another call of its transaction did and undid', async (t) => {
  const { running, client } = await open(t);
  const answers = await Promise.all(
    pairs('raise', 'look').map(async ({ kind, account }) => {
      const keyed = running.client(bank, { ...as, idempotencyKey: `saga/u/${account}/${kind}` });
      return keyed[kind]({ account }).then(
        () => 'done',
        (error: unknown) => (isServiceError(error) ? error.reason : String(error)),
      );
    }),
  );
  assert.deepEqual(
    answers,
    numbers.flatMap(() => ['changedItsMind', 'done']),
  );
  assert.deepEqual(await client.balance({}), { cents: 0 });
});
