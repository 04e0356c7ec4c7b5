import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { type TestContext, test } from 'node:test';
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
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
  /** The same, whatever the old system's answer looks like on the wire. */
  compare(path: string, headers?: Readonly<Record<string, string>>): Promise<string>;
}

/** Reads an answer without looking at its encoding, which `fetch` would decode. */
async function passRaw(url: string, headers: Readonly<Record<string, string>>): Promise<void> {
  const [response] = (await once(request(url, { headers }).end(), 'response')) as [IncomingMessage];
  response.resume();
  await once(response, 'end');
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
  const outcomeOf = async (request: () => Promise<unknown>) => {
    const before = counted();
    await request();
    const changed = () => [...counted()].find(([name, count]) => before.get(name) !== count)?.[0];
    await until(() => changed() !== undefined, 'it is compared');
    return changed() ?? '';
  };
  return {
    ...shop,
    ask: (path, headers = {}) =>
      outcomeOf(async () => {
        const answer = await fetch(shop.url + path, { headers });
        assert.deepEqual(await answer.json(), { value: 1 });
      }),
    compare: (path, headers = {}) => outcomeOf(() => passRaw(`${shop.url}${path}`, headers)),
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
    const encoding = String(incoming.headers['accept-encoding']);
    if (encoding === 'identity') response.writeHead(200, { 'content-type': 'text/html' }).end('<p>1</p>');
    else
      response
        .writeHead(200, { 'content-type': 'application/json', 'content-encoding': encoding })
        .end(encoding === 'gzip' ? 'not zipped at all' : body);
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
  // An encoding that nobody knows here, one that is none, and no JSON.
  assert.equal(await ask('sdch'), body);
  await reached('same', 1);
  await ask('gzip').catch(() => undefined);
  await reached('same', 2);
  assert.equal(await ask('identity'), '<p>1</p>');
  await reached('same', 3);
  isThere = false;
  await ask('sdch');
  await reached('different', 1);
  assert.equal(shop.log.find(({ message }) => message === 'answers differ')?.fields['at'], '/status');
});

test('old answers that are compressed are compared as what they say, and bombs are left out', async (t) => {
  const said = JSON.stringify({ value: 1 });
  const bomb = JSON.stringify({ value: 1, more: ' '.repeat(2_000_000) });
  const compressed: Readonly<Record<string, readonly [coding: string, body: Buffer]>> = {
    gzip: ['gzip', gzipSync(said)],
    deflate: ['deflate', deflateSync(said)],
    br: ['br', brotliCompressSync(said)],
    zstd: ['zstd', zstdCompressSync(said)],
    twice: ['gzip, br', brotliCompressSync(gzipSync(said))],
    bomb: ['gzip', gzipSync(bomb)],
    'bomb in a bomb': ['gzip, gzip', gzipSync(gzipSync(bomb))],
    'too often': ['gzip, gzip, gzip', gzipSync(gzipSync(gzipSync(bomb)))],
  };
  const old = await runUpstream(t, (incoming, response) => {
    incoming.resume();
    const [coding = '', body] = compressed[String(incoming.headers['x-form'])] ?? [];
    response.writeHead(status, { 'content-type': 'application/json', 'content-encoding': coding }).end(body);
  });
  let [value, status] = [1, 200];
  const shop = await runCompared(t, {
    handlers: { openReading: () => ({ value }) },
    gateway: {
      forward: [forward('/readings/*', { to: old.url, access: 'anyone', moved: 0, compare: {} })],
    },
  });
  const ask = (form: string) => shop.compare('/readings/open', { 'x-form': form });
  for (const form of ['gzip', 'deflate', 'br', 'zstd', 'twice']) assert.equal(await ask(form), 'same', form);
  value = 2;
  for (const form of ['gzip', 'deflate', 'br', 'zstd', 'twice'])
    assert.equal(await ask(form), 'different', form);
  assert.equal(shop.log.find(({ message }) => message === 'answers differ')?.fields['at'], '/body/value');
  const asked = shop.contexts.length;
  for (const form of ['bomb', 'bomb in a bomb']) assert.equal(await ask(form), 'left_out', form);
  assert.equal(shop.contexts.length, asked);
  assert.equal(await ask('too often'), 'same');
  // Of a refusal nothing but its status is compared, so nothing is decompressed.
  status = 404;
  for (const form of ['gzip', 'bomb']) assert.equal(await ask(form), 'different', form);
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
