import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { test } from 'node:test';
import { service, system } from '@banyan/chassis';
import { contract, operation } from '@banyan/contract';
import { durable, saga } from '@banyan/saga';
import { type Span, useActivation } from '@banyan/telemetry';
import { startOtlpReceiver } from '@banyan/test-support/otlp-receiver';
import { createTestTelemetry } from '@banyan/test-support/test-telemetry';
import { startTestSystem } from '@banyan/testing';
import { z } from 'zod';

const active = new AsyncLocalStorage<Span>();
/** Span ids that code without a context found, by what ran. */
const found = new Map<string, string | undefined>();
const note = (what: string) => void found.set(what, active.getStore()?.spanId);

const Name = z.object({ name: z.string() });
const target = contract('target', {
  version: '1.0.0',
  operations: { hit: operation('POST /hits', { input: Name, output: z.object({}) }) },
});
const walk = saga('walk', { version: 1, input: Name })
  .step('local', {
    tx: async ({ input }) => note(`step walk.local ${input.name}`),
    undo: { run: async () => {} },
  })
  .step('outside', {
    run: async ({ input }) => note(`step walk.outside ${input.name}`),
    undo: { run: async () => {} },
  })
  .step('call', { call: target.operations.hit, with: ({ input }) => input, undo: { run: async () => {} } });
const code = durable('code', { version: 1, input: Name, output: z.object({}) }, async ({ name }, d) => {
  await d.tx('local', async () => note(`step code.local ${name}`));
  await d.run('outside', async () => note(`step code.outside ${name}`));
  return {};
});
const runner = contract('runner', {
  version: '1.0.0',
  operations: {
    start: operation('POST /runs', {
      input: z.object({ names: z.array(z.string()) }),
      output: z.array(z.string()),
    }),
    end: operation('GET /runs/:sagaId', {
      input: z.object({ sagaId: z.string() }),
      output: z.object({ status: z.string() }),
      timeoutMs: 30_000,
    }),
  },
});
const probe = contract('probe', { version: '1.0.0', operations: {} });
const house = system('house', {
  services: [
    service(target, {
      operations: {
        hit: async ({ name }) => {
          note(`target.hit ${name}`);
          return {};
        },
      },
    }),
    service(runner, {
      uses: { target },
      sagas: [walk],
      durable: [code],
      operations: {
        start: async ({ names }, { tx }) =>
          tx(async ({ start }) => names.flatMap((name) => [start(walk, { name }), start(code, { name })])),
        end: async ({ sagaId }, { sagas }) => ({
          status: (await sagas.ended(sagaId, { timeoutMs: 10_000 }))?.status ?? 'unknown',
        }),
      },
    }),
    service(probe, { uses: { runner }, operations: {} }),
  ],
});

test('the active span of a step or a called operation is its own, whoever set its transaction off', async (t) => {
  t.after(useActivation({ within: (span, work) => active.run(span, work) }));
  const receiver = await startOtlpReceiver(t);
  const { telemetry, stop } = createTestTelemetry('house', receiver.url);
  const client = (await startTestSystem(t, house, { harsh: false, telemetry })).client(runner, {
    service: 'probe',
    timeoutMs: 30_000,
  });
  const names = Array.from({ length: 8 }, (_, index) => `n${index}`);
  const ids = await client.start({ names });
  const ends = await Promise.all(ids.map((sagaId) => client.end({ sagaId })));
  assert.deepEqual(new Set(ends.map(({ status }) => status)), new Set(['completed']));
  await stop();
  const spans = new Map(receiver.spans.map((span) => [span.spanId, span]));
  const named = [...found].map(([what, spanId]) => [what, spans.get(spanId ?? '')?.name]);
  assert.equal(named.length, 5 * names.length);
  assert.deepEqual(
    named.filter(([what = '', name]) => what.slice(0, what.lastIndexOf(' ')) !== name),
    [],
  );
  assert.equal(new Set(found.values()).size, named.length);
});
