import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { contract, operation } from '@banyan/contract';
import { ServiceError } from '@banyan/core';
import { compose, expose, forward, rateLimit } from '@banyan/gateway';
import { createPolicySet } from '@banyan/policy';
import { createMetrics } from '@banyan/telemetry';
import { z } from 'zod';
import { type RunningShop, runShop, type ShopOptions, until } from './support/running-shop.ts';
import { runUpstream } from './support/upstream.ts';

const Empty = z.object({});
const Reading = z.object({ value: z.number() });

const meters = contract('meters', {
  version: '1.0.0',
  operations: {
    openReading: operation('GET /readings/open', { input: Empty, output: Reading }),
    userReading: operation('GET /readings/user', { input: Empty, output: Reading }),
    auditReading: operation('GET /readings/audit', { input: Empty, output: Reading }),
    askedReading: operation('GET /readings/asked', {
      input: z.object({ client: z.string().optional(), session: z.string().optional() }),
      headers: { client: 'banyan-client', session: 'banyan-session' },
      output: Reading,
    }),
    publicKeys: operation('GET /keys', {
      input: Empty,
      output: z.object({ keys: z.array(z.record(z.string(), z.unknown())) }),
    }),
  },
});

const exposed = expose(meters, {
  openReading: 'anyone',
  userReading: 'user',
  auditReading: { scope: 'audit' },
  askedReading: 'anyone',
});

interface Compared extends RunningShop {
  /** Asks, and waits until the request is compared or left out. @returns how it went: `same`, `different`, `failed` or `left_out` */
  ask(path: string, headers?: Readonly<Record<string, string>>): Promise<string>;
}

const outcomes = /parallel_runs_total\{route="[^"]+",outcome="(\w+)"\} (\d+)/g;

/** An old system that answers every reading with 1, in front of meters whose answers are compared with it. */
async function runCompared(
  t: TestContext,
  { handlers = {}, edge = {}, gateway = {} }: Pick<ShopOptions, 'handlers' | 'edge' | 'gateway'> = {},
): Promise<Compared> {
  const old = await runUpstream(t, (incoming, response) => {
    incoming.resume();
    response.writeHead(200, { 'content-type': 'application/json' }).end('{"value":1}');
  });
  const metrics = createMetrics();
  const value = () => ({ value: 1 });
  const shop = await runShop(t, {
    contract: meters,
    handlers: {
      openReading: value,
      userReading: value,
      auditReading: value,
      askedReading: value,
      ...handlers,
    },
    edge: { metrics, ...edge },
    gateway: {
      expose: [exposed],
      forward: [forward('/readings/*', { to: old.url, access: 'anyone', moved: 0, compare: {} })],
      ...gateway,
    },
  });
  const counted = () =>
    new Map([...metrics.render().matchAll(outcomes)].map(([, name, count]) => [name, count]));
  return {
    ...shop,
    async ask(path, headers = {}) {
      const before = counted();
      const answer = await fetch(shop.url + path, { headers });
      assert.deepEqual(await answer.json(), { value: 1 });
      const changed = () => [...counted()].find(([name, count]) => before.get(name) !== count)?.[0];
      await until(() => changed() !== undefined, 'it is compared');
      return changed() ?? '';
    },
  };
}

test('a shadow call is made for nobody whom the operation would refuse, and as the caller that the operation would have', async (t) => {
  const shop = await runCompared(t);
  const bearer = async (scopes: readonly string[]) => ({
    authorization: `Bearer ${await shop.token('ada', { scopes })}`,
  });
  for (const path of ['/readings/user', '/readings/audit']) {
    assert.equal(await shop.ask(path), 'left_out', path);
    assert.equal(await shop.ask(path, { authorization: 'Bearer of-the-old-system' }), 'left_out', path);
  }
  assert.equal(await shop.ask('/readings/audit', await bearer(['other'])), 'left_out');
  assert.equal(shop.contexts.length, 0);
  assert.equal(await shop.ask('/readings/user', await bearer([])), 'same');
  assert.equal(await shop.ask('/readings/audit', await bearer(['audit'])), 'same');
  // An open operation answers everybody alike, so it is not told who asks.
  assert.equal(await shop.ask('/readings/open', await bearer([])), 'same');
  assert.deepEqual(
    shop.contexts.map(({ caller }) => caller.user),
    [{ id: 'ada', scopes: [] }, { id: 'ada', scopes: ['audit'] }, undefined],
  );
});

test('whom the policies in force do not let in is left out, and not put on record as denied', async (t) => {
  const policies = createPolicySet({
    covers: ['meters.userReading'],
    rules: [
      {
        id: 'ada',
        effect: 'permit',
        operations: ['meters.userReading'],
        when: [{ value: 'caller.user.id', equals: 'ada' }],
      },
    ],
  });
  const shop = await runCompared(t, { edge: { policies } });
  const as = async (user: string) => ({ authorization: `Bearer ${await shop.token(user)}` });
  assert.equal(await shop.ask('/readings/user', await as('ben')), 'left_out');
  assert.equal(shop.contexts.length, 0);
  assert.equal(await shop.ask('/readings/user', await as('ada')), 'same');
});

test('a shadow call takes from the quotas of the operation, and is left out when they are used up', async (t) => {
  const twice = rateLimit('readings', { quota: 2, windowS: 3_600, per: 'address' });
  const shop = await runCompared(t, {
    gateway: { expose: [expose(meters, { openReading: { access: 'anyone', rates: [twice] } })] },
  });
  const seen = [];
  for (let round = 0; round < 3; round += 1) seen.push(await shop.ask('/readings/open'));
  assert.deepEqual(seen, ['same', 'same', 'left_out']);
});

