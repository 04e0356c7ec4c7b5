import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import {
  createConsoleServer,
  createLive,
  createWebhookNotifier,
  livePath,
  telemetryHandlers,
  tellAlerts,
} from '@banyan/console-api';
import { type Clock, silentLogger, systemClock } from '@banyan/core';
import { createTelemetryStore, type TelemetryStore } from '@banyan/telemetry-store';
import { createTestDatabase, eventually } from '@banyan/testing';
import { startReceiver, throwErrors } from './fixtures/given-errors.ts';

const minuteMs = 60_000;

async function startStore(t: TestContext, url?: string) {
  const ahead = { ms: 0 };
  const clock: Clock = { nowMs: () => systemClock.nowMs() + ahead.ms, setTimer: systemClock.setTimer };
  const database = url ?? (await createTestDatabase(t)).url;
  const store = createTelemetryStore({
    ...{ url: database, clock, logger: silentLogger, alertChannels: ['webhook'] },
  });
  t.after(() => store.stop());
  await store.start();
  return { store, clock, ahead, url: database };
}

/** Of the alerts there are, oldest first: what they are about, and whether they fire. */
async function alertsOf(store: TelemetryStore): Promise<readonly string[]> {
  const alerts = await store.alerts();
  return alerts
    .toSorted((a, b) => (a.alertId < b.alertId ? -1 : 1))
    .map(({ errorRuleId, level, endedAt }) => `${errorRuleId} ${level} ${endedAt ? 'over' : 'fires'}`);
}

test('more errors within the window than a rule allows alert once, also over a restart, until it has calmed', async (t) => {
  const { store, clock, ahead, url } = await startStore(t);
  await store.setErrorRule({ ruleId: 'shop', service: 'shop', maxErrors: 10, windowMinutes: 5 });
  await throwErrors(store, clock, { count: 6 });
  await throwErrors(store, clock, { count: 4, place: 'other.ts:1:1' });
  await throwErrors(store, clock, { count: 50, service: 'press' });
  // A sender that was cut off sends what is older than the window.
  await throwErrors(store, clock, { count: 50, agoMs: 30 * minuteMs });
  await store.lookForAlerts();
  assert.deepEqual(await alertsOf(store), []);
  assert.deepEqual(
    (await store.errorRules()).map(({ errors, isFiring }) => [errors, isFiring]),
    [[10, false]],
  );
  await throwErrors(store, clock);
  await store.lookForAlerts();
  await store.lookForAlerts();
  const { store: next } = await startStore(t, url);
  await next.lookForAlerts();
  assert.deepEqual(await alertsOf(store), ['shop page fires']);
  assert.match((await store.alerts())[0]?.summary ?? '', /^shop: 11 errors within 5 min, more than 10$/);

  // Fewer than it allows, but not yet calm. It looks by itself, too: at no moment may there be less.
  ahead.ms += 3 * minuteMs;
  await throwErrors(store, clock, { count: 8 });
  ahead.ms += 3 * minuteMs;
  assert.deepEqual(
    (await store.errorRules()).map(({ errors, isFiring }) => [errors, isFiring]),
    [[8, true]],
  );
  await store.lookForAlerts();
  assert.deepEqual(await alertsOf(store), ['shop page fires']);
  ahead.ms += 1 * minuteMs;
  await throwErrors(store, clock, { count: 5 });
  ahead.ms += 3 * minuteMs;
  await store.lookForAlerts();
  assert.deepEqual(await alertsOf(store), ['shop page over']);
  await throwErrors(store, clock, { count: 6 });
  await store.lookForAlerts();
  assert.deepEqual(await alertsOf(store), ['shop page over', 'shop page fires']);
  assert.equal(await store.removeErrorRule('shop'), true);
  assert.equal(await store.removeErrorRule('shop'), false);
  assert.deepEqual(await alertsOf(store), ['shop page over', 'shop page over']);
});

