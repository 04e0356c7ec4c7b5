import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { createClient } from '@banyan/chassis';
import { eventually } from '@banyan/core/testing';
import { flowView, listFlows } from '@banyan/flow';
import { createDatabase, createPostgresFlowStore, provisionSystem, resetSystem } from '@banyan/postgres';
import { createCallContext } from '@banyan/rpc';
import { createRandom, pick, seed } from '@banyan/test-support/random';
import { startTestServer } from '@banyan/testing';
import { accounting, createOrder, kitchen, orders } from './fixtures/orders.ts';
import { startWatched, type WatchedUrls } from './fixtures/process/start-watched.ts';

const kills = Number(process.env['BANYAN_KILLS'] ?? 4);
const orderCount = 400;
const services = ['orders', 'kitchen', 'accounting', 'board', 'probe'];

const tellings: Readonly<Record<'good' | 'bad', readonly string[]>> = {
  good: [
    'orders.created',
    'kitchen.ticketCreated',
    'accounting.cardAuthorized',
    'kitchen.ticketConfirmed',
    'orders.approved',
  ],
  bad: [
    'orders.created',
    'kitchen.ticketCreated',
    'accounting.cardRefused',
    'orders.rejected',
    'kitchen.ticketCancelled',
  ],
};

test('the process that watches is killed again and again: every flow ends in the picture that its events give', async (t) => {
  t.diagnostic(`seed ${seed}, ${kills} kills; repeat with BANYAN_SEED=${seed}`);
  const random = createRandom(seed);
  const adminUrl = (await startTestServer()).url;
  const mark = crypto.randomUUID().slice(0, 8);
  const secret = crypto.randomUUID() + crypto.randomUUID();
  const system = `flow-board-${mark}`;
  const provisioned = await provisionSystem({ adminUrl, system, prefix: `f${mark}_`, services, secret });
  const urls = { ...provisioned, secret } as WatchedUrls;
  const running = new Set<ChildProcess>();
  const tellers = await startWatched(urls, {
    parts: ['orders', 'kitchen', 'accounting', 'probe'],
    instance: 'tellers',
  });
  const database = createDatabase({ url: urls.serviceUrls['board'] ?? '', maxConnections: 2 });
  t.after(async () => {
    for (const each of running) each.kill('SIGKILL');
    await tellers.stop();
    await database.close();
    await resetSystem({ adminUrl, system });
  });
  const launch = async (instance: string) => {
    const child = fork(new URL('./fixtures/process/board-process.ts', import.meta.url));
    running.add(child);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    child.on('message', (message) => {
      if (message === 'loaded') child.send({ urls, instance });
      else resolve();
    });
    child.once('exit', (code, signal) => {
      running.delete(child);
      reject(new Error(`the board ended: ${code ?? signal}`));
    });
    promise.catch(() => {});
    return { child, ready: promise };
  };
  const as = () => createCallContext({ caller: { service: 'probe' }, timeoutMs: 20_000 });
  const clients = {
    orders: createClient(orders, tellers.host.endpoint('orders', 'probe'), as),
    kitchen: createClient(kitchen, tellers.host.endpoint('kitchen', 'probe'), as),
    accounting: createClient(accounting, tellers.host.endpoint('accounting', 'probe'), as),
  };
  const expected = new Map<string, 'completed' | 'failed'>();
  const shop = async (from: number) => {
    for (let number = from; number < orderCount; number += 4) {
      const orderId = `o${number}`;
      const kind = pick(['good', 'bad'] as const, random);
      expected.set(orderId, kind === 'good' ? 'completed' : 'failed');
      // The services tell side by side, each what happens there in its order.
      const queues = [...Map.groupBy(tellings[kind], (topic) => topic.split('.')[0]).values()];
      for (let left = tellings[kind].length; left > 0; left -= 1) {
        const queue = pick(
          queues.filter(({ length }) => length > 0),
          random,
        );
        const topic = queue.shift() ?? '';
        const [service = '', event = ''] = topic.split('.');
        await clients[service as keyof typeof clients].tell({ tellings: [{ event, orderId }] });
      }
    }
  };
  let board = await launch('1');
  await board.ready;
  const shopping = Promise.all([0, 1, 2, 3].map(shop));
  for (let kill = 0; kill < kills; kill += 1) {
    await pause(random() * 500);
    board.child.kill('SIGKILL');
    board = await launch('1');
    await board.ready;
  }
  await shopping;
  const store = createPostgresFlowStore(database);
  const ended = async () => {
    const [row] = await database.sql<{ count: number }>`
      select count(*)::int4 as count from banyan.flow where flow = 'createOrder' and ended_at is not null`;
    return row?.count ?? 0;
  };
  await eventually(ended, (count) => count === orderCount, 60_000);
  const { flows } = await listFlows(store, createOrder, { limit: 1_000 });
  assert.deepEqual(new Map(flows.map(({ key, status }) => [key, status])), expected);
  const stored = await store.list({ flow: 'createOrder', limit: 1_000 });
  for (const each of stored) {
    const counts = Object.keys(each.seen).length;
    assert.equal(counts, 5, `${each.key}: ${JSON.stringify(each.seen)}`);
    assert.deepEqual(flowView(createOrder, each).waitsFor, []);
  }
  // A handler of the same service ran once for each order, in the transactions that noted the events.
  const [handled] = await database.sql<{ count: number }>`select count(*)::int4 as count from handled`;
  assert.equal(handled?.count, orderCount);
});
