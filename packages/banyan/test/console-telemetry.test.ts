import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { silentLogger, sleep, systemClock } from '@banyan/core';
import { lastFirst, startTestServer } from '@banyan/testing';
// Only the process of the console opens it, and its supervisor kills what does not stop.
import { openConsoleTelemetry } from '../src/console/telemetry.ts';

/** Takes what is posted, and never answers. */
async function startSilentReceiver() {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` };
}

test('a receiver of alerts that never answers does not hold up the end of the run', async (t) => {
  const { url: adminUrl } = await startTestServer({ alone: true });
  const { server, url: alertWebhook } = await startSilentReceiver();
  lastFirst(t).after(() => {
    server.closeAllConnections();
    server.close();
  });
  const open = (runId: string) =>
    openConsoleTelemetry({
      ...{ adminUrl, runId, alertWebhook, system: 'silent', secret: 'a secret of this test', about: {} },
      startedAt: new Date(systemClock.nowMs()).toISOString(),
      ...{ maxBytes: undefined, maxAgeMs: undefined, alertMail: undefined, errorOwners: {} },
      ...{ consoleUrl: 'http://127.0.0.1', clock: systemClock, logger: silentLogger },
    });
  const { store, stop } = await open('1');
  await store.setObjective({ objectiveId: 'shop', service: 'shop', target: 0.99 });
  const endUs = systemClock.nowMs() * 1_000;
  const spans = Array.from({ length: 100 }, (_, index) => ({
    traceId: (index + 1).toString(16).padStart(32, '0'),
    spanId: (index + 1).toString(16).padStart(16, '0'),
    name: 'shop.buy',
    kind: 2,
    startTimeUnixNano: `${endUs - 60e6}000`,
    endTimeUnixNano: `${endUs - 59e6}000`,
    status: { code: 2 },
  }));
  const attributes = [{ key: 'service.name', value: { stringValue: 'shop' } }];
  store.receive('spans', { resourceSpans: [{ resource: { attributes }, scopeSpans: [{ spans }] }] });
  await store.flush();
  const asked = once(server, 'request');
  await store.lookForAlerts();
  await asked;

  const supervisor = sleep(5_000, systemClock).then(() => 'too late');
  assert.notEqual(await Promise.race([stop(), supervisor]), 'too late');
  const later = await open('2');
  lastFirst(t).after(() => later.stop());
  const [first] = (await later.store.runs()).filter(({ runId }) => runId === '1');
  assert.notEqual(first?.endedAt, undefined);
});
