import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { createWebhookNotifier, withRetries } from '@banyan/console-api';
import { silentLogger, systemClock } from '@banyan/core';

test('the end of an alert is told after its begin, also when the webhook fails at first', async (t) => {
  const states: string[] = [];
  const webhook = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (part: string) => {
      body += part;
    });
    request.on('end', () => {
      states.push(JSON.parse(body).state);
      response.writeHead(states.length === 1 ? 503 : 200).end();
    });
  });
  await new Promise<void>((resolve) => webhook.listen(0, '127.0.0.1', resolve));
  t.after(() => webhook.close());
  // Waits between two attempts take no time.
  const clock = {
    nowMs: systemClock.nowMs,
    setTimer: (callback: () => void) => systemClock.setTimer(callback, 0),
  };
  const { port } = webhook.address() as AddressInfo;
  const notify = withRetries(createWebhookNotifier(`http://127.0.0.1:${port}/`), {
    clock,
    logger: silentLogger,
  });
  const alert = {
    alertId: '1',
    objectiveId: 'orders',
    level: 'page' as const,
    startedAt: '2026-11-18T11:00:00Z',
    summary: 'orders',
  };
  await Promise.all([notify(alert), notify({ ...alert, endedAt: '2026-11-18T11:05:00Z' })]);
  assert.deepEqual(states, ['firing', 'firing', 'ended']);
});
