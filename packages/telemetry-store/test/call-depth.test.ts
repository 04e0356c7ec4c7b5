import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type GivenSpan, givenStore, hexId, spansRequest } from './given.ts';

const startUs = 1_795_000_000_000_000;
const window = { fromUs: startUs - 1e9, toUs: startUs + 1e9 };
const [internal, server, client, consumer] = [1, 2, 3, 5];

type Store = Awaited<ReturnType<typeof givenStore>>['store'];

/** Spans of one trace as `[service, name, kind, parent, attributes]`; the number of one is its place, from 1. */
function give(
  store: Store,
  trace: number,
  spans: readonly (readonly [
    service: string,
    name: string,
    kind: number,
    parent: number,
    attributes?: GivenSpan['attributes'],
  ])[],
): void {
  for (const [index, [service, name, kind, parent, attributes]] of spans.entries()) {
    const span = {
      traceId: hexId(32, trace),
      spanId: hexId(16, trace * 100 + index + 1),
      ...(parent === 0 ? undefined : { parentSpanId: hexId(16, trace * 100 + parent) }),
      startUs: startUs + index,
      durationUs: 1_000 - index,
      ...{ name, kind },
      ...(attributes === undefined ? undefined : { attributes }),
    };
    store.receive('spans', spansRequest(service, [span]));
  }
}

test('of each entry operation the deepest chain of calls is found; events and steps of sagas begin anew', async (t) => {
  const { store } = await givenStore(t);
  give(store, 1, [['gateway', 'POST /orders', server, 0]]);
  give(store, 2, [
    ['gateway', 'POST /orders', server, 0],
    ['gateway', 'orders.place', client, 1],
    ['orders', 'orders.place', server, 2],
    ['orders', 'payments.charge', client, 3],
    ['payments', 'payments.charge', server, 4],
    ['payments', 'SELECT', client, 5, { 'db.system.name': 'postgresql' }],
    ['mails', 'process orders.placed', consumer, 3],
    ['mails', 'customers.find', client, 7],
    ['customers', 'customers.find', server, 8],
    ['orders', 'step createOrder.ticket', internal, 3, { 'banyan.saga.step': 'ticket' }],
    ['kitchen', 'kitchen.createTicket', server, 10],
  ]);
  await store.flush();
  const { operations, traces, isWhole } = await store.deepestChains(window);
  assert.deepEqual([traces, isWhole], [2, true]);
  const called = (operations_: typeof operations) =>
    operations_.map(({ kind, depth, chain }) => [kind, depth, chain.map(({ operation }) => operation)]);
  assert.deepEqual(called(operations), [
    ['request', 2, ['POST /orders', 'orders.place', 'payments.charge']],
    ['event', 1, ['process orders.placed', 'customers.find']],
    ['step', 1, ['step createOrder.ticket', 'kitchen.createTicket']],
  ]);
  assert.deepEqual([...new Set(operations.map(({ traceId }) => traceId))], [hexId(32, 2)]);
});

test('of an operation that began many traces those with most spans are read, and the report says that there are more', async (t) => {
  const { store } = await givenStore(t);
  for (let trace = 1; trace <= 12; trace += 1) give(store, trace, [['gateway', 'GET /', server, 0]]);
  give(store, 13, [
    ['gateway', 'GET /', server, 0],
    ['shop', 'shop.list', server, 1],
  ]);
  await store.flush();
  const { operations, traces, isWhole } = await store.deepestChains(window);
  assert.deepEqual([traces, isWhole], [10, false]);
  assert.deepEqual([operations[0]?.depth, operations[0]?.traceId], [1, hexId(32, 13)]);
});

test('nothing more is read for somebody who is gone', async (t) => {
  const { store } = await givenStore(t);
  give(store, 1, [['gateway', 'GET /', server, 0]]);
  await store.flush();
  await assert.rejects(store.deepestChains(window, AbortSignal.abort()), { name: 'AbortError' });
});
