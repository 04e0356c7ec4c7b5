import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  type AlertNotifier,
  createMailNotifier,
  createWebhookNotifier,
  tellAlerts,
} from '@banyan/console-api';
import { type Clock, silentLogger, systemClock } from '@banyan/core';
import {
  createTelemetryStore,
  type TelemetryStore,
  type TelemetryStoreOptions,
} from '@banyan/telemetry-store';
import { createTestDatabase, eventually } from '@banyan/testing';
import { SMTPServer } from 'smtp-server';
import { type PostedError, startReceiver, throwErrors } from './fixtures/given-errors.ts';

async function startStore(
  t: TestContext,
  url: string,
  options: Partial<TelemetryStoreOptions> = {},
): Promise<TelemetryStore> {
  const store = createTelemetryStore({
    ...{ url, clock: systemClock, logger: silentLogger, alertChannels: ['webhook'], ...options },
  });
  t.after(() => store.stop());
  await store.start();
  return store;
}

function tell(
  t: TestContext,
  store: TelemetryStore,
  notifiers: Readonly<Record<string, AlertNotifier>>,
  clock: Clock = systemClock,
): void {
  t.after(tellAlerts({ store, notifiers, clock, logger: silentLogger }));
}

/** Whatever else there was to tell has been told by then: it is told in order. */
async function toldBefore(
  told: readonly PostedError[],
  store: TelemetryStore,
): Promise<readonly PostedError[]> {
  const last = `last-${told.length}`;
  await throwErrors(store, systemClock, { service: last });
  await eventually(
    async () => told,
    (all) => all.at(-1)?.error.service === last,
  );
  return told.filter(({ error }) => !error.service.startsWith('last-'));
}

test('many errors at once of one group, from several senders and stores, are told once, and no more when more come', async (t) => {
  const { url } = await createTestDatabase(t);
  const options = { errorOwners: { shop: 'ada' } };
  const [store, other] = [await startStore(t, url, options), await startStore(t, url, options)];
  const { told, url: webhook } = await startReceiver(t);
  for (const each of [store, other]) tell(t, each, { webhook: createWebhookNotifier(webhook) });
  await Promise.all([
    throwErrors(store, systemClock, { count: 300 }),
    throwErrors(other, systemClock, { count: 300 }),
  ]);
  await eventually(
    async () => told.length,
    (count) => count > 0,
  );
  await throwErrors(other, systemClock, { message: 'card 42 is unknown', count: 50 });
  const [only, ...more] = await toldBefore(told, store);
  assert.deepEqual(more, []);
  assert.deepEqual([only?.kind, only?.state, only?.error.owner], ['banyan.error', 'new', 'ada']);
  assert.match(only?.error.traceId ?? '', /^[0-9a-f]{32}$/);
  assert.equal((await store.error(only?.error.groupId ?? ''))?.count, 650);
});

test('an error that was resolved and is back is told again, with another key; one that is ignored, or opened by hand, is not', async (t) => {
  const { url } = await createTestDatabase(t);
  const store = await startStore(t, url);
  const { told, url: webhook } = await startReceiver(t);
  tell(t, store, { webhook: createWebhookNotifier(webhook) });
  await throwErrors(store, systemClock);
  const { error } = (await toldBefore(told, store))[0] ?? assert.fail('It is not told.');
  const change = (state: 'resolved' | 'ignored' | 'open') => store.changeError(error.groupId, { state });
  await change('resolved');
  await change('open');
  await throwErrors(store, systemClock);
  await change('ignored');
  await throwErrors(store, systemClock);
  await change('resolved');
  await store.changeError(error.groupId, { owner: 'bob' });
  await throwErrors(store, systemClock, { count: 20 });
  await throwErrors(store, systemClock, { count: 20 });
  const about = await toldBefore(told, store);
  const [first = '', number] = error.key.split(/\.(?=\d+$)/);
  assert.equal(number, '1');
  assert.deepEqual(
    about.map(({ state, error: { key, firstKey, owner } }) => [state, key, firstKey, owner]),
    [
      ['new', error.key, error.key, undefined],
      ['back', `${first}.2`, error.key, 'bob'],
    ],
  );
});

test('an error that comes again when nothing is known of it any more is new, with another key', async (t) => {
  const { url } = await createTestDatabase(t);
  const store = await startStore(t, url);
  const { told, url: webhook } = await startReceiver(t);
  tell(t, store, { webhook: createWebhookNotifier(webhook) });
  await throwErrors(store, systemClock);
  await toldBefore(told, store);
  const nowMs = () => systemClock.nowMs() + 36 * 86_400_000;
  const later = await startStore(t, url, { clock: { nowMs, setTimer: systemClock.setTimer } });
  await later.stop();
  assert.deepEqual((await store.errors({ limit: 10 })).groups, []);
  await throwErrors(store, systemClock);
  const [first, again, ...more] = await toldBefore(told, store);
  assert.deepEqual(more, []);
  assert.equal(again?.error.groupId, first?.error.groupId);
  assert.equal(again?.state, 'new');
  assert.notEqual(again?.error.key, first?.error.key);
});

