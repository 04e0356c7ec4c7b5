import assert from 'node:assert/strict';
import { test } from 'node:test';
import { service, system } from '@banyan/chassis';
import { contract, operation } from '@banyan/contract';
import { isServiceError } from '@banyan/core';
import { startTestSystem } from '@banyan/testing';
import { z } from 'zod';
import { faults, market, payments, stock } from './fixtures/market.ts';

const as = { service: 'probe', timeoutMs: 60_000 };
const numbers = Array.from({ length: 30 }, (_, index) => index);

test('a refused call that comes together with others undoes its own work alone', async (t) => {
  const running = await startTestSystem(t, market, { harsh: false });
  const answers = await Promise.all(
    numbers.map(async (index) => {
      const client = running.client(stock, { ...as, idempotencyKey: `saga/s/${index}/reserve` });
      // Every third is refused after it has written.
      const orderId = `${index % 3 === 0 ? 'none' : 'some'}-${index}`;
      return client.reserve({ orderId, cents: 1 }).then(
        () => 'reserved',
        (error: unknown) => (isServiceError(error) ? error.reason : String(error)),
      );
    }),
  );
  assert.deepEqual(
    answers,
    numbers.map((index) => (index % 3 === 0 ? 'outOfStock' : 'reserved')),
  );
  const rows = await running.client(stock, as).reservations({});
  assert.deepEqual(
    rows.map(({ orderId }) => orderId).toSorted(),
    numbers
      .filter((index) => index % 3 !== 0)
      .map((index) => `some-${index}`)
      .toSorted(),
  );
});

test('a call that waits for something else does not keep the others waiting', async (t) => {
  const running = await startTestSystem(t, market, { harsh: false });
  const { promise: othersAnswered, resolve: answered } = Promise.withResolvers<void>();
  let isFirst = true;
  faults.set('payments.charge.before', async () => {
    const waits = isFirst;
    isFirst = false;
    if (waits) await othersAnswered;
  });
  t.after(() => faults.delete('payments.charge.before'));
  const charge = (index: number) =>
    running
      .client(payments, { ...as, idempotencyKey: `saga/w/${index}/charge` })
      .charge({ orderId: `w-${index}`, cents: 1 });
  const [first, ...others] = numbers.map(charge);
  await Promise.all(others);
  answered();
  await first;
  const charges = await running.client(payments, as).charges({});
  assert.deepEqual(
    charges.map(({ orderId }) => orderId).toSorted(),
    numbers.map((index) => `w-${index}`).toSorted(),
  );
});

const Item = z.object({ item: z.string() });
const shelf = contract('shelf', {
  version: '1.0.0',
  operations: {
    put: operation('POST /items', { input: Item, output: z.object({ price: z.number() }) }),
    putSlowly: operation('POST /slow-items', { input: Item, output: z.object({}) }),
    items: operation('GET /items', { input: z.object({}), output: z.array(Item) }),
    transactions: operation('GET /transactions', { input: z.object({}), output: z.int() }),
  },
});
const prices = contract('prices', {
  version: '1.0.0',
  operations: {
    priceOf: operation('GET /prices/:item', { input: Item, output: z.object({ price: z.number() }) }),
  },
});
const probe = contract('probe', { version: '1.0.0', operations: {} });
const shop = system('shelf-system', {
  services: [
    service(shelf, {
      uses: { prices },
      migrations: new URL('./fixtures/migrations/shelf/', import.meta.url),
      operations: {
        async put({ item }, { call, tx }) {
          const { price } = await call.prices.priceOf({ item });
          await tx(async ({ sql, savepoint }) => {
            await sql`insert into items (item) values (${item})`;
            await savepoint(async (inner) => inner`update items set item = ${item} where item = ${item}`);
          });
          return { price };
        },
        async putSlowly({ item }, { sql }) {
          await sql`insert into items (item) select ${item}::text from pg_sleep(0.02)`;
          return {};
        },
        items: async (_input, { sql }) => sql<{ item: string }>`select item from items order by item`,
        async transactions(_input, { sql }) {
          const [row] = await sql<{
            count: number;
          }>`select count(distinct xmin::text)::int4 as count from items`;
          return row?.count ?? 0;
        },
      },
    }),
    service(prices, { operations: { priceOf: async ({ item }) => ({ price: item.length }) } }),
    service(probe, { uses: { shelf }, operations: {} }),
  ],
});

test('a handler that calls another service has its effect once, in a transaction of its own', async (t) => {
  const running = await startTestSystem(t, shop, { harsh: false });
  const put = (index: number) =>
    running.client(shelf, { ...as, idempotencyKey: `saga/p/${index}/put` }).put({ item: `item-${index}` });
  // The first round finds out that it calls; every call comes twice.
  for (const round of [numbers.slice(0, 10), numbers]) {
    const priced = await Promise.all([...round, ...round].map(put));
    assert.deepEqual(
      priced.map(({ price }) => price),
      [...round, ...round].map((index) => `item-${index}`.length),
    );
  }
  const items = await running.client(shelf, as).items({});
  assert.deepEqual(
    items.map(({ item }) => item),
    numbers.map((index) => `item-${index}`).toSorted(),
  );
});

test('calls that wait for a slow database stay together', async (t) => {
  const running = await startTestSystem(t, shop, { harsh: false });
  const put = (index: number) =>
    running
      .client(shelf, { ...as, idempotencyKey: `saga/d/${index}/put` })
      .putSlowly({ item: `item-${index}` });
  await Promise.all(numbers.slice(0, 10).map(put));
  const client = running.client(shelf, as);
  assert.equal((await client.items({})).length, 10);
  const transactions = await client.transactions({});
  assert.ok(transactions <= 2, `${transactions} transactions`);
});
