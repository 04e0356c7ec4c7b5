import assert from 'node:assert/strict';
import { test } from 'node:test';
import { service, system } from '@banyan/chassis';
import { contract, operation } from '@banyan/contract';
import { startTestSystem } from '@banyan/testing';
import { z } from 'zod';

const bank = contract('bank', {
  version: '1.0.0',
  operations: {
    /** Writes `number` and thinks better of it, then writes the one after it. */
    book: operation('POST /bookings', { input: z.object({ number: z.int() }), output: z.object({}) }),
    numbers: operation('GET /numbers', {
      input: z.object({}),
      output: z.object({ numbers: z.array(z.int()) }),
    }),
  },
});

const bankService = service(bank, {
  migrations: new URL('./fixtures/bank-migrations/', import.meta.url),
  operations: {
    async book({ number }, { tx }) {
      const undone = tx(async ({ sql }) => {
        await sql`insert into entry ${sql.rows([{ number, account: 'a', cents: 1 }])}`;
        throw new Error('thought better of it');
      });
      await undone.catch(() => {});
      await tx(
        ({ sql }) => sql`insert into entry ${sql.rows([{ number: number + 1, account: 'a', cents: 1 }])}`,
      );
      return {};
    },
    async numbers(_input, { sql }) {
      const rows = await sql<{ number: number }>`select number from entry order by number`;
      return { numbers: rows.map(({ number }) => number) };
    },
  },
});
const asker = contract('asker', { version: '1.0.0', operations: {} });
const askerService = service(asker, { uses: { bank }, operations: {} });

test('what a handler undoes stays undone, also in a call that a saga makes', async (t) => {
  const running = await startTestSystem(t, system('undone', { services: [bankService, askerService] }));
  const client = running.client(bank, { service: 'asker' });
  await client.book({ number: 10 });
  // The first two find out how the handler asks, alone and together; the last one knows.
  for (const number of [20, 30, 40]) {
    const idempotencyKey = `saga/s/${number}/book`;
    await running.client(bank, { service: 'asker', idempotencyKey }).book({ number });
  }
  assert.deepEqual(await client.numbers({}), { numbers: [11, 21, 31, 41] });
});