test('one group of errors has a rule of its own, and what is ignored counts for none', async (t) => {
  const { store, clock } = await startStore(t);
  await throwErrors(store, clock, { count: 3, place: 'pay.ts:1:1' });
  await throwErrors(store, clock, { count: 9, place: 'pay.ts:2:2' });
  const { groups } = await store.errors({ limit: 10 });
  const [few, many] = [3, 9].map((count) => groups.find((group) => group.count === count)?.groupId ?? '');
  const rule = { service: 'shop', maxErrors: 4, windowMinutes: 60 } as const;
  await store.setErrorRule({ ...rule, ruleId: 'few', groupId: few });
  await store.setErrorRule({ ...rule, ruleId: 'many', groupId: many, level: 'ticket' });
  await store.setErrorRule({ ...rule, ruleId: 'all' });
  assert.deepEqual(await alertsOf(store), ['many ticket fires', 'all page fires']);
  await store.changeError(many ?? '', { state: 'ignored' });
  await store.lookForAlerts();
  // Three are left, of which a rule that allows four is not calm yet.
  assert.deepEqual(await alertsOf(store), ['many ticket over', 'all page fires']);
  // Another level is another alert.
  await store.setErrorRule({ ...rule, ruleId: 'all', maxErrors: 2, level: 'ticket' });
  assert.deepEqual(await alertsOf(store), ['many ticket over', 'all page over', 'all ticket fires']);
});

test('a rule is set over the API, and its alert is an event, and told to the webhook, when it begins and when it ends', async (t) => {
  const { store, clock } = await startStore(t);
  const live = createLive({ store, clock, logger: silentLogger });
  t.after(() => live.close());
  store.onAlert((alert) => live.tell('alerts', alert));
  const { told, url: webhook } = await startReceiver(t);
  const notifiers = { webhook: createWebhookNotifier(webhook) };
  t.after(tellAlerts({ store, notifiers, clock, logger: silentLogger }));
  const server = createConsoleServer({
    ...{ host: '127.0.0.1', port: 0, access: { kind: 'loopback' }, version: '0.0.0' },
    telemetry: telemetryHandlers(store, clock.nowMs),
    ...{ operations: {}, routes: [live.route], logger: silentLogger },
  });
  t.after(() => server.stop());
  const url = await server.start();
  const send = (method: string, body?: object) =>
    fetch(`${url}/api/error-rules/shop`, {
      method,
      ...(body && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    });
  const listening = await fetch(`${url}${livePath}?topic=alerts`);
  const reader = (listening.body ?? assert.fail()).pipeThrough(new TextDecoderStream()).getReader();
  t.after(() => reader.cancel());
  let text = '';
  const events = async (count: number) => {
    for (;;) {
      const all = [...text.matchAll(/^event: alerts\ndata: (.*)$/gm)].map(
        ([, data = '']) => JSON.parse(data) as { errorRuleId: string; endedAt?: string },
      );
      if (all.length >= count) return all.map((each) => [each.errorRuleId, each.endedAt !== undefined]);
      text += (await reader.read()).value ?? assert.fail(text);
    }
  };

  assert.equal((await send('PUT', { service: 'shop', maxErrors: 1, windowMinutes: 61 })).status, 400);
  await throwErrors(store, clock, { count: 2 });
  const put = await send('PUT', { service: 'shop', maxErrors: 1, windowMinutes: 5 });
  assert.deepEqual(await put.json(), {
    ...{ ruleId: 'shop', service: 'shop', maxErrors: 1, windowMinutes: 5 },
    ...{ level: 'page', errors: 2, isFiring: true },
  });
  assert.deepEqual(await events(1), [['shop', false]]);
  assert.equal((await send('DELETE')).status, 200);
  assert.equal((await send('DELETE')).status, 404);
  assert.deepEqual(await events(2), [
    ['shop', false],
    ['shop', true],
  ]);
  await eventually(
    async () => told.length,
    (count) => count === 3,
  );
  // What alerts goes first.
  assert.deepEqual(told.map(({ kind, state }) => `${kind} ${state}`).toSorted(), [
    'banyan.alert ended',
    'banyan.alert firing',
    'banyan.error new',
  ]);
});
