import assert from 'node:assert/strict';
import { test } from 'node:test';
import { contract, message } from '@banyan/contract';
import { type Logger, ServiceError, systemClock } from '@banyan/core';
import { createPostgresSagaStore, migrate, platformMigrations } from '@banyan/postgres';
import {
  createSagaEngine,
  durable,
  type SagaEnvironment,
  type Startable,
  type StepMessage,
  saga,
} from '@banyan/saga';
import { createTestDatabase } from '@banyan/testing';
import { z } from 'zod';

type Scope = Parameters<typeof createTestDatabase>[0];
const Nothing = z.object({});

const silent: Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  with: () => silent,
};

interface Faults {
  /** What the commit of the next transaction that holds a step says, if it is to say that it does not know. */
  readonly unknown?: 'committed' | 'undone';
  /** What has been read is handed out when this is over. */
  readonly loading?: () => Promise<void>;
}

/** An engine on a database of its own. */
async function openEngine(t: Scope, sagas: readonly Startable[], faults: Faults = {}) {
  const { database } = await createTestDatabase(t);
  await migrate(database, platformMigrations.service, { scope: 'banyan' });
  await database.sql`create table marks (step text not null)`;
  const store = createPostgresSagaStore(database);
  const sent: StepMessage[] = [];
  let { unknown } = faults;
  const environment: SagaEnvironment = {
    async transaction(work, options) {
      let hasSteps = false;
      const lost = () => {
        unknown = undefined;
        return new ServiceError('The connection was lost during commit.', {
          code: 'unavailable',
          reason: 'commit_outcome_unknown',
        });
      };
      const result = await database.tx(
        async ({ sql }) => {
          const done = await work({
            sql,
            isInterleaved: false,
            send: (step) => `message ${sent.push(step)}`,
            open: () => {
              hasSteps = true;
              const context = { sql, emit: () => {}, metrics: {}, log: silent };
              return { context, admission: { restsOnOthers: false } };
            },
          });
          if (hasSteps && unknown === 'undone') throw lost();
          return done;
        },
        { concurrent: true, ...(options?.signal && { signal: options.signal }) },
      );
      if (hasSteps && unknown === 'committed') throw lost();
      return result;
    },
    call: () => Promise.reject(new TypeError('nobody is called here')),
    log: () => silent,
  };
  const load = store.load.bind(store);
  store.load = async (...given) => {
    const rows = await load(...given);
    await faults.loading?.();
    return rows;
  };
  const engine = createSagaEngine({
    instance: 'one',
    sagas,
    store,
    environment,
    clock: systemClock,
    logger: silent,
  });
  await engine.start();
  t.after(() => engine.stop(1_000));
  const prepare = (definition: Startable) =>
    engine.prepare({
      saga: definition,
      input: {},
      idempotencyKey: undefined,
      user: undefined,
      traceparent: undefined,
    });
  const marks = async () =>
    (await database.sql<{ step: string }>`select step from marks`).map(({ step }) => step);
  return { database, engine, prepare, marks, sent };
}

test('a letter that is read while its saga is being put down wakes it', async (t) => {
  const outside = Promise.withResolvers<void>();
  const beside = Promise.withResolvers<void>();
  const isBeside = Promise.withResolvers<void>();
  const isRead = Promise.withResolvers<void>();
  const handedOut = Promise.withResolvers<void>();
  const undo = { run: async () => {} };
  const waiting = saga('waiting', { version: 1, input: Nothing })
    .step('out', { run: () => outside.promise, undo })
    .waitFor('paid', { signal: z.object({ cents: z.number() }) });
  const other = saga('other', { version: 1, input: Nothing }).step('local', {
    tx: async () => {
      isBeside.resolve();
      await beside.promise;
    },
    undo,
  });
  const loading = () => {
    isRead.resolve();
    return handedOut.promise;
  };
  const { database, engine, prepare } = await openEngine(t, [waiting, other], { loading });
  const one = prepare(waiting);
  await engine.begin(one);
  await engine.post(database.sql, one.id, {
    kind: 'signal',
    name: 'paid',
    data: { cents: 5 },
  });
  engine.poke([one.id]);
  await isRead.promise;
  // Both go into one transaction, which the step of the other one keeps open.
  const started = await database.tx(({ sql }) => engine.insert(sql, [prepare(other)]));
  outside.resolve();
  engine.started(started);
  await isBeside.promise;
  handedOut.resolve();
  await new Promise((resolve) => setImmediate(resolve));
  beside.resolve();
  const end = await engine.ended(one.id, { timeoutMs: 60_000 });
  assert.deepEqual([end?.status, end?.state.steps['paid']?.r], ['completed', { cents: 5 }]);
});

