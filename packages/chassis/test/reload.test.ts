import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { type Service, service, system } from '@banyan/chassis';
import { contract, operation } from '@banyan/contract';
import { provisionSystem, resetSystem } from '@banyan/postgres';
import { openHost, startTestServer } from '@banyan/testing';
import { z } from 'zod';

const clockwork = contract('clockwork', {
  version: '1.0.0',
  operations: { tick: operation('GET /tick', { input: z.object({}), output: z.object({}) }) },
});

/** Definitions of one service, and which of them run. */
function definitions() {
  const live: string[] = [];
  const define = (name: string): Service =>
    service(clockwork, {
      operations: { tick: async () => ({}) },
      background: {
        async run({ signal }) {
          live.push(name);
          await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
          live.splice(live.indexOf(name), 1);
        },
      },
    });
  return { live, define };
}

async function hostOf(t: TestContext, first: Service) {
  const { url: adminUrl } = await startTestServer();
  const mark = randomBytes(5).toString('hex');
  const secret = randomBytes(32).toString('base64url');
  const urls = await provisionSystem({
    ...{ adminUrl, system: `reload-${mark}`, prefix: `t${mark}_` },
    services: [],
    secret,
  });
  t.after(() => resetSystem({ adminUrl, system: `reload-${mark}` }));
  const { host, stop } = await openHost({
    system: system('reload', { services: [first] }),
    parts: ['clockwork'],
    urls,
    secret,
  });
  t.after(stop);
  return { host, stop };
}

test('of two reloads at once the later definition runs, and it alone', async (t) => {
  const { live, define } = definitions();
  const { host, stop } = await hostOf(t, define('first'));
  await host.start();
  assert.deepEqual(live, ['first']);
  await Promise.all([host.reload(define('second')), host.reload(define('third'))]);
  assert.deepEqual(live, ['third']);
  await stop();
  assert.deepEqual(live, []);
});

test('a reload while the service starts leaves the new definition running, and it alone', async (t) => {
  const { live, define } = definitions();
  const { host, stop } = await hostOf(t, define('first'));
  const started = host.start();
  await host.reload(define('second'));
  await started;
  assert.deepEqual(live, ['second']);
  await stop();
  assert.deepEqual(live, []);
});

test('a reload after the stop starts nothing', async (t) => {
  const { live, define } = definitions();
  const { host, stop } = await hostOf(t, define('first'));
  await host.start();
  await stop();
  await host.reload(define('second'));
  assert.deepEqual(live, []);
});
