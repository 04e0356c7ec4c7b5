import assert from 'node:assert/strict';
import { test } from 'node:test';
import { service, system } from '@banyan/chassis';
import { contract, event, operation } from '@banyan/contract';
import { saga } from '@banyan/saga';
import { startTestSystem } from '@banyan/testing';
import { z } from 'zod';

const Nothing = z.object({});
const SagaRef = z.object({ sagaId: z.string() });
const Decision = SagaRef.extend({ by: z.unknown() });

const approval = saga('approval', { version: 1, input: Nothing })
  .step('note', { undo: { run: async () => {} } })
  .waitFor('decision', { signal: z.object({ by: z.string() }) });

const board = contract('board', {
  version: '1.0.0',
  operations: {
    decide: operation('POST /decisions', { input: z.object({ all: z.array(Decision) }), output: Nothing }),
  },
  events: { decided: event('Decided', { data: Decision, key: 'sagaId' }) },
});
const office = contract('office', {
  version: '1.0.0',
  operations: {
    begin: operation('POST /approvals', { input: Nothing, output: SagaRef }),
    status: operation('GET /approvals/:sagaId', {
      input: SagaRef.extend({ waitMs: z.coerce.number() }),
      output: z.object({ status: z.string() }),
      timeoutMs: 60_000,
    }),
  },
});
const migrations = new URL('./fixtures/migrations/bank/', import.meta.url);
const boardService = service(board, {
  uses: { office },
  migrations,
  operations: {
    decide: ({ all }, { tx }) =>
      tx(async ({ emit }) => {
        for (const each of all) emit('decided', each);
        return {};
      }),
  },
});
const officeService = service(office, {
  uses: { board },
  migrations,
  sagas: [approval],
  operations: {
    begin: async (_input, { sagas }) => ({ sagaId: await sagas.start(approval, {}) }),
    status: async ({ sagaId, waitMs }, { sagas }) => ({
      status: (await sagas.ended(sagaId, { timeoutMs: waitMs }))?.status ?? 'unknown',
    }),
  },
  on: {
    'board.decided': async ({ sagaId, by }, { signalSaga }) => signalSaga(sagaId, 'decision', { by }),
  },
});

test('an event whose handler sends a signal that does not fit holds up nobody else', async (t) => {
  const running = await startTestSystem(t, system('approvals', { services: [boardService, officeService] }), {
    harsh: false,
  });
  const client = running.client(office, { service: 'board', timeoutMs: 60_000 });
  const begun = await Promise.all(Array.from({ length: 10 }, () => client.begin({})));
  const all = begun.map(({ sagaId }, index) => ({ sagaId, by: index === 4 ? 7 : 'ann' }));
  await running.client(board, { service: 'office' }).decide({ all });
  const others = begun.filter((_each, index) => index !== 4);
  const ends = await Promise.all(others.map(({ sagaId }) => client.status({ sagaId, waitMs: 30_000 })));
  assert.deepEqual(new Set(ends.map(({ status }) => status)), new Set(['completed']));
  const { status } = await client.status({ sagaId: begun[4]?.sagaId ?? '', waitMs: 0 });
  assert.equal(status, 'running');
});
