import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Client } from '@banyan/chassis';
import { startTestSystem, type TestSystem } from '@banyan/testing';
import { log, market, orders, payments, stock } from './fixtures/market.ts';

const as = { service: 'probe', timeoutMs: 60_000 };
const placements = {
  'in one process': [['orders', 'stock', 'payments', 'probe']],
  split: [['orders', 'probe'], ['stock'], ['payments']],
};

const pick = <Row extends { readonly orderId: string }>(rows: readonly Row[], prefix: string) =>
  rows.filter(({ orderId }) => orderId.startsWith(prefix));

for (const [name, placement] of Object.entries(placements)) {
  describe(`sagas ${name}`, () => {
    let client: Client<typeof orders>;
    let system: TestSystem;
    const closing: (() => unknown)[] = [];
    before(async () => {
      const t = { after: (close: unknown) => void closing.push(close as () => unknown) };
      system = await startTestSystem(t as Parameters<typeof startTestSystem>[0], market, {
        placement,
        harsh: false,
      });
      client = system.client(orders, as);
    });
    after(async () => {
      for (const close of closing) await close();
    });
    const ended = (sagaId: string) => client.ended({ sagaId, waitMs: 20_000 });
    const charges = async (id: string) => pick(await system.client(payments, as).charges({}), id);
    const reservations = async (id: string) => pick(await system.client(stock, as).reservations({}), id);
    const states = async (id: string) => pick(await client.states({}), id);

    test('a saga runs its steps in order to the end', async () => {
      const { sagaId } = await client.place({ orderId: 'o1', cents: 500 });
      const { status, results } = await ended(sagaId);
      assert.equal(status, 'completed');
      assert.deepEqual(Object.keys(results), ['reserve', 'charge', 'approve']);
      assert.deepEqual(await charges('o1'), [{ orderId: 'o1', cents: 500 }]);
      assert.deepEqual(await reservations('o1'), [{ orderId: 'o1', state: 'reserved', times: 1 }]);
      assert.deepEqual(await states('o1'), [{ orderId: 'o1', state: 'approved', steps: 1 }]);
    });

    test('a refusal undoes what was done, last first', async () => {
      log.length = 0;
      const { sagaId } = await client.place({ orderId: 'o2', cents: 500, card: 'bad' });
      const { status, failure } = await ended(sagaId);
      assert.equal(status, 'compensated');
      assert.deepEqual(failure, { kind: 'refused', step: 'charge' });
      assert.deepEqual(log, ['stock.reserve', 'stock.release', 'orders.rejected']);
      assert.deepEqual(await charges('o2'), []);
      assert.deepEqual(await reservations('o2'), [{ orderId: 'o2', state: 'released', times: 2 }]);
    });

    test('a refusal of a called operation leaves nothing behind at the participant', async () => {
      const { sagaId } = await client.place({ orderId: 'none1', cents: 500 });
      assert.equal((await ended(sagaId)).status, 'compensated');
      assert.deepEqual(await reservations('none1'), []);
    });

    test('a saga starts if, and only if, its transaction commits', async () => {
      await assert.rejects(client.place({ orderId: 'o3', cents: 1, saga: 'localOnly', fail: true }));
      const { sagaId } = await client.place({ orderId: 'o4', cents: 1, saga: 'localOnly' });
      assert.equal((await ended(sagaId)).status, 'completed');
      assert.deepEqual(await states('o4'), [{ orderId: 'o4', state: 'three', steps: 3 }]);
    });

    test('the same idempotency key starts a saga once', async () => {
      const order = { orderId: 'o5', cents: 1, saga: 'localOnly', key: 'order o5' };
      const started = await Promise.all(Array.from({ length: 20 }, () => client.place(order)));
      assert.equal(new Set(started.map(({ sagaId }) => sagaId)).size, 1);
      assert.equal((await ended(started[0]?.sagaId ?? '')).status, 'completed');
      await client.place(order);
      assert.deepEqual(await states('o5'), [{ orderId: 'o5', state: 'three', steps: 3 }]);
    });

    test('a saga waits for a signal, which may come early or twice', async () => {
      const { sagaId } = await client.place({ orderId: 'o6', cents: 1, saga: 'approval' });
      await client.signal({ sagaId, name: 'decision', data: { by: 'ann' }, key: 's1' });
      await client.signal({ sagaId, name: 'decision', data: { by: 'bob' }, key: 's1' });
      const { status, results } = await ended(sagaId);
      assert.deepEqual([status, results['decision']], ['completed', { by: 'ann' }]);
    });

    test('a signal that does not fit is refused, and its saga still waits for one that does', async () => {
      const { sagaId } = await client.place({ orderId: 'o10', cents: 1, saga: 'approval' });
      await assert.rejects(client.signal({ sagaId, name: 'decision', data: { by: 7 }, key: 's2' }), {
        code: 'invalid_argument',
        reason: 'invalid_signal',
        details: { issues: [{ path: '/by', message: 'Invalid input: expected string, received number' }] },
      });
      await client.signal({ sagaId, name: 'decision', data: { by: 'ann' }, key: 's2' });
      const { status, results } = await ended(sagaId);
      assert.deepEqual([status, results['decision']], ['completed', { by: 'ann' }]);
    });

    test('a saga that waits is undone when it is cancelled', async () => {
      const { sagaId } = await client.place({ orderId: 'o7', cents: 1, saga: 'approval' });
      const { waitingFor } = await client.ended({ sagaId, waitMs: 500 });
      assert.deepEqual(waitingFor, ['decision']);
      log.length = 0;
      await client.cancel({ sagaId });
      const { status, failure } = await ended(sagaId);
      assert.deepEqual([status, failure?.kind], ['compensated', 'cancelled']);
      assert.deepEqual(await states('o7'), [{ orderId: 'o7', state: 'withdrawn', steps: 2 }]);
      // What undoes is told why.
      assert.deepEqual(log, ['undone: cancelled', 'orders.withdrawn']);
    });

    test('whoever starts a saga may give it another deadline than its definition', async () => {
      const order = { orderId: 'o9', cents: 1, saga: 'approval', deadlineMs: 300 };
      const { sagaId } = await client.place(order);
      // Nobody decides: by the definition it would wait for half a minute.
      const { status, failure } = await client.ended({ sagaId, waitMs: 10_000 });
      assert.deepEqual([status, failure?.kind], ['compensated', 'deadline']);
      assert.deepEqual(await states('o9'), [{ orderId: 'o9', state: 'withdrawn', steps: 2 }]);
      await assert.rejects(client.place({ ...order, deadlineMs: -1 }));
    });

    test('a saga branches, goes parallel paths, sleeps and runs a child', async () => {
      const { sagaId } = await client.place({ orderId: 'o8', cents: 2_000, saga: 'wide' });
      const { status, results } = await ended(sagaId);
      assert.equal(status, 'completed');
      assert.deepEqual(
        [results['size'], results['largeOnly'], results['smallOnly']],
        ['large', 'large', undefined],
      );
      assert.deepEqual(await charges('o8'), [{ orderId: 'o8', cents: 2_000 }]);
      const { sagaId: child } = results['inner'] as { sagaId: string };
      assert.equal((await ended(child)).status, 'completed');
    });

    test('a thousand sagas of local steps end, each step having happened once', async () => {
      const ids = Array.from({ length: 1_000 }, (_, index) => `many${String(index).padStart(4, '0')}`);
      const started = await Promise.all(
        ids.map((orderId) => client.place({ orderId, cents: 1, saga: 'localOnly' })),
      );
      const views = await Promise.all(started.map(({ sagaId }) => ended(sagaId)));
      assert.deepEqual(new Set(views.map(({ status }) => status)), new Set(['completed']));
      const rows = await states('many');
      assert.equal(rows.length, 1_000);
      assert.deepEqual(new Set(rows.map(({ state, steps }) => `${state} ${steps}`)), new Set(['three 3']));
    });
  });
}
