import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { service, system } from '@banyan/chassis';
import { contract, event, operation } from '@banyan/contract';
import { eventually } from '@banyan/core/testing';
import { startTestSystem } from '@banyan/testing';
import { z } from 'zod';

const Entry = z.object({ number: z.int(), account: z.string(), cents: z.int() });
const bank = contract('bank', {
  version: '1.0.0',
  operations: {
    book: operation('POST /entries', {
      input: Entry,
      output: z.object({ number: z.int(), balance: z.int() }),
    }),
    bookLater: operation('POST /later-entries', { input: Entry, output: z.object({}) }),
    standing: operation('GET /standing', {
      input: z.object({}),
      output: z.object({ entries: z.int(), cents: z.int(), transactions: z.int() }),
    }),
  },
  events: { booked: event('Booked', { data: Entry, key: 'account' }) },
});

const bankService = service(bank, {
  migrations: new URL('./fixtures/bank-migrations/', import.meta.url),
  operations: {
    async book({ number, account, cents }, { groupCommit }) {
      const [[entry], [balance]] = await groupCommit(({ sql, emit }) => {
        emit('booked', { number, account, cents });
        return [
          sql<{
            number: number;
          }>`insert into entry (number, account, cents) values (${number}, ${account}, ${cents}) returning number`,
          sql<{ cents: number }>`
            insert into balance as b (account, cents) values (${account}, ${cents})
            on conflict (account) do update set cents = b.cents + excluded.cents returning cents`,
        ];
      });
      return { number: entry?.number ?? -1, balance: balance?.cents ?? -1 };
    },
    async bookLater(entry, { groupCommit }) {
      // What no type lets through: the list comes later.
      await groupCommit((async () => [entry]) as never);
      return {};
    },
    async standing(_, { sql }) {
      const [row] = await sql<{ entries: number; cents: number; transactions: number }>`
        select count(*)::int4 as entries, coalesce(sum(cents), 0)::int4 as cents, count(distinct xmin::text)::int4 as transactions
        from entry`;
      return row ?? { entries: 0, cents: 0, transactions: 0 };
    },
  },
});

const audit = contract('audit', {
  version: '1.0.0',
  operations: {
    seen: operation('GET /seen', {
      input: z.object({}),
      output: z.object({ numbers: z.array(z.int()), doubled: z.int() }),
    }),
  },
});

const auditService = service(audit, {
  uses: { bank },
  migrations: new URL('./fixtures/audit-migrations/', import.meta.url),
  operations: {
    async seen(_, { sql }) {
      const rows = await sql<{
        number: number;
        times: number;
      }>`select number, times from seen order by number`;
      return {
        numbers: rows.map(({ number }) => number),
        doubled: rows.filter(({ times }) => times > 1).length,
      };
    },
  },
  on: {
    'bank.booked': async ({ number }, { sql }) => {
      await sql`insert into seen as s (number) values (${number}) on conflict (number) do update set times = s.times + 1`;
    },
  },
});

/** Who calls both. */
const desk = service(contract('desk', { version: '1.0.0', operations: {} }), {
  uses: { bank, audit },
  operations: {},
});

async function startBank(t: TestContext) {
  const running = await startTestSystem(t, system('bank', { services: [bankService, auditService, desk] }));
  return {
    bank: running.client(bank, { service: 'desk' }),
    audit: running.client(audit, { service: 'desk' }),
  };
}

const numbersTo = (count: number) => Array.from({ length: count }, (_, number) => number);

test('lists of many callers share transactions; each gets the rows of its own, and its event goes out once', async (t) => {
  const { bank: client, audit: auditor } = await startBank(t);
  const count = 300;
  const answers = await Promise.all(
    numbersTo(count).map((number) => client.book({ number, account: `a${number}`, cents: number })),
  );
  assert.deepEqual(
    answers,
    numbersTo(count).map((number) => ({ number, balance: number })),
  );
  const { entries, transactions } = await client.standing({});
  assert.equal(entries, count);
  assert.ok(transactions < count / 4, `${transactions} transactions`);
  await eventually(
    () => auditor.seen({}),
    ({ numbers }) => numbers.length === count,
  );
  assert.deepEqual(await auditor.seen({}), { numbers: numbersTo(count), doubled: 0 });
});

test('a list that fails takes nobody with it, and leaves no event', async (t) => {
  const { bank: client, audit: auditor } = await startBank(t);
  await client.book({ number: 7, account: 'taken', cents: 1 });
  const outcomes = await Promise.allSettled(
    numbersTo(40).map((number) =>
      // 7 is taken; 20 would overdraw its account.
      client.book({ number, account: `a${number}`, cents: number === 20 ? -1 : 1 }),
    ),
  );
  const failed = outcomes.flatMap(({ status }, number) => (status === 'rejected' ? [number] : []));
  assert.deepEqual(failed, [7, 20]);
  assert.equal((await client.standing({})).entries, 39);
  await eventually(
    () => auditor.seen({}),
    ({ numbers }) => numbers.length === 39,
  );
  assert.deepEqual(
    (await auditor.seen({})).numbers,
    numbersTo(40).filter((number) => number !== 20),
  );
});

test('callers in one group that want the same thing: exactly one gets it', async (t) => {
  const { bank: client } = await startBank(t);
  const outcomes = await Promise.allSettled(
    numbersTo(50).map((caller) => client.book({ number: caller % 5, account: 'one', cents: 1 })),
  );
  assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 5);
  assert.deepEqual(await client.standing({}).then(({ entries, cents }) => [entries, cents]), [5, 5]);
});

test('statements take effect as if each list were alone', async (t) => {
  const { bank: client } = await startBank(t);
  const answers = await Promise.all(
    numbersTo(200).map((number) => client.book({ number, account: 'shared', cents: 1 })),
  );
  // Every balance was seen once: no list read between the statements of another one.
  assert.deepEqual(
    answers.map(({ balance }) => balance).toSorted((a, b) => a - b),
    numbersTo(200).map((number) => number + 1),
  );
});

test('a list that is not there at once is refused, and holds up nobody', async (t) => {
  const { bank: client } = await startBank(t);
  const outcomes = await Promise.allSettled([
    client.book({ number: 1, account: 'a', cents: 1 }),
    client.bookLater({ number: 2, account: 'a', cents: 1 }),
    client.book({ number: 3, account: 'a', cents: 1 }),
  ]);
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled'],
  );
});
