import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { servicesOf } from '@banyan/chassis';
import { uuidv7 } from '@banyan/core';
import { eventually, startTestSystem, type TestSystem } from '@banyan/testing';
import { hanging, shop, shopSystem, stock } from './fixtures/shop/shop.ts';

const placements = {
  'in one process': [['gateway', 'stock', 'shop', 'stranger']],
  'all split': [['gateway'], ['shop'], ['stock'], ['stranger']],
  'two groups': [
    ['gateway', 'stock'],
    ['shop', 'stranger'],
  ],
};
const user = { id: 'user-7', scopes: ['customer', 'beta'] };

for (const [name, placement] of Object.entries(placements)) {
  describe(`a system ${name}`, () => {
    const cleaning: (() => unknown)[] = [];
    let system: TestSystem;
    before(async () => {
      system = await startTestSystem({ after: (undo) => cleaning.push(undo as () => unknown) }, shopSystem, {
        placement,
      });
    });
    after(async () => {
      for (const cleanUp of cleaning.reverse()) await cleanUp();
    });

    test('answers calls, and its events take effect once', async () => {
      const client = system.client(shop);
      const purchaseId = uuidv7();
      const { left } = await client.buy({ purchaseId, sku: 'mug', quantity: 2 });
      assert.equal(left, 998);
      const purchase = () => client.purchase({ purchaseId });
      await eventually(purchase, ({ confirmations }) => confirmations > 0);
      // Repeated deliveries are on: another effect would show by the time a later event has been handled.
      const laterId = uuidv7();
      await client.buy({ purchaseId: laterId, sku: 'mug', quantity: 1 });
      await eventually(
        () => client.purchase({ purchaseId: laterId }),
        ({ confirmations }) => confirmations > 0,
      );
      assert.equal((await purchase()).confirmations, 1);
    });

    test('passes a declared refusal on with its data', async () => {
      const client = system.client(shop);
      await assert.rejects(client.buy({ purchaseId: uuidv7(), sku: 'poster', quantity: 50 }), {
        code: 'already_exists',
        reason: 'soldOut',
        status: 409,
        declared: true,
        details: { sku: 'poster' },
      });
    });

    test('says nothing about an unexpected error', async () => {
      const client = system.client(shop);
      await assert.rejects(client.fail({}), (error: Error & { code?: string; details?: unknown }) => {
        assert.equal(error.code, 'internal');
        assert.doesNotMatch(JSON.stringify([error.message, error.details]), /hunter2|secret/);
        return true;
      });
    });

    test('carries caller, user, trace, deadline and idempotency key', async () => {
      const client = system.client(shop, { user, idempotencyKey: 'key-1', timeoutMs: 3_000 });
      const described = await client.describeCall({});
      assert.equal(described.service, 'shop');
      assert.equal(described.user, user.id);
      assert.deepEqual(described.scopes, user.scopes);
      assert.match(described.traceId, /^[0-9a-f]{32}$/);
      assert.equal(described.idempotencyKey, 'key-1');
      assert.ok(described.remainingMs > 0 && described.remainingMs <= 3_000, String(described.remainingMs));
    });

    test('ends at the deadline, and the callee hears of it', async () => {
      const client = system.client(shop, { timeoutMs: 1_000 });
      const before = hanging.aborted;
      await eventually(
        async () => {
          // Made again if it did not get there in time: then the callee has nothing to hear of.
          await assert.rejects(client.hang({}), { code: 'deadline_exceeded' });
          return hanging.aborted;
        },
        (aborted) => aborted > before,
      );
    });

    test('answers late while a service is slowed, and as before when it is not any more', async () => {
      const host = system.hosts[placement.findIndex((parts) => parts.includes('stock'))];
      assert.ok(host);
      const purchase = () => ({ purchaseId: uuidv7(), sku: 'mug', quantity: 1 });
      const { onHand } = await system.client(stock, { service: 'shop' }).onHand({ sku: 'mug' });
      host.slow('stock', 60_000);
      const hurried = system.client(shop, { timeoutMs: 1_000 });
      await assert.rejects(hurried.buy(purchase()), { code: 'deadline_exceeded' });
      host.slow('stock', 0);
      assert.equal((await system.client(shop).buy(purchase())).left, onHand - 1);
      assert.throws(() => host.slow('nobody', 1), TypeError);
    });

    test('passes a cancellation on to the callee', async () => {
      const client = system.client(shop, { timeoutMs: 30_000 });
      const before = { ...hanging };
      const controller = new AbortController();
      const call = client.hang({}, { signal: controller.signal });
      call.catch(() => {});
      await eventually(
        async () => hanging.started,
        (started) => started > before.started,
      );
      controller.abort();
      await assert.rejects(call, { code: 'cancelled' });
      await eventually(
        async () => hanging.aborted,
        (aborted) => aborted > before.aborted,
      );
    });

    test('refuses a caller that does not name the callee in its uses', async () => {
      const intruder = system.client(stock, { service: 'stranger' });
      await assert.rejects(intruder.onHand({ sku: 'mug' }), {
        code: 'permission_denied',
        reason: 'caller_not_allowed',
      });
      await assert.rejects(system.client(stock).onHand({ sku: 'mug' }), { reason: 'caller_not_allowed' });
    });

    test("gives a service no way to another one's tables", async () => {
      const client = system.client(shop);
      await assert.rejects(client.readOthersTable({}), { code: 'internal' });
    });

    test('refuses invalid input with the place of each fault', async () => {
      const client = system.client(shop);
      await assert.rejects(client.buy({ purchaseId: 'p', sku: 'mug', quantity: 0.5 }), (error: unknown) => {
        const { code, details } = error as { code: string; details: { issues: { path: string }[] } };
        assert.equal(code, 'invalid_argument');
        assert.deepEqual([...new Set(details.issues.map((issue) => issue.path))], ['/quantity']);
        return true;
      });
    });
  });
}

/** Calls are held up from the moment they are made: nothing else delays them. */
async function runSlowed(t: Parameters<typeof startTestSystem>[0]) {
  const system = await startTestSystem(t, shopSystem, { harsh: false });
  const [host] = system.hosts;
  assert.ok(host);
  host.slow('stock', 60_000);
  return { host, client: system.client(stock, { service: 'shop' }) };
}

test('a call that is held up goes on when the service is not slowed any more', async (t) => {
  const { host, client } = await runSlowed(t);
  const heldUp = client.onHand({ sku: 'mug' });
  host.slow('stock', 0);
  assert.deepEqual(await heldUp, { onHand: 1_000 });
});

test('a call that is held up is answered before its service is reloaded', async (t) => {
  const { host, client } = await runSlowed(t);
  const heldUp = client.onHand({ sku: 'mug' });
  const [running] = servicesOf(shopSystem, true).filter(({ name }) => name === 'stock');
  assert.ok(running);
  const [answer] = await Promise.all([heldUp, host.reload({ ...running })]);
  assert.deepEqual(answer, { onHand: 1_000 });
});

test('a reload loses none of the calls that development delays at random', async (t) => {
  const system = await startTestSystem(t, shopSystem);
  const client = system.client(stock, { service: 'shop' });
  const [running] = servicesOf(shopSystem, true).filter(({ name }) => name === 'stock');
  assert.ok(running);
  const calls = Array.from({ length: 200 }, () => client.onHand({ sku: 'mug' }));
  await Promise.all([...calls, system.hosts[0]?.reload({ ...running })]);
});

test('nobody is slowed outside of development', async (t) => {
  const { hosts } = await startTestSystem(t, shopSystem, { development: false });
  assert.throws(() => hosts[0]?.slow('stock', 1), TypeError);
});
