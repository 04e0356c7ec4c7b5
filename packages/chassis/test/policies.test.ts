import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type Edge, system } from '@banyan/chassis';
import { isServiceError } from '@banyan/core';
import { createMetrics } from '@banyan/telemetry';
import { stallMs, startTestSystem, type TestSystem, until } from '@banyan/testing';
import type { z } from 'zod';
import { apart, frozen, onRecord, orders, own, type Seen, set, shop, shopping } from './fixtures/shopping.ts';

/** Cancels ann's or ben's order as ann, in every way; what came of each. */
async function tryAllWays(running: TestSystem, userId: string): Promise<Record<string, string>> {
  const ann = { id: 'ann', scopes: [] };
  const client = running.client(shop, { service: 'reader', user: ann });
  const reasonOf = (error: unknown) => {
    assert.ok(isServiceError(error), String(error));
    return error.reason;
  };
  const found: Record<string, string> = {};
  const seenBy = ({ service, user }: z.output<typeof Seen>) => `${service} for ${user}`;
  found['call'] = await client.byCall({ userId, orderId: 'call' }).then(seenBy, reasonOf);
  found['as orders sees it'] = await running
    .client(orders, { service: 'shop', user: ann })
    .cancelOrder({ userId, orderId: 'direct' })
    .then(seenBy, reasonOf);
  const tokens = running.tokensOf('shop');
  const response = await fetch(
    `${await running.internalUrl('orders')}/users/${userId}/orders/http/cancellation`,
    {
      method: 'POST',
      headers: {
        authorization: `Bearer ${await tokens.issue('orders')}`,
        'banyan-user': await tokens.issueUser(ann),
        'content-type': 'application/json',
      },
      body: '{}',
    },
  );
  const body = (await response.json()) as { reason?: string } & z.output<typeof Seen>;
  found['plain HTTP'] = `${response.status} ${body.reason ?? seenBy(body)}`;
  const before = await onRecord(running, 'shop', 'heard');
  await client.byEvent({ userId, orderId: 'event' });
  const heard = await until(async () => {
    const all = await onRecord(running, 'shop', 'heard');
    return all.length > before.length ? all[0] : undefined;
  }, 'the event was not handled');
  found['event'] = JSON.stringify(heard.details);
  found['timer and saga'] = (await client.bySaga({ userId, orderId: 'saga' })).state;
  return found;
}

for (const [name, placement] of [
  ['in one process', undefined],
  ['in two processes', apart],
] as const) {
  const start = (t: TestContext) =>
    startTestSystem(t, shopping, { harsh: false, ...(placement === undefined ? {} : { placement }) });

  test(`policies hold for every way to call, and the callee sees the user in each: ${name}`, async (t) => {
    const running = await start(t);
    await set(running, own);
    await until(async () => {
      const asBen = running.client(orders, { service: 'shop', user: { id: 'ben', scopes: [] } });
      return asBen.cancelOrder({ userId: 'ann', orderId: 'probe' }).then(
        () => undefined,
        () => true,
      );
    }, 'the policies are not in force');
    assert.deepEqual(await tryAllWays(running, 'ann'), {
      call: 'shop for ann',
      'as orders sees it': 'shop for ann',
      'plain HTTP': '200 shop for ann',
      event: '{"outcome":"allowed","user":"ann"}',
      'timer and saga': 'completed',
    });
    const cancelled = await onRecord(running, 'orders', 'cancelled');
    const saga = cancelled.find(({ subject }) => subject === 'saga');
    assert.deepEqual(saga?.caller, { service: 'shop', user: 'ann' }, 'a saga and its timer carry the user');

    assert.deepEqual(await tryAllWays(running, 'ben'), {
      call: 'denied_by_policy',
      'as orders sees it': 'denied_by_policy',
      'plain HTTP': '403 denied_by_policy',
      event: '{"outcome":"denied_by_policy"}',
      'timer and saga': 'compensated',
    });
    const denials = (await onRecord(running, 'orders', 'cancelOrder')).filter(
      ({ caller }) => caller.user === 'ann',
    );
    // A saga tries a step five times before it turns back, in case an operator mends the policies meanwhile.
    assert.equal(denials.length, 4 + 5, 'each denial is on record once');
    for (const { outcome, caller, details } of denials) {
      assert.deepEqual(
        { outcome, caller, details },
        {
          outcome: 'denied',
          caller: { service: 'shop', user: 'ann' },
          details: { reason: 'denied_by_policy', version: 1 },
        },
      );
    }
  });

  test(`a change is in force everywhere within 5 s, without a restart: ${name}`, async (t) => {
    const running = await start(t);
    await set(running, own);
    const cancel = () =>
      running
        .client(shop, { service: 'reader', user: { id: 'ann', scopes: [] } })
        .byCall({ userId: 'ann', orderId: 'o' })
        .then(
          () => 'allowed',
          (error) => error.reason,
        );
    assert.equal(await cancel(), 'allowed');
    const changedAtMs = Date.now();
    await set(running, frozen, 1);
    await until(
      async () => ((await cancel()) === 'denied_by_policy' ? true : undefined),
      'the change took no effect',
    );
    const tookMs = Date.now() - changedAtMs;
    assert.ok(tookMs < 5_000 + stallMs, `it took ${tookMs} ms`);
    const [denial] = await onRecord(running, 'orders', 'cancelOrder');
    assert.deepEqual(denial?.details, { reason: 'denied_by_policy', rule: 'frozen', version: 2 });
    await set(running, own, 2);
    await until(
      async () => ((await cancel()) === 'allowed' ? true : undefined),
      'the change back took no effect',
    );
  });
}

