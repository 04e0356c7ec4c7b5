import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { contract, operation } from '@banyan/contract';
import { expose, type Policy } from '@banyan/gateway';
import { z } from 'zod';
import { runShop, until } from './support/running-shop.ts';

const Nothing = z.object({});
const leaf = contract('leaf', {
  version: '1.0.0',
  operations: { hang: operation('GET /leaves', { input: Nothing, output: Nothing, timeoutMs: 60_000 }) },
});
const branch = contract('branch', {
  version: '1.0.0',
  operations: { ask: operation('GET /answers', { input: Nothing, output: Nothing }) },
});

const clients = 400;
const asked = 300;

/**
 * Asks another service 300 times while 400 clients wait for one that never answers, at a gateway that has places for 300 requests.
 * @param policy of the one that hangs
 */
async function askWhileLeafHangs(t: TestContext, policy: Policy) {
  let hanging = 0;
  const shop = await runShop(t, {
    gateway: {
      expose: [expose(leaf, { hang: policy }), expose(branch, { ask: 'anyone' })],
      limits: { maxConcurrentRequests: 300, maxConcurrentPerClient: 1_000 },
    },
    edge: {
      endpoint: (name) => ({
        contract: name === 'leaf' ? leaf : branch,
        call: async (_operation, _input, { signal }) => {
          if (name !== 'leaf') return {};
          hanging += 1;
          return new Promise((_resolve, reject) => {
            signal.addEventListener('abort', () => reject(signal.reason as Error));
          });
        },
      }),
    },
  });
  const leaving = new AbortController();
  const statuses: number[] = [];
  const ended = Array.from({ length: clients }, () =>
    fetch(`${shop.url}/leaves`, { signal: leaving.signal }).then(
      async (response) => {
        await response.arrayBuffer();
        statuses.push(response.status);
      },
      () => undefined,
    ),
  );
  t.after(() => Promise.all(ended));
  t.after(() => leaving.abort());
  await until(() => hanging + statuses.length === clients, 'every client hangs or was refused');
  let served = 0;
  const begunMs = performance.now();
  for (let turn = 0; turn < asked; turn += 1) {
    const response = await fetch(`${shop.url}/answers`);
    await response.arrayBuffer();
    if (response.status === 200) served += 1;
  }
  const meanMs = (performance.now() - begunMs) / asked;
  t.diagnostic(`${served} of ${asked} served in ${meanMs.toFixed(2)} ms each, while ${hanging} calls hang`);
  return { served, hanging, refused: statuses };
}

test('a service that hangs takes its own places and no more: every other request is served', async (t) => {
  const { served, hanging, refused } = await askWhileLeafHangs(t, 'anyone');
  assert.equal(served, asked);
  // 256 before anything is known of it, of which nine tenths are for usual work.
  assert.equal(hanging, 230);
  assert.deepEqual(new Set(refused), new Set([503]));
});

test('the same without the limit of each service: it takes every place, and nothing else is served', async (t) => {
  const { served, hanging } = await askWhileLeafHangs(t, { access: 'anyone', priority: 'exempt' });
  assert.equal(hanging, 300);
  assert.equal(served, 0);
});
