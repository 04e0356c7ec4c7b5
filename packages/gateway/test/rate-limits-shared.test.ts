import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { EdgeState } from '@banyan/chassis';
import { silentLogger } from '@banyan/core';
import { expose, rateLimit } from '@banyan/gateway';
import { createPostgresRateLimits, migrate, platformMigrations } from '@banyan/postgres';
import { connectRedis, createRedisRateLimits } from '@banyan/redis';
import { noRedis, startRedis } from '@banyan/test-support/redis';
import { createTestDatabase } from '@banyan/testing';
import { type RunningShop, runShop, until } from './support/running-shop.ts';
import { shop } from './support/shop.ts';

const reads = rateLimit('reads', { quota: 20, windowS: 3_600, per: 'address' });
const orders = rateLimit('orders', { quota: 20, windowS: 3_600, per: 'address', whenStoreFails: 'refuse' });

/** A replica of the same gateway. */
function runReplica(t: TestContext, state: EdgeState) {
  return runShop(t, {
    gateway: {
      expose: [
        expose(shop, {
          listProducts: { access: 'anyone', rates: [reads] },
          getOrder: { access: 'anyone', rates: [orders] },
        }),
      ],
    },
    edge: { state },
  });
}

async function statusOf(url: string): Promise<number> {
  const answer = await fetch(url);
  await answer.arrayBuffer();
  return answer.status;
}

/** How often each status came. */
async function spread(urls: readonly string[]): Promise<Readonly<Record<number, number>>> {
  const counts: Record<number, number> = {};
  for (const status of await Promise.all(urls.map(statusOf))) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}

async function openRedisState(t: TestContext, url: string): Promise<EdgeState> {
  const redis = connectRedis({ url, logger: silentLogger });
  t.after(() => redis.close());
  const rates = createRedisRateLimits(redis);
  await until(async () => {
    try {
      await redis.send(['PING']);
      return true;
    } catch {
      return false;
    }
  }, 'Redis answers');
  return { rates, close: () => redis.close() };
}

test('three replicas share one quota through Redis', { skip: noRedis }, async (t) => {
  const server = await startRedis();
  t.after(() => server.stop());
  const replicas: RunningShop[] = [];
  for (let count = 0; count < 3; count += 1)
    replicas.push(await runReplica(t, await openRedisState(t, server.url)));
  const urls = Array.from({ length: 60 }, (_, index) => `${replicas[index % 3]?.url}/products`);
  assert.deepEqual(await spread(urls), { 200: 20, 429: 40 });
});

test('two replicas share one quota through PostgreSQL', async (t) => {
  const { url, database } = await createTestDatabase(t);
  await migrate(database, platformMigrations.platform, { scope: 'banyan' });
  const replicas: RunningShop[] = [];
  for (let count = 0; count < 2; count += 1) {
    const rates = createPostgresRateLimits({ url, logger: silentLogger });
    t.after(() => rates.close());
    replicas.push(await runReplica(t, { rates, close: () => rates.close() }));
  }
  const urls = Array.from({ length: 40 }, (_, index) => `${replicas[index % 2]?.url}/products`);
  assert.deepEqual(await spread(urls), { 200: 20, 429: 20 });
});

test('Redis killed under load: limits that may count alone do so, strict ones refuse, and all share again when it is back', {
  skip: noRedis,
}, async (t) => {
  const server = await startRedis();
  t.after(() => server.stop());
  const replicas = [
    await runReplica(t, await openRedisState(t, server.url)),
    await runReplica(t, await openRedisState(t, server.url)),
  ];
  const both = (path: string, each: number) =>
    replicas.flatMap(({ url }) => Array.from({ length: each }, () => `${url}${path}`));
  assert.deepEqual(await spread(both('/products', 5)), { 200: 10 });
  await server.kill();
  // Each replica counts by itself now: at most the quota each, and nothing fails.
  assert.deepEqual(await spread(both('/products', 30)), { 200: 40, 429: 20 });
  assert.deepEqual(await spread(both('/orders/1', 5)), { 503: 10 });
  const [first] = replicas;
  const refused = await fetch(`${first?.url}/orders/1`);
  assert.equal(refused.headers.get('retry-after'), '1');
  assert.equal(((await refused.json()) as { reason: string }).reason, 'rate_limits_unavailable');
  await server.restart();
  for (const { url } of replicas)
    await until(async () => (await statusOf(`${url}/orders/1`)) === 200, 'the replica counts in Redis');
  // Finding that out took two of the twenty.
  const { 200: allowed = 0 } = await spread(both('/orders/1', 30));
  assert.equal(allowed, 18);
});

test('a Redis that hangs costs a quarter of a second once, not for each request', {
  skip: noRedis,
}, async (t) => {
  const server = await startRedis();
  t.after(() => server.stop());
  const { url, log } = await runReplica(t, await openRedisState(t, server.url));
  assert.equal(await statusOf(`${url}/products`), 200);
  server.freeze();
  for (let count = 0; count < 20; count += 1) assert.equal(await statusOf(`${url}/products`), 200);
  const waited = log.filter(({ message, fields }) => message === 'request' && Number(fields['ms']) >= 250);
  // One found out; another one asks again after a second, if the machine is slow enough for the requests to take so long.
  assert.ok(waited.length >= 1 && waited.length < 10, `${waited.length} requests waited`);
  server.thaw();
  await until(async () => {
    await statusOf(`${url}/products`);
    return log.some(({ message }) => message === 'rate limits are shared again');
  }, 'Redis counts again');
});
