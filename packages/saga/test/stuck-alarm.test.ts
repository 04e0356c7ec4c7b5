import assert from 'node:assert/strict';
import { test } from 'node:test';
import { service, system } from '@banyan/chassis';
import { type BanyanAlarm, contract, operation } from '@banyan/contract';
import { eventually } from '@banyan/core/testing';
import { retrySaga, type StoredSaga, saga } from '@banyan/saga';
import { startTestSystem } from '@banyan/testing';
import { z } from 'zod';

const Nothing = z.object({});
const Order = z.object({ orderId: z.string() });
const SagaRef = z.object({ sagaId: z.string() });
let isClosed = true;
const heard: BanyanAlarm[] = [];

/** What cannot be done behind the pivot waits for an operator. */
const ship = saga('ship', { version: 1, input: Order })
  .pivot('sell', { run: async () => {} })
  .step('send', {
    tx: async (_given, { refuse }) => {
      if (isClosed) refuse('closed');
    },
  });

const depot = contract('depot', {
  version: '1.0.0',
  operations: {
    ship: operation('POST /orders', { input: Order, output: SagaRef }),
    /** As `banyan saga retry` does. */
    retry: operation('POST /retries', { input: SagaRef, output: Nothing }),
  },
});
const watch = contract('watch', { version: '1.0.0', operations: {} });
const depotService = service(depot, {
  sagas: [ship],
  operations: {
    ship: async (order, { sagas }) => {
      const sagaId = await sagas.start(ship, order);
      const end = await sagas.ended(sagaId, { timeoutMs: 5_000 });
      assert.equal(end?.status, 'stuck');
      return { sagaId };
    },
    async retry({ sagaId }, { sql }) {
      const [stored] =
        await sql<StoredSaga>`select state, status from banyan.saga where id = ${sagaId}::uuid`;
      assert.ok(stored);
      const verdict = retrySaga(stored);
      assert.ok(verdict.refused === undefined);
      await sql`update banyan.saga set state = ${JSON.stringify(verdict.state)}::json, status = ${verdict.status},
        owner = null, ready_at = clock_timestamp() where id = ${sagaId}::uuid`;
      return {};
    },
  },
});
const watchService = service(watch, {
  uses: { depot },
  operations: {},
  on: {
    async 'depot.banyanAlarm'(alarm, { sql }) {
      await sql`select 1`;
      heard.push(alarm);
    },
  },
});

test('who listens hears when sagas are stuck, and when none is any more', async (t) => {
  const running = await startTestSystem(t, system('shipping', { services: [depotService, watchService] }), {
    harsh: false,
  });
  const client = running.client(depot, { service: 'watch', timeoutMs: 10_000 });
  const first = await client.ship({ orderId: 'one' });
  const second = await client.ship({ orderId: 'two' });
  await eventually(
    async () => heard,
    (alarms) => alarms.length === 2,
  );
  isClosed = false;
  await client.retry(first);
  await client.retry(second);
  const all = await eventually(
    async () => heard,
    (alarms) => alarms.length === 3,
  );
  assert.deepEqual(
    all.map(({ invariant, state, count }) => ({ invariant, state, count })),
    [
      { invariant: 'sagas', state: 'broken', count: 1 },
      { invariant: 'sagas', state: 'broken', count: 1 },
      { invariant: 'sagas', state: 'restored', count: 0 },
    ],
  );
});
