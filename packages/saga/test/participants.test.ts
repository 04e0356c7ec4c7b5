import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { Client } from '@banyan/chassis';
import { isServiceError, ServiceError } from '@banyan/core';
import { startTestSystem, type TestSystem } from '@banyan/testing';
import { faults, market, orders, payments, stock } from './fixtures/market.ts';

const as = { service: 'probe', timeoutMs: 60_000 };

function unavailable(): never {
  throw new ServiceError('not now', { code: 'unavailable', reason: 'test' });
}

/** Throws so many times, then never again. */
function times(count: number, fault: () => never): () => Promise<void> {
  let left = count;
  return async () => {
    left -= 1;
    if (left >= 0) fault();
  };
}

describe('operations that sagas call', () => {
  let system: TestSystem;
  let client: Client<typeof orders>;
  const closing: (() => unknown)[] = [];
  before(async () => {
    const t = { after: (close: unknown) => void closing.push(close as () => unknown) };
    system = await startTestSystem(t as Parameters<typeof startTestSystem>[0], market, { harsh: false });
    client = system.client(orders, as);
  });
  after(async () => {
    for (const close of closing) await close();
  });
  const ended = (sagaId: string) => client.ended({ sagaId, waitMs: 30_000 });
  const chargesOf = async (id: string) =>
    (await system.client(payments, as).charges({}))
      .filter(({ orderId }) => orderId === id)
      .map(({ cents }) => cents);
  const reservationsOf = async (id: string) =>
    (await system.client(stock, as).reservations({})).filter(({ orderId }) => orderId === id);

  test('an operation that is asked again answers with its first reply, and has one effect', async (t) => {
    const charge = { orderId: 'k1', cents: 7 };
    const keyed = (idempotencyKey: string) => system.client(payments, { ...as, idempotencyKey });
    const first = await keyed('saga/x/0/charge').charge(charge);
    const again = await Promise.all(
      Array.from({ length: 10 }, () => keyed('saga/x/0/charge').charge(charge)),
    );
    assert.deepEqual(new Set([first, ...again].map(({ chargeId }) => chargeId)).size, 1);
    assert.deepEqual(await chargesOf('k1'), [7]);
    t.diagnostic('another key is another effect');
    await keyed('saga/x/1/charge').charge(charge);
    assert.deepEqual(await chargesOf('k1'), [7, 7]);
  });

  test('calls with one key at one time have one effect and one answer', async () => {
    const client = system.client(payments, { ...as, idempotencyKey: 'saga/y/0/charge' });
    const replies = await Promise.all(
      Array.from({ length: 25 }, () => client.charge({ orderId: 'k2', cents: 7 })),
    );
    assert.equal(new Set(replies.map(({ chargeId }) => chargeId)).size, 1);
    assert.deepEqual(await chargesOf('k2'), [7]);
  });

  test('a handler that fails after its transaction leaves nothing behind and can be asked again', async () => {
    faults.set('payments.charge.after', times(1, unavailable));
    const client = system.client(payments, { ...as, idempotencyKey: 'saga/z/0/charge' });
    await assert.rejects(client.charge({ orderId: 'k3', cents: 7 }), { code: 'unavailable' });
    assert.deepEqual(await chargesOf('k3'), []);
    await client.charge({ orderId: 'k3', cents: 7 });
    assert.deepEqual(await chargesOf('k3'), [7]);
  });

  test('a key that was given up has no effect any more, or tells what it had', async () => {
    const keyed = (idempotencyKey: string) => system.client(payments, { ...as, idempotencyKey });
    const isVoided = (error: unknown) => isServiceError(error) && error.reason === 'call_voided';
    await assert.rejects(keyed('void:saga/v/0/charge').charge({ orderId: 'k4', cents: 7 }), isVoided);
    await assert.rejects(keyed('saga/v/0/charge').charge({ orderId: 'k4', cents: 7 }), isVoided);
    assert.deepEqual(await chargesOf('k4'), []);
    const charged = await keyed('saga/w/0/charge').charge({ orderId: 'k5', cents: 7 });
    assert.deepEqual(await keyed('void:saga/w/0/charge').charge({ orderId: 'k5', cents: 7 }), charged);
  });

  test('what one service did is no answer for another one', async () => {
    await system
      .client(payments, { ...as, idempotencyKey: 'saga/u/0/charge' })
      .charge({ orderId: 'k6', cents: 7 });
    const other = system.client(payments, { ...as, service: 'orders', idempotencyKey: 'saga/u/0/charge' });
    await other.charge({ orderId: 'k6', cents: 7 });
    assert.deepEqual(await chargesOf('k6'), [7, 7]);
  });

  test('a participant that is away is asked until it answers', async () => {
    faults.set('payments.charge.before', times(3, unavailable));
    const { sagaId } = await client.place({ orderId: 'k7', cents: 7 });
    assert.equal((await ended(sagaId)).status, 'completed');
    assert.deepEqual(await chargesOf('k7'), [7]);
  });

  test('a fault that stays undoes the saga after five attempts', async () => {
    let attempts = 0;
    faults.set('payments.charge.before', async () => {
      attempts += 1;
      throw new TypeError('a mistake');
    });
    const { sagaId } = await client.place({ orderId: 'k8', cents: 7 });
    const { status, failure } = await ended(sagaId);
    faults.delete('payments.charge.before');
    assert.deepEqual([status, failure?.kind, failure?.step, attempts], ['compensated', 'fault', 'charge', 5]);
    assert.deepEqual(await chargesOf('k8'), []);
    assert.deepEqual(await reservationsOf('k8'), [{ orderId: 'k8', state: 'released', times: 2 }]);
  });

  test('a step whose outcome is unknown is undone if it took effect, and never takes effect later', async () => {
    // Some answers come in time, some too late, and some around the limit.
    let number = 0;
    faults.set('payments.charge.after', () => pause((number++ * 7) % 140));
    const placed = await Promise.all(
      Array.from({ length: 60 }, (_, index) =>
        client.place({ orderId: `k9-${index}`, cents: 7, saga: 'hasty' }),
      ),
    );
    const views = await Promise.all(placed.map(({ sagaId }) => ended(sagaId)));
    faults.delete('payments.charge.after');
    const all = await system.client(payments, as).charges({});
    for (const [index, { status }] of views.entries()) {
      const cents = all.filter(({ orderId }) => orderId === `k9-${index}`).map((each) => each.cents);
      const sum = cents.reduce((total, each) => total + each, 0);
      assert.equal(sum, status === 'completed' ? 7 : 0, `${index}: ${status} with ${cents}`);
    }
    assert.deepEqual(new Set(views.map(({ status }) => status)), new Set(['completed', 'compensated']));
  });
});