test('what the gateway says about a client is never what the client says, also in a shadow call', async (t) => {
  const inputs: unknown[] = [];
  const shop = await runCompared(t, {
    handlers: {
      askedReading: (input: object) => {
        inputs.push(input);
        return { value: 1 };
      },
    },
  });
  const claims = { 'banyan-client': '6.6.6.6', 'banyan-session': 'stolen' };
  assert.equal(await shop.ask('/readings/asked', claims), 'same');
  assert.deepEqual(inputs, [{ client: '127.0.0.1' }]);
});

test('a shadow call goes to the version that would have answered', async (t) => {
  const second = contract('meters', {
    version: '2.0.0',
    operations: { openReading: operation('GET /readings/open', { input: Empty, output: Reading }) },
  });
  const asked: (string | undefined)[] = [];
  const shop = await runCompared(t, {
    edge: {
      endpoint: (_name, to) => ({
        contract: meters,
        async call() {
          asked.push(to?.version);
          return { value: 1 };
        },
      }),
    },
    gateway: {
      expose: [expose(meters, { openReading: 'anyone' }), expose(second, { openReading: 'anyone' })],
    },
  });
  assert.equal(await shop.ask('/readings/open'), 'same');
  assert.equal(await shop.ask('/readings/open', { 'api-version': '2' }), 'same');
  // The old system's own parameter of that name is no version of ours.
  assert.equal(await shop.ask('/readings/open?api-version=2019-06-01'), 'left_out');
  assert.deepEqual(asked, ['1', '2']);
});

test('a joined answer is compared with that of the old system', async (t) => {
  const screens = contract('screens', {
    version: '1.0.0',
    operations: {
      screen: compose('GET /readings/screen', {
        input: Empty,
        parts: (none) => none.mandatory('open', [meters, 'openReading'], { input: {} }),
      }),
    },
  });
  const shop = await runCompared(t, {
    gateway: { expose: [exposed, expose(screens, { screen: 'anyone' })] },
  });
  assert.equal(await shop.ask('/readings/screen'), 'different');
  const line = shop.log.find(({ message }) => message === 'answers differ');
  assert.deepEqual([line?.fields['operation'], line?.fields['newStatus']], ['screen', 200]);
  assert.equal(shop.contexts.length, 1);
});

test('of an old answer that cannot be read the status alone is compared', async (t) => {
  const body = JSON.stringify({ value: 1 });
  const old = await runUpstream(t, (incoming, response) => {
    incoming.resume();
    const isZipped = incoming.headers['accept-encoding'] === 'gzip';
    const type = isZipped ? 'application/json' : 'text/html';
    response
      .writeHead(200, { 'content-type': type, ...(isZipped ? { 'content-encoding': 'gzip' } : undefined) })
      .end(isZipped ? gzipSync(body) : '<p>1</p>');
  });
  const metrics = createMetrics();
  let isThere = true;
  const shop = await runShop(t, {
    contract: meters,
    handlers: {
      openReading: () => {
        if (isThere) return { value: 1 };
        throw new ServiceError('no such reading', { code: 'not_found', reason: 'no_reading' });
      },
    },
    edge: { metrics },
    gateway: {
      expose: [exposed],
      forward: [forward('/readings/*', { to: old.url, access: 'anyone', moved: 0, compare: {} })],
    },
  });
  const ask = async (encoding: string) => {
    const answer = await fetch(`${shop.url}/readings/open`, { headers: { 'accept-encoding': encoding } });
    return answer.text();
  };
  const reached = (outcome: string, count: number) =>
    until(() => metrics.render().includes(`outcome="${outcome}"} ${count}`), `${count} are ${outcome}`);
  assert.equal(await ask('gzip'), body);
  await reached('same', 1);
  assert.equal(await ask('identity'), '<p>1</p>');
  await reached('same', 2);
  isThere = false;
  await ask('gzip');
  await reached('different', 1);
  assert.equal(shop.log.find(({ message }) => message === 'answers differ')?.fields['at'], '/status');
});

test('a request with a condition or for a range, and an answer that is only a part, are left out', async (t) => {
  const shop = await runCompared(t);
  for (const [name, value] of [
    ['if-none-match', '"v1"'],
    ['if-match', '"v1"'],
    ['if-modified-since', 'Sat, 21 Nov 2026 10:00:00 GMT'],
    ['if-unmodified-since', 'Sat, 21 Nov 2026 10:00:00 GMT'],
    ['range', 'bytes=0-3'],
  ] as const)
    assert.equal(await shop.ask('/readings/open', { [name]: value }), 'left_out', name);
  for (const status of [206, 304]) {
    const old = await runUpstream(t, (incoming, response) => {
      incoming.resume();
      response.writeHead(status).end();
    });
    const metrics = createMetrics();
    const partial = await runShop(t, {
      contract: meters,
      handlers: { openReading: () => ({ value: 1 }) },
      edge: { metrics },
      gateway: {
        expose: [exposed],
        forward: [forward('/readings/*', { to: old.url, access: 'anyone', moved: 0, compare: {} })],
      },
    });
    assert.equal((await fetch(`${partial.url}/readings/open`)).status, status);
    await until(() => metrics.render().includes('parallel_runs_total{'), 'it is counted');
    assert.match(metrics.render(), /outcome="left_out"\} 1/);
    assert.equal(partial.contexts.length, 0);
  }
  assert.equal(shop.contexts.length, 0);
});
