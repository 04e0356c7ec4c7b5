import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createConsoleServer, createLive, livePath } from '@banyan/console-api';
import { silentLogger, systemClock } from '@banyan/core';
import { createTelemetryStore } from '@banyan/telemetry-store';
import { createTestDatabase } from '@banyan/testing';
import { failRequests } from './fixtures/fail-requests.ts';

test('alerts are events for whoever listens, with what they are about, when they begin and when they end', async (t) => {
  const { url: databaseUrl } = await createTestDatabase(t);
  const store = createTelemetryStore({ url: databaseUrl, clock: systemClock, logger: silentLogger });
  t.after(() => store.stop());
  await store.start();
  const live = createLive({ store, clock: systemClock, logger: silentLogger });
  t.after(() => live.close());
  store.onAlert((alert) => live.tell('alerts', alert));
  const server = createConsoleServer({
    ...{ host: '127.0.0.1', port: 0, access: { kind: 'loopback' }, version: '0.0.0' },
    ...{ telemetry: {}, operations: {}, routes: [live.route], logger: silentLogger },
  });
  t.after(() => server.stop());
  const url = await server.start();

  const listening = await fetch(`${url}${livePath}?topic=alerts`);
  assert.equal(listening.headers.get('content-type'), 'text/event-stream');
  const reader = (listening.body ?? assert.fail()).pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  const next = async (count: number) => {
    for (;;) {
      const told = [...text.matchAll(/^event: alerts\ndata: (.*)$/gm)].map(
        ([, data = '']) => JSON.parse(data) as Readonly<Record<string, string>>,
      );
      if (told.length >= count) return told;
      text += (await reader.read()).value ?? assert.fail(text);
    }
  };
  await failRequests(store, systemClock);
  const begun = await next(2);
  assert.deepEqual(
    begun.map(({ objectiveId, level, endedAt }) => [objectiveId, level, endedAt]),
    [
      ['shop', 'page', undefined],
      ['shop', 'ticket', undefined],
    ],
  );
  await store.removeObjective('shop');
  const ended = (await next(4)).slice(2);
  assert.deepEqual(
    ended.map(({ alertId, endedAt }) => [alertId, typeof endedAt]),
    begun.map(({ alertId }) => [alertId, 'string']),
  );
  await reader.cancel();
});