/** Runs until it is killed. */
function startProcess(...words: readonly string[]) {
  const script = fileURLToPath(new URL('./fixtures/error-process.ts', import.meta.url));
  return spawn(process.execPath, [script, ...words], { stdio: ['ignore', 'pipe', 'inherit'] });
}

async function kill(child: ReturnType<typeof startProcess>): Promise<void> {
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

test('an error is told once by the next process when the first is killed between storing and telling it', async (t) => {
  const { url } = await createTestDatabase(t);
  const child = startProcess(url);
  await once(child.stdout, 'data');
  await kill(child);
  const store = await startStore(t, url);
  const { told, url: webhook } = await startReceiver(t);
  tell(t, store, { webhook: createWebhookNotifier(webhook) });
  const all = await toldBefore(told, store);
  assert.deepEqual(
    all.map(({ error: { service, owner } }) => [service, owner]),
    [['shop', 'ada']],
  );
});

test('an error whose receiver did not answer before the process was killed is told again under the same key', async (t) => {
  const { url } = await createTestDatabase(t);
  const silent = await startReceiver(t, { answers: false });
  const child = startProcess(url, silent.url);
  await eventually(
    async () => silent.told.length,
    (count) => count === 1,
  );
  await kill(child);
  // Longer than the claim of whoever was killed.
  const clock: Clock = { nowMs: () => systemClock.nowMs() + 120_000, setTimer: systemClock.setTimer };
  const store = await startStore(t, url, { clock });
  const { told, url: webhook } = await startReceiver(t);
  tell(t, store, { webhook: createWebhookNotifier(webhook) }, clock);
  const all = await toldBefore(told, store);
  assert.deepEqual(
    all.map(({ error: { key } }) => key),
    silent.told.map(({ error: { key } }) => key),
  );
});

test('errors that keep appearing are told a hundred times an hour, and the log says that others are not', async (t) => {
  const { url } = await createTestDatabase(t);
  const warnings: unknown[] = [];
  let aheadMs = 0;
  const clock: Clock = { nowMs: () => systemClock.nowMs() + aheadMs, setTimer: systemClock.setTimer };
  const logger = { ...silentLogger, warn: (_: string, fields?: unknown) => void warnings.push(fields) };
  const store = await startStore(t, url, { clock, logger });
  const claimAll = async (): Promise<number> =>
    (await store.claimNotice('webhook')) === undefined ? 0 : 1 + (await claimAll());
  const appear = async (from: number, to: number) => {
    for (let line = from; line < to; line += 1) {
      const sending = throwErrors(store, clock, { place: `pay.ts:${line}:1` });
      if (line % 20 === 0) await sending;
    }
    await store.flush();
  };
  await appear(0, 103);
  assert.equal(await claimAll(), 100);
  assert.equal(
    warnings.reduce<number>((sum, fields) => sum + (fields as { left: number }).left, 0),
    3,
  );
  aheadMs = 3_700_000;
  await appear(200, 201);
  assert.equal(await claimAll(), 101);
});

test('an error is mailed to its owner if that is a mail address, else to everybody, and what it says adds no headers', async (t) => {
  const { url } = await createTestDatabase(t);
  const mails: { to: readonly string[]; source: string }[] = [];
  const server = new SMTPServer({
    disabledCommands: ['STARTTLS', 'AUTH'],
    onData(stream, { envelope }, done) {
      text(stream).then((source) => {
        mails.push({ to: envelope.rcptTo.map(({ address }) => address), source });
        done();
      }, done);
    },
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  t.after(() => new Promise<void>((resolve) => server.close(() => resolve())));
  const mail = createMailNotifier({
    url: `smtp://127.0.0.1:${(server.server.address() as AddressInfo).port}`,
    ...{ from: 'banyan@example.com', to: ['everybody@example.com'] },
    ...{ system: 'photo-print', consoleUrl: 'http://127.0.0.1:8090' },
  });
  const errorOwners = { shop: 'ada@example.com', press: 'the press team', bad: 'a@b.c, eve@example.com' };
  const store = await startStore(t, url, { alertChannels: ['mail'], errorOwners });
  tell(t, store, { mail });
  for (const service of ['shop', 'press', 'bad'])
    await throwErrors(store, systemClock, { service, message: 'no\r\nBcc: eve@example.com\r\n\r\nbody' });
  await eventually(
    async () => mails.length,
    (count) => count === 3,
  );
  assert.deepEqual(
    mails.map(({ to }) => to),
    [['ada@example.com'], ['everybody@example.com'], ['everybody@example.com']],
  );
  for (const { source } of mails) {
    const [folded = '', ...body] = source.split('\r\n\r\n');
    const head = folded.replaceAll('\r\n ', ' ');
    assert.doesNotMatch(head, /^Bcc:/im);
    assert.match(head, /^Subject: \[photo-print\] new error in \w+: TypeError: no Bcc: eve@example\.com/m);
    assert.match(head, /^Message-ID: <[0-9a-f]{24}\.\d+\.1@banyan\.error>$/m);
    assert.match(
      body.join('\n\n').replaceAll('=\r\n', ''),
      /http:\/\/127\.0\.0\.1:8090\/errors\/[0-9a-f]{24}/,
    );
  }
});
