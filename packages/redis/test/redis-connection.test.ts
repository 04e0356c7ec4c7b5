import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger } from '@banyan/core';
import { createManualClock } from '@banyan/core/testing';
import { connectRedis, createRedisRateLimits, parseRedisUrl } from '@banyan/redis';
import { chargeOf } from '@banyan/resilience';
import { noRedis, startRedis } from '@banyan/test-support/redis';
import { connected } from './fixtures/connected.ts';

test('an URL that cannot be meant is refused, and its password is not told', () => {
  for (const url of [
    'redis',
    'http://127.0.0.1',
    'redis:///1',
    'redis://u:hunter2@host/x',
    'redis://host?prefx=a',
    'redis://host?prefix=a:b',
  ]) {
    assert.throws(
      () => parseRedisUrl(url),
      (error: { reason?: string; message: string }) =>
        error.reason === 'redis_url_invalid' && !error.message.includes('hunter2'),
      url,
    );
  }
  assert.deepEqual(parseRedisUrl('rediss://u:p@host:6380/2?prefix=shop'), {
    url: 'rediss://u:p@host:6380/2',
    prefix: 'shop',
  });
});

test('while Redis is away commands are refused at once, and the connection comes back by itself', {
  skip: noRedis,
}, async (t) => {
  const server = await startRedis();
  t.after(() => server.stop());
  const redis = connectRedis({ url: server.url, logger: silentLogger });
  t.after(() => redis.close());
  await connected(redis);
  await server.kill();
  await assert.rejects(redis.send(['PING']), { code: 'unavailable', reason: 'redis_unavailable' });
  await server.restart();
  await connected(redis);
  await assert.rejects(redis.send(['GET']), { code: 'unavailable', reason: 'redis_refused' });
});

test('the first commands wait for the connection, and are refused at once if there is none to be had', {
  skip: noRedis,
}, async (t) => {
  const server = await startRedis();
  t.after(() => server.stop());
  const redis = connectRedis({ url: server.url, logger: silentLogger });
  t.after(() => redis.close());
  assert.deepEqual(await Promise.all([redis.send(['PING']), redis.send(['ECHO', 'a'])]), ['PONG', 'a']);
  await server.kill();
  const late = connectRedis({ url: server.url, logger: silentLogger });
  await assert.rejects(late.send(['PING']), { reason: 'redis_unavailable' });
  await late.close();
  const closed = connectRedis({ url: server.url, logger: silentLogger });
  const waiting = closed.send(['PING']);
  await closed.close();
  await assert.rejects(waiting, { reason: 'redis_unavailable' });
});

test('a connection on which nothing is answered for two seconds is given up for a new one', {
  skip: noRedis,
}, async (t) => {
  const server = await startRedis();
  t.after(() => server.stop());
  const clock = createManualClock();
  const redis = connectRedis({ url: server.url, clock, logger: silentLogger });
  t.after(() => redis.close());
  await connected(redis);
  const before = await redis.send(['CLIENT', 'ID']);
  server.freeze();
  const refused = assert.rejects(redis.send(['PING']), { reason: 'redis_unavailable' });
  clock.advance(2_010);
  await refused;
  server.thaw();
  await connected(redis);
  assert.notEqual(await redis.send(['CLIENT', 'ID']), before);
});

test('a key vanishes from Redis when it owes nothing any more', { skip: noRedis }, async (t) => {
  const server = await startRedis();
  t.after(() => server.stop());
  const redis = connectRedis({ url: `${server.url}/3?prefix=shop`, logger: silentLogger });
  t.after(() => redis.close());
  await connected(redis);
  await createRedisRateLimits(redis).take('ada', chargeOf({ quota: 2, windowMs: 60_000 }, 1));
  assert.deepEqual(await redis.send(['KEYS', '*']), ['shop:rate:ada']);
  const livesMs = Number(await redis.send(['PTTL', 'shop:rate:ada']));
  assert.ok(livesMs > 0 && livesMs <= 30_000, `${livesMs} ms`);
});