test('the steps of a saga that is begun a second time under its id take no effect again', async (t) => {
  const twice = saga('twice', { version: 1, input: Nothing }).step('local', {
    tx: async (_given, { sql }) => {
      await sql`insert into marks values ('local')`;
    },
    undo: { run: async () => {} },
  });
  const { engine, prepare, marks } = await openEngine(t, [twice]);
  const one = prepare(twice);
  await engine.begin(one);
  await engine.begin(one);
  assert.deepEqual(await marks(), ['local']);
  assert.equal((await engine.read(one.id))?.status, 'completed');
});

test('a letter that is read while its durable function is being put down wakes it', async (t) => {
  const outside = Promise.withResolvers<void>();
  const beside = Promise.withResolvers<void>();
  const isBeside = Promise.withResolvers<void>();
  const isRead = Promise.withResolvers<void>();
  const handedOut = Promise.withResolvers<void>();
  const options = { version: 1, input: Nothing, output: z.object({ cents: z.number() }) };
  const waiting = durable('waiting', options, async (_input, d) => {
    await d.run('out', () => outside.promise);
    return d.waitFor('paid', options.output);
  });
  const other = durable('other', options, async (_input, d) => {
    await d.tx('local', async () => {
      isBeside.resolve();
      await beside.promise;
    });
    // The function before it in the transaction has said what it waits for, and is not written yet.
    handedOut.resolve();
    for (let turn = 0; turn < 50; turn += 1) await Promise.resolve();
    return { cents: 0 };
  });
  const loading = () => {
    isRead.resolve();
    return handedOut.promise;
  };
  const { database, engine, prepare } = await openEngine(t, [waiting, other], { loading });
  const one = prepare(waiting);
  await engine.begin(one);
  await engine.post(database.sql, one.id, { kind: 'signal', name: 'paid', data: { cents: 5 } });
  engine.poke([one.id]);
  await isRead.promise;
  // Both go into one transaction, which the piece of the other one keeps open.
  const started = await database.tx(({ sql }) => engine.insert(sql, [prepare(other)]));
  outside.resolve();
  engine.started(started);
  await isBeside.promise;
  beside.resolve();
  const end = await engine.ended(one.id, { timeoutMs: 60_000 });
  assert.deepEqual([end?.status, end?.state.durable?.result], ['completed', { cents: 5 }]);
});

test('a message right behind the pivot does not expire with the deadline', async (t) => {
  const shop = contract('shop', {
    version: '1.0.0',
    operations: {},
    messages: { ship: message('Ship', { data: z.object({ orderId: z.string() }), key: 'orderId' }) },
  });
  const order = saga('order', { version: 1, input: Nothing, deadlineMs: 60_000 })
    .step('early', {
      send: shop.messages.ship,
      with: () => ({ orderId: 'early' }),
      undo: { run: async () => {} },
    })
    .pivot('charge', { tx: async () => {} })
    .step('late', { send: shop.messages.ship, with: () => ({ orderId: 'late' }) });
  const { engine, prepare, sent } = await openEngine(t, [order]);
  const one = prepare(order);
  await engine.begin(one);
  assert.equal((await engine.ended(one.id, { timeoutMs: 60_000 }))?.status, 'completed');
  assert.deepEqual(
    sent.map(({ step, expiresAtMs }) => [step, expiresAtMs !== undefined]),
    [
      ['early', true],
      ['late', false],
    ],
  );
});

for (const unknown of ['committed', 'undone'] as const) {
  test(`a saga whose first commit was lost and is ${unknown} is started, and once`, async (t) => {
    const marked = saga('marked', { version: 1, input: Nothing }).step('mark', {
      tx: async (_given, { sql }) => void (await sql`insert into marks (step) values ('mark')`),
      undo: { run: async () => {} },
    });
    const { engine, prepare, marks } = await openEngine(t, [marked], { unknown });
    const one = prepare(marked);
    await engine.begin(one);
    assert.equal((await engine.ended(one.id, { timeoutMs: 60_000 }))?.status, 'completed');
    assert.deepEqual(await marks(), ['mark']);
  });
}
