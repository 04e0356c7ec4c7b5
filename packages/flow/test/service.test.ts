import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { describeGraph, service } from '@banyan/chassis';
import { eventually } from '@banyan/core/testing';
import type { FlowQuery, FlowView } from '@banyan/flow';
import { createMetrics } from '@banyan/telemetry';
import { startTestSystem, type TestSystem, type TestSystemOptions } from '@banyan/testing';
import { alarms, board, watched } from './fixtures/board.ts';
import { accounting, createOrder, kitchen, orders } from './fixtures/orders.ts';

function talk(running: TestSystem) {
  const as = { service: 'probe' };
  const tellers = {
    orders: running.client(orders, as),
    kitchen: running.client(kitchen, as),
    accounting: running.client(accounting, as),
  };
  const client = running.client(board, as);
  return {
    client,
    list: async (flow: string, status: FlowQuery['status']) =>
      (await client.list({ flow, status })).flows as readonly FlowView[],
    read: async (key: string) =>
      (await client.read({ flow: 'createOrder', key })).view as FlowView | undefined,
    tell: (service: keyof typeof tellers, event: string, orderId: string) =>
      tellers[service].tell({ tellings: [{ event, orderId }] }),
  };
}

test('a service follows flows by the events of others, told in any order and twice', (t) => follow(t, {}));
test('a service follows flows of services that run apart', (t) =>
  follow(t, { placement: [['probe', 'board'], ['orders'], ['kitchen'], ['accounting']] }));

async function follow(t: TestContext, where: Pick<TestSystemOptions, 'placement'>) {
  const metrics = createMetrics();
  const running = await startTestSystem(t, watched, {
    metrics,
    ...where,
  });
  const { client, list, tell, ...known } = talk(running);
  const read = () => known.read('o1');
  await tell('accounting', 'cardAuthorized', 'o1');
  await tell('orders', 'created', 'o1');
  await eventually(read, (view) => view?.steps.filter(({ state }) => state === 'done').length === 2);
  const open = await read();
  assert.equal(open?.status, 'open');
  // The card was authorized, so the confirmation is next; and the ticket has not been heard of.
  assert.deepEqual(
    open?.waitsFor.map(({ step }) => step),
    ['ticket', 'confirmation'],
  );
  await tell('orders', 'approved', 'o1');
  await tell('kitchen', 'ticketConfirmed', 'o1');
  await tell('kitchen', 'ticketCreated', 'o1');
  const ended = await eventually(read, (view) => view?.endedAt !== undefined);
  assert.equal(ended?.status, 'completed');
  assert.deepEqual(ended?.waitsFor, []);

  await tell('orders', 'created', 'o2');
  await tell('kitchen', 'ticketCreated', 'o2');
  await tell('accounting', 'cardRefused', 'o2');
  const failing = await eventually(
    () => list('createOrder', 'failing'),
    (flows) => flows.length === 1 && flows[0]?.steps.filter(({ state }) => state !== 'open').length === 3,
  );
  assert.deepEqual(
    failing.map(({ key, waitsFor }) => [key, waitsFor.flatMap(({ events }) => events)]),
    [['o2', ['kitchen.ticketCancelled', 'orders.rejected']]],
  );
  // The handler of the same event ran once for each order, too.
  assert.deepEqual(await client.handled({}), { count: 2 });
  // It is counted when it has ended, once.
  const counted =
    /banyan_flow_duration_seconds_count\{service="board",flow="createOrder",status="completed"\} 1\n/;
  assert.match(metrics.render(), counted);
}

test('flows that are late raise the alarm of the service that watches them, and show in health and metrics', async (t) => {
  alarms.length = 0;
  const metrics = createMetrics();
  const running = await startTestSystem(t, watched, { metrics, harsh: false });
  const { list, tell } = talk(running);
  await tell('kitchen', 'ticketCreated', 'o1');
  const late = () => list('cook', 'late');
  await eventually(late, (flows) => flows.length === 1);
  await eventually(
    async () => alarms.length,
    (count) => count === 1,
  );
  const [raised] = alarms as { readonly ageMs: number }[];
  assert.partialDeepStrictEqual(raised, {
    ...{ invariant: 'flows', flow: 'cook', state: 'broken', count: 1, boundMs: 1_000 },
  });
  assert.ok((raised?.ageMs ?? 0) > 1_000);
  const health = async () => (await running.hosts[0]?.health())?.find(({ part }) => part === 'board')?.flows;
  const seen = await eventually(health, (flows) => flows?.some(({ onTime }) => !onTime) === true);
  assert.partialDeepStrictEqual(
    seen?.find(({ flow }) => flow === 'cook'),
    { onTime: false, open: 1, failing: 0, late: 1 },
  );
  assert.match(metrics.render(), /banyan_flows\{service="board",flow="cook",status="late"\} 1\n/);
  assert.match(metrics.render(), /banyan_flows_oldest_seconds\{service="board",flow="cook"\} [1-9]/);
  assert.match(metrics.render(), /banyan_alarms_total\{service="board",invariant="flows"\} 1\n/);

  await tell('kitchen', 'ticketConfirmed', 'o1');
  await eventually(
    async () => alarms.length,
    (count) => count === 2,
  );
  assert.partialDeepStrictEqual(alarms[1], {
    invariant: 'flows',
    flow: 'cook',
    state: 'restored',
    count: 0,
  });
  assert.deepEqual(await late(), []);
});

test('a service watches flows of services that it uses, each under one name', () => {
  const operations = {
    list: async () => ({ flows: [] }),
    read: async () => ({}),
    handled: async () => ({ count: 0 }),
  };
  assert.throws(
    () => service(board, { uses: { orders, kitchen }, flows: [createOrder], operations }),
    /flow 'createOrder' listens to 'accounting.cardAuthorized': add 'accounting' to 'uses'/,
  );
  assert.throws(
    () =>
      service(board, {
        uses: { orders, kitchen, accounting },
        flows: [createOrder, createOrder],
        operations,
      }),
    /two flows are called 'createOrder'/,
  );
});

test('the graph of a system shows whose events flows are followed by', () => {
  const heard = describeGraph(watched).edges.filter(({ to, kind }) => to === 'board' && kind === 'event');
  assert.deepEqual(
    heard.map(({ from, labels }) => [from, labels.toSorted()]),
    [
      ['orders', ['approved', 'created', 'rejected']],
      ['kitchen', ['ticketCancelled', 'ticketConfirmed', 'ticketCreated', 'ticketRefused']],
      ['accounting', ['cardAuthorized', 'cardRefused']],
    ],
  );
});
