import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Clock, sleep } from '@banyan/core';
import { createManualClock } from '@banyan/core/testing';
import { expose } from '@banyan/gateway';
import { runShop, until } from './support/running-shop.ts';
import { shop } from './support/shop.ts';

const workMs = 30;

/** A service of four workers with a queue in front, as a pool of database connections makes one. */
function createWorkers(clock: Clock) {
  const waiting: (() => void)[] = [];
  let busy = 0;
  const workers = {
    inProgress: 0,
    most: 0,
    async work() {
      workers.inProgress += 1;
      workers.most = Math.max(workers.most, workers.inProgress);
      if (busy === 4) await new Promise<void>((resolve) => waiting.push(resolve));
      busy += 1;
      await sleep(workMs, clock);
      busy -= 1;
      workers.inProgress -= 1;
      waiting.shift()?.();
    },
  };
  return workers;
}

test('under a lasting overload the queue of the service becomes short, and what is above it gets 503 at once', async (t) => {
  const clock = createManualClock(Date.now());
  const workers = createWorkers(clock);
  const server = await runShop(t, {
    edge: { clock },
    gateway: { expose: [expose(shop, { listProducts: 'anyone' })] },
    handlers: {
      listProducts: async () => {
        await workers.work();
        return { products: [], limit: 1, tags: [] };
      },
    },
  });
  const counts: Record<number, number> = {};
  let isOver = false;
  // Those that have had their 503 and wait, and those that have left.
  let resting = 0;
  const client = async () => {
    while (!isOver) {
      const answer = await fetch(`${server.url}/products`);
      const body = (await answer.json()) as { readonly reason?: string };
      counts[answer.status] = (counts[answer.status] ?? 0) + 1;
      if (answer.status === 503) {
        assert.equal(body.reason, 'overloaded');
        assert.equal(answer.headers.get('retry-after'), '1');
        resting += 1;
        await sleep(2 * workMs, clock);
        resting -= 1;
      }
    }
    resting += 1;
  };
  const clients = Array.from({ length: 240 }, client);
  // Time passes only when every client waits for it: how fast this machine is decides nothing.
  const pass = async (isEnough: () => boolean) => {
    while (!isEnough()) {
      await until(() => workers.inProgress + resting === clients.length);
      clock.advance(workMs);
    }
  };
  const answered = (count: number) => {
    const enough = (counts[200] ?? 0) + count;
    return pass(() => (counts[200] ?? 0) >= enough);
  };
  // Long enough for the windows and probes in which the limit is found.
  await answered(300);
  workers.most = 0;
  await answered(150);
  isOver = true;
  await pass(() => resting === clients.length);
  await Promise.all(clients);
  // It began with 230 of 256; without a queue there are 4.
  assert.ok(workers.most <= 60, `${workers.most} were in the service`);
  assert.deepEqual(Object.keys(counts), ['200', '503']);
  const last = fetch(`${server.url}/products`);
  await until(() => workers.inProgress === 1);
  clock.advance(workMs);
  assert.equal((await last).status, 200);
});

test('an operation that only waits is neither measured nor refused', async (t) => {
  const gate = Promise.withResolvers<void>();
  const server = await runShop(t, {
    gateway: {
      expose: [expose(shop, { slowOrder: { access: 'anyone', priority: 'exempt' }, listProducts: 'anyone' })],
    },
    handlers: { slowOrder: () => gate.promise.then(() => ({ done: true })) },
  });
  const waiting = Array.from({ length: 240 }, () => fetch(`${server.url}/slow`));
  await until(() => server.contexts.length >= 240);
  assert.equal((await fetch(`${server.url}/products`)).status, 200);
  gate.resolve();
  for (const answer of await Promise.all(waiting)) assert.equal(answer.status, 200);
});

test('what matters less finds the service full first', async (t) => {
  const gate = Promise.withResolvers<void>();
  const server = await runShop(t, {
    gateway: {
      expose: [
        expose(shop, {
          slowOrder: 'anyone',
          listProducts: { access: 'anyone', priority: 'low' },
          getOrder: { access: 'anyone', priority: 'high' },
        }),
      ],
    },
    handlers: { slowOrder: () => gate.promise.then(() => ({ done: true })) },
  });
  const status = async (path: string) => {
    const answer = await fetch(`${server.url}${path}`);
    await answer.arrayBuffer();
    return answer.status;
  };
  // Of the 256 places at the start low work may use 153, normal work 230.
  const running = Array.from({ length: 153 }, () => status('/slow'));
  await until(() => server.contexts.length >= 153);
  assert.equal(await status('/products'), 503);
  running.push(...Array.from({ length: 77 }, () => status('/slow')));
  await until(() => server.contexts.length >= 230);
  assert.equal(await status('/slow'), 503);
  assert.equal(await status('/orders/1'), 200);
  gate.resolve();
  assert.deepEqual(new Set(await Promise.all(running)), new Set([200]));
});
