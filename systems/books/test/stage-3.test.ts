import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { noRedis, startRedis } from '@banyan/test-support/redis';
import { eventually, startTestSystem } from '@banyan/testing';
import stage3 from '../stage-3/system.ts';
import { twoBooks, Visitor } from './fixtures/visitor.ts';

async function startStage3(t: TestContext, { idleSeconds = 1_800 } = {}) {
  const redis = await startRedis({ durable: true });
  t.after(() => redis.stop());
  const system = await startTestSystem(t, stage3, {
    placement: [['gateway'], ['books'], ['auth'], ['auth']],
    environment: {
      AUTH_REDIS_URL: redis.url,
      BOOKS_REDIS_URL: redis.url,
      AUTH_IDLE_SECONDS: String(idleSeconds),
      BOOKS_IDLE_SECONDS: String(idleSeconds),
    },
  });
  const visitor = new Visitor(system.publicUrl);
  await visitor.register('foo', 'bar');
  return { redis, system, visitor };
}

test('stage 3: the book service knows who has signed in at whichever auth instance', {
  skip: noRedis,
}, async (t) => {
  const { system, visitor } = await startStage3(t);
  assert.equal((await visitor.get('/me')).location, '/login');
  for (let round = 0; round < 6; round += 1) {
    const another = new Visitor(system.publicUrl);
    await another.logIn();
    assert.equal((await another.get('/me')).text, 'foo');
  }
});

test('stage 3: a session ends when nothing is heard of it for its time to live', {
  skip: noRedis,
}, async (t) => {
  const { redis, visitor } = await startStage3(t, { idleSeconds: 1 });
  await visitor.logIn();
  assert.equal((await visitor.get('/me')).text, 'foo');
  // Asking would begin it anew.
  await eventually(
    () => redis.command('DBSIZE'),
    (answer) => answer === '0',
  );
  assert.equal((await visitor.get('/me')).location, '/login');
});

test('stage 3: Redis killed and started again has lost no session; meanwhile nobody is let in, and books are there', {
  skip: noRedis,
}, async (t) => {
  const { redis, visitor } = await startStage3(t);
  await visitor.logIn();
  await redis.kill();
  const away = await visitor.get('/me');
  assert.equal(away.status, 503);
  assert.deepEqual((await visitor.get('/books')).json, twoBooks);
  await redis.restart();
  await eventually(
    () => visitor.get('/me'),
    ({ text }) => text === 'foo',
  );
});

test('stage 3: what is in Redis opens no session, and what was put there by somebody else is nobody', {
  skip: noRedis,
}, async (t) => {
  const { redis, visitor } = await startStage3(t);
  await visitor.logIn();
  const key = (await redis.command('KEYS', '*')) ?? '';
  const [reference = ''] = visitor.cookies.values();
  assert.ok(!key.includes(reference));
  for (const value of ['{"name":"admin"}', 'not JSON', '{}']) {
    await redis.command('SET', key, value);
    assert.equal((await visitor.get('/me')).location, '/login');
  }
});
