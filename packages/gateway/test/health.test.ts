import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runShop } from './support/running-shop.ts';

test('is live as soon as it listens', async (t) => {
  const { url } = await runShop(t, { health: () => Promise.reject(new Error('no')) });
  const live = await fetch(`${url}/health/live`);
  assert.equal(live.status, 200);
  assert.deepEqual(await live.json(), { status: 'ok' });
  const ready = await fetch(`${url}/health/ready`);
  assert.equal(ready.status, 500);
});

test('names every part that is not ready, and why only in the log', async (t) => {
  let parts = [
    { part: 'shop', ready: true },
    { part: 'payments', ready: false, reason: 'no connection to db-7' },
    { part: 'printing', ready: false, reason: 'starting' },
  ];
  const { url, log } = await runShop(t, { health: () => Promise.resolve(parts) });
  const answer = await fetch(`${url}/health/ready`);
  assert.equal(answer.status, 503);
  assert.equal(answer.headers.get('retry-after'), '1');
  const text = await answer.text();
  const problem = JSON.parse(text) as Record<string, unknown>;
  assert.equal(problem['reason'], 'not_ready');
  assert.equal(problem['detail'], 'Not ready: payments, printing.');
  assert.deepEqual(problem['details'], { parts: ['payments', 'printing'] });
  assert.doesNotMatch(text, /db-7/);
  assert.match(JSON.stringify(log), /db-7/);
  parts = parts.map(({ part }) => ({ part, ready: true }));
  assert.equal((await fetch(`${url}/health/ready`)).status, 200);
});

test('probes that come together share one look at the parts', async (t) => {
  const gate = Promise.withResolvers<void>();
  let looks = 0;
  const { url } = await runShop(t, {
    health: async () => {
      looks += 1;
      await gate.promise;
      return [{ part: 'shop', ready: true }];
    },
  });
  const probes = Array.from({ length: 20 }, () => fetch(`${url}/health/ready`));
  // By the time this one is answered, the connections before it have been served too.
  await fetch(`${url}/health/live`);
  gate.resolve();
  const statuses = (await Promise.all(probes)).map((answer) => answer.status);
  assert.deepEqual(new Set(statuses), new Set([200]));
  assert(looks >= 1 && looks < 20, `${looks} looks`);
});
