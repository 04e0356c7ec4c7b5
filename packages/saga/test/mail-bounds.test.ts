import assert from 'node:assert/strict';
import { test } from 'node:test';
import { service, system } from '@banyan/chassis';
import { contract, operation } from '@banyan/contract';
import { saga } from '@banyan/saga';
import { startTestSystem } from '@banyan/testing';
import { z } from 'zod';

const Nothing = z.object({});
const SagaRef = z.object({ sagaId: z.string() });

const approval = saga('approval', { version: 1, input: Nothing })
  .step('note', { undo: { run: async () => {} } })
  .waitFor('decision', { signal: z.object({ by: z.string() }) });

const office = contract('office', {
  version: '1.0.0',
  operations: {
    begin: operation('POST /approvals', { input: Nothing, output: SagaRef }),
    tell: operation('POST /approvals/:sagaId/remarks', {
      input: SagaRef.extend({ count: z.number(), length: z.number() }),
      output: Nothing,
      timeoutMs: 60_000,
    }),
    cancel: operation('POST /approvals/:sagaId/cancelling', { input: SagaRef, output: Nothing }),
    status: operation('GET /approvals/:sagaId', {
      input: SagaRef.extend({ waitMs: z.coerce.number() }),
      output: z.object({ status: z.string() }),
      timeoutMs: 60_000,
    }),
  },
});
const officeService = service(office, {
  migrations: new URL('./fixtures/migrations/bank/', import.meta.url),
  sagas: [approval],
  operations: {
    begin: async (_input, { sagas }) => ({ sagaId: await sagas.start(approval, {}) }),
    tell: ({ sagaId, count, length }, { tx }) =>
      tx(async ({ signalSaga }) => {
        for (let index = 0; index < count; index += 1) signalSaga(sagaId, 'remark', 'x'.repeat(length));
        return {};
      }),
    cancel: ({ sagaId }, { tx }) =>
      tx(async ({ cancelSaga }) => {
        cancelSaga(sagaId, 'too much was said');
        return {};
      }),
    status: async ({ sagaId, waitMs }, { sagas }) => ({
      status: (await sagas.ended(sagaId, { timeoutMs: waitMs }))?.status ?? 'unknown',
    }),
  },
});

const probe = contract('probe', { version: '1.0.0', operations: {} });
const probeService = service(probe, { uses: { office }, operations: {} });

const refused = { code: 'resource_exhausted', reason: 'saga_mail_full' };

test('whoever sends a saga more than it reads is refused, and it can still be cancelled', async (t) => {
  const running = await startTestSystem(t, system('approvals', { services: [officeService, probeService] }), {
    harsh: false,
  });
  const client = running.client(office, { service: 'probe', timeoutMs: 60_000 });
  for (const [fitting, beyond] of [
    [
      { count: 1_000, length: 1 },
      { count: 1, length: 1 },
    ],
    [
      { count: 4, length: 250_000 },
      { count: 1, length: 250_000 },
    ],
  ] as const) {
    const { sagaId } = await client.begin({});
    await client.tell({ sagaId, ...fitting });
    await assert.rejects(client.tell({ sagaId, ...beyond }), refused);
    await client.cancel({ sagaId });
    assert.equal((await client.status({ sagaId, waitMs: 30_000 })).status, 'compensated');
    await client.tell({ sagaId, ...beyond });
  }
});

test('a signal that would not fit into an empty mail is refused for good', async (t) => {
  const running = await startTestSystem(t, system('approvals', { services: [officeService, probeService] }), {
    harsh: false,
  });
  const client = running.client(office, { service: 'probe', timeoutMs: 60_000 });
  const { sagaId } = await client.begin({});
  await assert.rejects(client.tell({ sagaId, count: 1, length: 1_048_576 }), {
    code: 'invalid_argument',
    reason: 'invalid_signal',
  });
});