test('whoever bypasses the gateway without proof meets 401, with proof of a stranger 403, and both are on record', async (t) => {
  const metrics = createMetrics();
  const running = await startTestSystem(t, shopping, { harsh: false, metrics });
  const url = `${await running.internalUrl('orders')}/users/ann/orders/o-1/cancellation`;
  const post = async (headers: Record<string, string>) => {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: '{}',
    });
    return `${response.status} ${((await response.json()) as { reason: string }).reason}`;
  };
  const bearer = async (service: string, audience: string) => ({
    authorization: `Bearer ${await running.tokensOf(service).issue(audience)}`,
  });
  assert.equal(await post({}), '401 missing_service_token');
  assert.equal(await post(await bearer('shop', 'shop')), '401 invalid_service_token', 'a token for another');
  assert.equal(
    await post({ ...(await bearer('shop', 'orders')), 'banyan-user': 'ann' }),
    '401 invalid_user_assertion',
  );
  assert.equal(await post(await bearer('stranger', 'orders')), '403 caller_not_allowed');
  const strangers = await until(async () => {
    const all = await onRecord(running, 'orders', 'authenticate');
    return all.length === 3 ? all : undefined;
  }, 'the refusals are not on record');
  assert.deepEqual(
    strangers.map(({ outcome, caller }) => ({ outcome, caller })),
    strangers.map(() => ({ outcome: 'denied', caller: {} })),
  );
  // They are written beside the answers, in no order.
  const details = ['invalid_service_token', 'invalid_user_assertion', 'missing_service_token'].map(
    (reason) => ({ reason, address: '127.0.0.1' }),
  );
  assert.deepEqual(
    strangers
      .map((record) => record.details as (typeof details)[number])
      .toSorted((a, b) => (a.reason < b.reason ? -1 : 1)),
    details,
  );
  const [denial] = await onRecord(running, 'orders', 'cancelOrder');
  assert.deepEqual(denial?.caller, { service: 'stranger' });
  assert.deepEqual(denial?.details, { reason: 'caller_not_allowed' });
  const page = metrics.render();
  const count = (operation: string, reason: string) =>
    `banyan_denied_calls_total{service="orders",operation="${operation}",reason="${reason}"} 1`;
  assert.ok(page.includes(count('authenticate', 'missing_service_token')), page);
  assert.ok(page.includes(count('cancelOrder', 'caller_not_allowed')), page);
});

test('whoever knocks for ever is counted, and does not fill the audit log', async (t) => {
  const metrics = createMetrics();
  const running = await startTestSystem(t, shopping, { harsh: false, metrics });
  const url = `${await running.internalUrl('orders')}/records`;
  const startedAtMs = Date.now();
  for (let round = 0; round < 10; round += 1) {
    await Promise.all(Array.from({ length: 100 }, async () => (await fetch(url)).arrayBuffer()));
  }
  const counted =
    'banyan_denied_calls_total{service="orders",operation="authenticate",reason="missing_service_token"} 1000';
  assert.ok(metrics.render().includes(counted));
  const seconds = (Date.now() - startedAtMs) / 1_000;
  const all = await onRecord(running, 'orders', 'authenticate');
  assert.ok(all.length >= 100, `${all.length} on record`);
  assert.ok(all.length <= 200 + 20 * (seconds + 1), `${all.length} on record after ${seconds} s`);
});

