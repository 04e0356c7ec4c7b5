import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Sql } from '@banyan/banyan';
import { silentLogger } from '@banyan/core';
import { sessionsService } from '@banyan/identity';
import { connectRedis, type RedisConnection } from '@banyan/redis';
import { noRedis, type RedisServer, startRedis } from '@banyan/test-support/redis';
// Inner parts: the stores are no public interface.
import { createPostgresCookieSessions } from '../src/sessions/postgres-cookie-sessions.ts';
import { createRedisCookieSessions } from '../src/sessions/redis-cookie-sessions.ts';
import { describeCookieSessions } from './fixtures/cookie-sessions-suite.ts';
import { startIdentity } from './fixtures/identity.ts';
import { reloadWatched } from './fixtures/watched-database.ts';

const cleaning: (() => unknown)[] = [];
let sql: Sql;
let server: RedisServer;
let redis: RedisConnection;
before(async () => {
  const identity = await startIdentity({ after: (cleanUp) => cleaning.push(cleanUp) });
  sql = await reloadWatched(identity, sessionsService);
  if (noRedis) return;
  server = await startRedis();
  redis = connectRedis({ url: server.url, logger: silentLogger });
  cleaning.push(
    () => server.stop(),
    () => redis.close(),
  );
});
after(async () => {
  for (const cleanUp of cleaning.reverse()) await cleanUp();
});

describeCookieSessions('PostgreSQL', () => createPostgresCookieSessions(sql));
describeCookieSessions('Redis', () => createRedisCookieSessions(redis), { skip: noRedis });

test('Redis: whoever reads it has no reference, and of what has ended the ids are left for a quarter of an hour', {
  skip: noRedis,
}, async () => {
  const sessions = createRedisCookieSessions(redis);
  await redis.send(['FLUSHALL']);
  const accountId = '6f0b3b3e-8a1c-4a55-9c56-0e1f4f3b2a10';
  const lifetimes = { idleSeconds: 60, maxSeconds: 600 };
  const begun = await sessions.begin({ accountId }, lifetimes);
  assert.ok(begun);
  const keys = (await redis.send(['KEYS', '*'])) as string[];
  assert.equal(keys.length, 2);
  const texts = await Promise.all(keys.map((key) => redis.send(['DUMP', key])));
  assert.ok(!`${keys} ${texts}`.includes(begun.reference));
  for (const key of keys) assert.ok(Number(await redis.send(['PTTL', key])) > 0, `${key} does not expire`);
  const second = await sessions.begin({ accountId }, lifetimes);
  await sessions.end(begun.reference);
  assert.deepEqual(await sessions.end(begun.reference), [begun.session.sessionId]);
  for (let count = 0; count < 2; count += 1) {
    const ended = await sessions.endUntil(accountId, new Date().toISOString());
    assert.deepEqual(ended, [second?.session.sessionId]);
  }
  const left = (await redis.send(['KEYS', '*'])) as string[];
  assert.deepEqual(left.map((key) => key.split(':')[1]).sort(), [
    'ended',
    'ended-session',
    'ended-sessions-of',
  ]);
  for (const key of left) {
    const livesMs = Number(await redis.send(['PTTL', key]));
    assert.ok(livesMs > 14 * 60_000 && livesMs <= 15 * 60_000, `${key}: ${livesMs} ms`);
  }
});
