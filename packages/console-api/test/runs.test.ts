import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger, systemClock } from '@banyan/core';
import { createTelemetryStore } from '@banyan/telemetry-store';
import { createTestDatabase } from '@banyan/testing';
import { startConsole } from './fixtures/start-console.ts';

test('the time of a run is its own: one that was killed was over when the next one began', async (t) => {
  const { url: database } = await createTestDatabase(t);
  const url = await startConsole(t, { url: database });
  const store = createTelemetryStore({ url: database, clock: systemClock, logger: silentLogger });
  t.after(() => store.stop());
  await store.start();
  const begin = (runId: string, hour: number) =>
    store.beginRun({ runId, startedAt: `2026-11-20T0${hour}:00:00.000Z`, attributes: {} });
  await begin('killed', 1);
  await begin('now', 3);
  const ask = async (runId: string) => {
    const answer = await fetch(`${url}/api/traffic?kind=requests&runId=${runId}`);
    return (await answer.json()) as { from: string; to: string; stepMs: number };
  };
  const killed = await ask('killed');
  assert.deepEqual(
    [Date.parse(killed.from), Date.parse(killed.to)],
    [Date.parse('2026-11-20T01:00:00Z'), Date.parse('2026-11-20T03:00:00Z')],
  );
  assert.equal(Date.parse((await ask('now')).from), Date.parse('2026-11-20T03:00:00Z'));
});