test('policies that do not fit the contracts change nothing, and without any that do nobody gets in', async (t) => {
  const running = await startTestSystem(t, shopping, { harsh: false, placement: apart });
  const page = async () => (await fetch(`${await running.internalUrl('orders')}/metrics`)).text();
  const cancel = (as = 'ann') =>
    running
      .client(orders, { service: 'shop', user: { id: as, scopes: [] } })
      .cancelOrder({ userId: 'ann', orderId: 'o' }, { timeoutMs: 1_000 })
      .then(
        () => 'allowed',
        (error) => error.reason,
      );
  await set(running, own);
  await until(
    async () => ((await cancel('ben')) === 'denied_by_policy' ? true : undefined),
    'no policies are in force',
  );
  await set(
    running,
    { covers: [], rules: [{ id: 'x', effect: 'forbid', operations: ['orders.nothing'] }] },
    1,
  );
  await until(
    async () => (/^banyan_policies_refused_version 2$/m.test(await page()) ? true : undefined),
    'the bad document was not seen',
  );
  assert.equal(await cancel(), 'allowed');
  assert.equal(await cancel('ben'), 'denied_by_policy', 'the former ones are in force');
  // A process that starts now has never loaded any that fit.
  await running.hosts[0]?.stop();
  await running.addHost(['orders']);
  const response = await fetch(`${await running.internalUrl('orders')}/users/ann/orders/o/cancellation`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${await running.tokensOf('shop').issue('orders')}`,
      'content-type': 'application/json',
    },
    body: '{}',
  });
  assert.equal(response.status, 503);
  assert.equal(((await response.json()) as { reason: string }).reason, 'policies_unavailable');
});

test('a system declares the policies that it begins with', async (t) => {
  const declared = system('declared', { services: shopping.services, policies: own });
  const running = await startTestSystem(t, declared, { harsh: false });
  const client = running.client(orders, { service: 'shop', user: { id: 'ben', scopes: [] } });
  await assert.rejects(client.cancelOrder({ userId: 'ann', orderId: 'o' }), { reason: 'denied_by_policy' });
  await set(running, { covers: [], rules: [] });
  await until(
    async () =>
      client.cancelOrder({ userId: 'ann', orderId: 'o' }).then(
        () => true,
        () => undefined,
      ),
    'what was set does not take the place of what was declared',
  );
  assert.throws(
    () =>
      system('wrong', {
        services: shopping.services,
        policies: { covers: ['orders.nothing'], rules: [] },
      }),
    /policies: covers\.0: 'orders' has no operation 'nothing'/,
  );
});

test('what comes from outside with the key of a saga is a call like any other, and its denial is on record', async (t) => {
  const edge: Edge = {
    kind: 'edge',
    routes: [],
    uses: [orders],
    create: () => ({ start: async () => ({ url: 'http://127.0.0.1:1' }), stop: async () => {} }),
  };
  const annFrozen = { covers: [], rules: frozen.rules.filter(({ effect }) => effect === 'forbid') };
  const open = system('open', { services: shopping.services, gateway: edge, policies: annFrozen });
  const running = await startTestSystem(t, open, { harsh: false });
  const cancel = (id: string, idempotencyKey: string) =>
    running
      .client(orders, { service: 'gateway', user: { id, scopes: [] }, idempotencyKey })
      .cancelOrder({ userId: id, orderId: `of ${id}` })
      .then(
        ({ user }) => user,
        (error) => error.reason,
      );
  assert.equal(await cancel('ann', 'void:saga/1/cancel'), 'denied_by_policy');
  const denials = await onRecord(running, 'orders', 'cancelOrder');
  assert.deepEqual(
    denials.map(({ caller, outcome }) => ({ caller, outcome })),
    [{ caller: { service: 'gateway', user: 'ann' }, outcome: 'denied' }],
  );
  assert.equal(await cancel('ben', 'saga/1/cancel'), 'ben');
  assert.equal(await cancel('eve', 'saga/1/cancel'), 'eve', "nobody gets another user's answer");
  assert.equal(await cancel('ben', 'void:saga/1/cancel'), 'ben', 'nor gives up anything');
});

test('a saga that asks again for what it did before hears of it, although it may not do it any more', async (t) => {
  const running = await startTestSystem(t, shopping, { harsh: false });
  const user = { id: 'ann', scopes: [] };
  const cancel = (idempotencyKey: string) =>
    running
      .client(orders, { service: 'shop', user, idempotencyKey })
      .cancelOrder({ userId: 'ann', orderId: 'o' })
      .then(
        () => 'done',
        (error) => error.reason,
      );
  assert.equal(await cancel('saga/1/cancel'), 'done');
  await set(running, frozen);
  await until(
    async () => ((await cancel('saga/2/cancel')) === 'denied_by_policy' ? true : undefined),
    'the policies are not in force',
  );
  assert.equal(await cancel('saga/1/cancel'), 'done', 'it did happen');
  assert.equal(await cancel('void:saga/3/cancel'), 'call_voided', 'giving up needs no permission');
  const done = await onRecord(running, 'orders', 'cancelled');
  assert.equal(done.length, 1, 'and happened once');
});
