import assert from 'node:assert/strict';
import { test } from 'node:test';
import { event } from '@banyan/contract';
import { flow } from '@banyan/flow';
import { z } from 'zod';
import { createOrder, kitchen, orders } from './fixtures/orders.ts';

test('a flow listens to the events of its steps and ends, each once', () => {
  assert.deepEqual(createOrder.topics, [
    'orders.created',
    'kitchen.ticketCreated',
    'kitchen.ticketRefused',
    'kitchen.ticketCancelled',
    'accounting.cardAuthorized',
    'accounting.cardRefused',
    'kitchen.ticketConfirmed',
    'orders.approved',
    'orders.rejected',
  ]);
});

test('a definition that cannot work is refused when it is made, with the fix in the text', () => {
  const made = { done: orders.events.created };
  const limits = { key: 'orderId', lateAfterMs: 1_000 } as const;
  assert.throws(() => flow('create order', { ...limits, steps: { made } }), /name it in camelCase/);
  assert.throws(() => flow('f', { ...limits, steps: {} }), /give it at least one step/);
  assert.throws(
    () => flow('f', { ...limits, lateAfterMs: 0, steps: { made } }),
    /'lateAfterMs' must be a positive/,
  );
  assert.throws(() => flow('f', { ...limits, steps: { made: { done: [] } } }), /give the event that shows/);
  assert.throws(
    () => flow('f', { ...limits, steps: { made: { ...made, optional: true } } }),
    /it would end before it began/,
  );
  assert.throws(
    () =>
      flow('f', {
        ...limits,
        steps: { made: { ...made, after: ['cooked'] }, cooked: { done: kitchen.events.ticketCreated } },
      }),
    /'after' names 'cooked', which is no step above it/,
  );
  const loose = event('ThreadLost', { data: z.object({ orderId: z.string() }), key: 'orderId' });
  assert.throws(
    () => flow('f', { ...limits, steps: { made: { done: loose } } }),
    /take 'ThreadLost' from its contract/,
  );
});

test('an event without the key of the flow is a type error, unless it says how it is correlated', () => {
  const stray = { ...orders.events.created, data: z.object({ ticketId: z.string() }) };
  const key = 'orderId';
  // @ts-expect-error `ticketId` is not `orderId`
  const strayed = flow('f', { key, lateAfterMs: 1, steps: { made: { done: stray } } });
  assert.deepEqual(strayed.topics, ['orders.created']);
  const done = orders.events.created;
  // @ts-expect-error `cooked` is no step
  assert.throws(() => flow('f', { key, lateAfterMs: 1, steps: { made: { done, after: ['cooked'] } } }));
});
