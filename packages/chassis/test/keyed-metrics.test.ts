import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { service, system } from '@banyan/chassis';
import { contract, counter, operation } from '@banyan/contract';
import { createMetrics } from '@banyan/telemetry';
import { startTestSystem } from '@banyan/testing';
import { z } from 'zod';
import { figureOf } from './fixtures/figure.ts';

const Nothing = z.object({});
const errors = { taken: { status: 409 } };
const seats = contract('seats', {
  version: '1.0.0',
  operations: {
    reserve: operation('POST /reservations', {
      input: z.object({ isFree: z.boolean() }),
      output: Nothing,
      errors,
    }),
    claim: operation('POST /claims', { input: Nothing, output: Nothing, errors }),
    undoSavepoint: operation('POST /savepoints', { input: Nothing, output: Nothing }),
    undoStatement: operation('POST /statements', { input: Nothing, output: Nothing }),
  },
  metrics: {
    reserved: counter('Seats that were reserved.'),
    refused: counter('Reservations that were refused.'),
    tried: counter('Tries, whatever came of them.'),
  },
});
const asker = contract('asker', { version: '1.0.0', operations: {} });

/** The first claim waits until a later one has been answered, and is refused then. */
function createSystem() {
  const entered = Promise.withResolvers<void>();
  const overtaken = Promise.withResolvers<void>();
  let claims = 0;
  const seatsService = service(seats, {
    audited: { claim: () => undefined },
    operations: {
      async reserve({ isFree }, { tx, fail, metrics: { refused } }) {
        if (!isFree) {
          refused.inc();
          return fail('taken');
        }
        await tx(async ({ sql, metrics }) => {
          metrics.reserved.inc();
          await sql`select 1`;
        });
        return {};
      },
      async claim(_input, { fail, metrics: { refused } }) {
        claims += 1;
        if (claims > 1) return {};
        entered.resolve();
        await overtaken.promise;
        refused.inc();
        return fail('taken');
      },
      async undoSavepoint(_input, { tx, metrics: { tried } }) {
        await tx(async ({ savepoint }) => {
          const undone = savepoint(async () => {
            tried.inc();
            throw new Error('undone');
          });
          await undone.catch(() => {});
        });
        return {};
      },
      async undoStatement(_input, { tx, metrics: { tried } }) {
        const undone = tx(async ({ sql }) => {
          tried.inc();
          await sql`select 1 / 0`;
        });
        await undone.catch(() => {});
        return {};
      },
    },
  });
  const askerService = service(asker, { uses: { seats }, operations: {} });
  return { entered, overtaken, plan: system('seats', { services: [seatsService, askerService] }) };
}

async function start(t: TestContext) {
  const metrics = createMetrics();
  const { plan, entered, overtaken } = createSystem();
  const running = await startTestSystem(t, plan, { metrics });
  const as = (idempotencyKey?: string) =>
    running.client(seats, {
      service: 'asker',
      timeoutMs: 60_000,
      ...(idempotencyKey === undefined ? undefined : { idempotencyKey }),
    });
  const figure = (name: string) => figureOf(metrics, `seats_${name}_total{service="seats"}`);
  return { as, figure, entered, overtaken };
}

test('what a saga asks for counts with its answer: a commit once, a refusal each time it is given', async (t) => {
  const { as, figure } = await start(t);
  const indexes = Array.from({ length: 20 }, (_, index) => index);
  const ask = async () => {
    const answers = indexes.map((index) =>
      as(`saga/s/${index}/reserve`).reserve({ isFree: index % 2 === 0 }),
    );
    return (await Promise.allSettled(answers)).filter(({ status }) => status === 'fulfilled').length;
  };
  // The first round finds out how the handlers ask; then they share transactions.
  assert.equal(await ask(), 10);
  assert.deepEqual([figure('reserved'), figure('refused')], [10, 10]);
  assert.equal(await ask(), 10);
  assert.deepEqual([figure('reserved'), figure('refused')], [10, 20]);
});

test('a refusal that nobody is given, because another attempt was faster, does not count', async (t) => {
  const { as, figure, entered, overtaken } = await start(t);
  const slow = as('saga/s/1/claim').claim({});
  await entered.promise;
  assert.deepEqual(await as('saga/s/1/claim').claim({}), {});
  overtaken.resolve();
  assert.deepEqual(await slow, {});
  assert.equal(figure('refused'), 0);
});

for (const name of ['undoSavepoint', 'undoStatement'] as const) {
  test(`what is measured beside a transaction counts the same, whoever asks: ${name}`, async (t) => {
    const { as, figure } = await start(t);
    await as()[name]({});
    assert.equal(figure('tried'), 1);
    await as(`saga/s/1/${name}`)[name]({});
    assert.equal(figure('tried'), 2);
    // By now it is known how the handler asks.
    await as(`saga/s/2/${name}`)[name]({});
    assert.equal(figure('tried'), 3);
  });
}
