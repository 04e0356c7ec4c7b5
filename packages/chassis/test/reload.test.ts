import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { createClient, hasDatabase, type Service, service, system } from '@banyan/chassis';
import { contract, counter, operation } from '@banyan/contract';
import { systemClock } from '@banyan/core';
import { createMemoryRegistry, type Registry } from '@banyan/discovery';
import { provisionSystem, resetSystem } from '@banyan/postgres';
import { createCallContext } from '@banyan/rpc';
import { createMetrics, type Metrics } from '@banyan/telemetry';
import { openHost, startTestServer } from '@banyan/testing';
import { z } from 'zod';

const clockwork = contract('clockwork', {
  version: '1.0.0',
  operations: { tick: operation('GET /tick', { input: z.object({}), output: z.object({}) }) },
});

const probe = service(contract('probe', { version: '1.0.0', operations: {} }), {
  uses: { clockwork },
  operations: {},
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

async function hostOf(
  t: TestContext,
  first: Service,
  more: { readonly metrics?: Metrics; readonly registry?: Registry } = {},
) {
  const { url: adminUrl } = await startTestServer();
  const mark = randomBytes(5).toString('hex');
  const secret = randomBytes(32).toString('base64url');
  const urls = await provisionSystem({
    ...{ adminUrl, system: `reload-${mark}`, prefix: `t${mark}_` },
    services: hasDatabase(first) ? ['clockwork'] : [],
    secret,
  });
  t.after(() => resetSystem({ adminUrl, system: `reload-${mark}` }));
  const { host, stop } = await openHost({
    system: system('reload', { services: [first, probe] }),
    parts: ['clockwork'],
    urls,
    secret,
    ...more,
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

test('a stop waits for the reload that is under way, after which nothing runs', async (t) => {
  const { live, define } = definitions();
  const inner = createMemoryRegistry({ clock: systemClock });
  const [entered, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const told: string[] = [];
  const registry: Registry = {
    staleAfterMs: inner.staleAfterMs,
    watch: (name) => inner.watch(name),
    list: () => inner.list(),
    close: () => inner.close(),
    async register(instance) {
      if (told.push('registers') === 2) {
        entered.resolve();
        await gate.promise;
      }
      return inner.register(instance);
    },
  };
  const { host } = await hostOf(t, define('first'), { registry });
  await host.start();
  const reloading = host.reload(define('second'));
  await entered.promise;
  const stopping = host.stop().then(() => told.push('has stopped'));
  setImmediate(() => {
    told.push('is registered');
    gate.resolve();
  });
  await Promise.all([reloading, stopping]);
  assert.deepEqual(told, ['registers', 'registers', 'is registered', 'has stopped']);
  assert.deepEqual([live, await inner.list()], [[], []]);
});

test('a stop during a reload leaves its database to the call that both wait for', async (t) => {
  const [entered, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const define = () =>
    service(clockwork, {
      operations: {
        async tick(_input, { tx }) {
          entered.resolve();
          await gate.promise;
          await tx(({ sql }) => sql`select 1`);
          return {};
        },
      },
      audited: { tick: () => undefined },
    });
  const { host } = await hostOf(t, define());
  await host.start();
  const callContext = createCallContext({ caller: { service: 'probe' }, timeoutMs: 10_000 });
  const client = createClient(clockwork, host.endpoint('clockwork', 'probe'), () => callContext);
  const answer = client.tick({});
  await entered.promise;
  const ending = Promise.all([host.reload(define()), host.stop()]);
  // Long enough for a stop that waits for nothing to come to its end.
  await Promise.race([ending, pause(500)]);
  gate.resolve();
  assert.deepEqual(await answer, {});
  await ending;
});

test('a reload may change how a metric is declared; one that did not change goes on counting', async (t) => {
  const metrics = createMetrics();
  const define = (help: string, labels: Readonly<Record<string, readonly string[]>>): Service =>
    service(
      contract('clockwork', {
        version: '1.0.0',
        operations: {},
        metrics: { started: counter('Starts.'), ticks: counter(help, { labels }) },
      }),
      {
        operations: {},
        background: {
          async run({ metrics: { started } }) {
            started.inc();
          },
        },
      },
    );
  const { host } = await hostOf(t, define('Ticks.', {}), { metrics });
  await host.start();
  await host.reload(define('Ticks of the clock.', { hand: ['hour', 'minute'] }));
  const page = metrics.render();
  assert.match(page, /^# HELP clockwork_ticks_total Ticks of the clock\.$/m);
  assert.deepEqual(page.match(/^clockwork_ticks_total.*$/gm), [
    'clockwork_ticks_total{service="clockwork",hand="hour"} 0',
    'clockwork_ticks_total{service="clockwork",hand="minute"} 0',
  ]);
  assert.match(page, /^clockwork_started_total\{service="clockwork"\} 2$/m);
});
