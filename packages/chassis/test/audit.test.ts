import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { AuditRecord } from '@banyan/audit';
import { service, system } from '@banyan/chassis';
import { contract, event, operation } from '@banyan/contract';
import { isServiceError } from '@banyan/core';
import { voidPrefix } from '@banyan/saga';
import { startTestSystem } from '@banyan/testing';
import { z } from 'zod';

const Ref = z.object({ orderId: z.string() });
const Records = z.object({ records: z.array(z.unknown()) });
const records = operation('GET /records', { input: z.object({}), output: Records });

const orders = contract('orders', {
  version: '1.0.0',
  operations: {
    /** Put on record by its own code. */
    cancelByHand: operation('POST /by-hand', { input: Ref, output: z.object({}) }),
    /** Put on record because the service says so. */
    cancel: operation('POST /cancellations', {
      input: Ref.extend({ how: z.enum(['fine', 'refuse', 'crash', 'twice', 'aside', 'undone']) }),
      output: z.object({}),
      errors: { delivered: { status: 409 } },
    }),
    records,
  },
  events: { cancelled: event('OrderCancelled', { data: Ref, key: 'orderId' }) },
});

const ordersService = service(orders, {
  audited: { cancel: ({ orderId }) => orderId },
  operations: {
    cancelByHand: async ({ orderId }, { tx }) => {
      await tx(async ({ audit, emit }) => {
        audit('cancel', { subject: orderId });
        emit('cancelled', { orderId });
      });
      return {};
    },
    cancel: async ({ orderId, how }, { tx, fail }) => {
      if (how === 'refuse') return fail('delivered');
      if (how === 'aside') return {};
      if (how === 'undone') {
        await tx(async () => Promise.reject(new Error('rolled back'))).catch(() => undefined);
        return {};
      }
      await tx(async ({ emit }) => emit('cancelled', { orderId }));
      if (how === 'twice') await tx(async ({ sql }) => void (await sql`select 1`));
      if (how === 'crash') throw new Error('after the commit');
      return {};
    },
    records: async (_, { audits }) => ({ records: [...(await audits.list({ limit: 100 }))] }),
  },
});

/** Puts on record what events tell. */
const watch = contract('watch', { version: '1.0.0', operations: { records } });
const watchService = service(watch, {
  uses: { orders },
  operations: {
    records: async (_, { audits }) => ({ records: [...(await audits.list({ limit: 100 }))] }),
  },
  on: {
    'orders.cancelled': async ({ orderId }, { audit }) => audit('cancel', { subject: orderId }),
  },
});

const reader = contract('reader', { version: '1.0.0', operations: {} });
const readerService = service(reader, { uses: { orders, watch }, operations: {} });
const stranger = contract('stranger', { version: '1.0.0', operations: {} });
const strangerService = service(stranger, { operations: {} });
const ann = { id: 'ann', scopes: ['customer'] };

async function start(t: TestContext) {
  const running = await startTestSystem(
    t,
    system('audited', { services: [ordersService, watchService, readerService, strangerService] }),
  );
  const client = running.client(orders, { service: 'watch', user: ann });
  const read = async (which: 'orders' | 'watch') => {
    const reader =
      which === 'orders'
        ? running.client(orders, { service: 'reader' })
        : running.client(watch, { service: 'reader' });
    return (await reader.records({})).records as AuditRecord[];
  };
  return { running, client, read };
}

/** What is on record of a call, without what is different each time. */
function essence({ action, outcome, caller, subject, details }: AuditRecord) {
  return { action, outcome, caller, subject, details };
}

test('business code, the interceptor and events give equal records', async (t) => {
  const { client, read } = await start(t);
  const record = (subject: string) => ({
    action: 'cancel',
    outcome: 'done',
    caller: { service: 'watch', user: 'ann' },
    subject,
    details: undefined,
  });
  await client.cancelByHand({ orderId: 'o-1' });
  await client.cancel({ orderId: 'o-2', how: 'fine' });
  const own = (await read('orders')).map(essence);
  assert.deepEqual(own, [record('o-2'), record('o-1')]);
  for (const endMs = Date.now() + 20_000; (await read('watch')).length < 2; ) {
    assert.ok(Date.now() < endMs, 'the events were not put on record');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  const heard = (await read('watch'))
    .map(essence)
    .toSorted((a, b) => (a.subject ?? '').localeCompare(b.subject ?? ''));
  assert.deepEqual(
    heard,
    [record('o-1'), record('o-2')],
    'once each, although events come twice in development',
  );
});

test('an audited call is on record once, however it ends', async (t) => {
  const { client, read } = await start(t);
  const outcomes: string[] = [];
  for (const how of ['fine', 'refuse', 'crash', 'twice', 'aside', 'undone'] as const) {
    await client.cancel({ orderId: how, how }).catch((error) => assert.ok(isServiceError(error)));
  }
  for (const { subject, outcome, details } of (await read('orders')).toReversed()) {
    outcomes.push(`${subject} ${outcome}${details === undefined ? '' : ` ${JSON.stringify(details)}`}`);
  }
  assert.deepEqual(outcomes, [
    'fine done',
    'refuse refused {"reason":"delivered"}',
    // What was committed is on record as done, and then that the call failed.
    'crash done',
    'crash failed',
    'twice done',
    'aside done',
    'undone done',
  ]);
});

test('a call that a saga repeats is on record once; one that it gave up is not', async (t) => {
  const { client, read } = await start(t);
  const cancel = (orderId: string, idempotencyKey: string) =>
    client.cancel({ orderId, how: 'fine' }, { idempotencyKey });
  await cancel('repeated', 'saga/1/cancel');
  await cancel('repeated', 'saga/1/cancel');
  const isVoided = { reason: 'call_voided' };
  await assert.rejects(cancel('late', `${voidPrefix}saga/2/cancel`), isVoided);
  await assert.rejects(cancel('late', 'saga/2/cancel'), isVoided);
  // It came too late, was refused, and that is a deed of its own.
  assert.deepEqual(
    (await read('orders')).map(({ subject, outcome }) => `${subject} ${outcome}`),
    ['late failed', 'repeated done'],
  );
});

test('a service that may not call is refused, and that is on record', async (t) => {
  const { running, read } = await start(t);
  const client = running.client(orders, { service: 'stranger', user: ann });
  await assert.rejects(client.cancel({ orderId: 'o-1', how: 'fine' }), { reason: 'caller_not_allowed' });
  assert.deepEqual((await read('orders')).map(essence), [
    {
      action: 'cancel',
      outcome: 'denied',
      caller: { service: 'stranger', user: 'ann' },
      subject: 'o-1',
      details: { reason: 'caller_not_allowed' },
    },
  ]);
});

test('what cannot be a subject as it is does not keep a call from being recorded', async (t) => {
  const { client, read } = await start(t);
  for (const orderId of ['', 'a\nb', 'x'.repeat(300), 'lone \ud800'])
    await client.cancel({ orderId, how: 'aside' });
  assert.deepEqual(
    (await read('orders')).toReversed().map(({ subject }) => subject),
    [undefined, 'a b', 'x'.repeat(256), 'lone \ufffd'],
  );
});

test('a name in `audited` that the contract does not have is an error', () => {
  assert.throws(
    () =>
      service(watch, {
        operations: { records: async () => ({ records: [] }) },
        audited: { nothing: () => 'x' } as never,
      }),
    /remove 'audited\.nothing'; the contract has records/,
  );
});
