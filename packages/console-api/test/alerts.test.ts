import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import {
  type AlertNotifier,
  createMailNotifier,
  createWebhookNotifier,
  tellAlerts,
} from '@banyan/console-api';
import { type Clock, silentLogger, systemClock } from '@banyan/core';
import { createManualClock, untilPasses } from '@banyan/core/testing';
import {
  type Alert,
  createTelemetryStore,
  type News,
  type Notice,
  type TelemetryStore,
} from '@banyan/telemetry-store';
import { createTestDatabase, eventually } from '@banyan/testing';
import { SMTPServer } from 'smtp-server';
import { failRequests } from './fixtures/fail-requests.ts';

interface Told {
  readonly state: string;
  readonly alert: Alert;
}

/** Answers with these, then with 200. */
async function startWebhook(t: TestContext, ...answers: number[]) {
  const told: Told[] = [];
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      told.push(JSON.parse(body) as Told);
      response.writeHead(answers.shift() ?? 200).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  return { told, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` };
}

/** A store, of which a whole hour can be let go by. */
async function startStore(t: TestContext, url: string, ahead: { ms: number }) {
  const clock: Clock = { nowMs: () => systemClock.nowMs() + ahead.ms, setTimer: systemClock.setTimer };
  const store = createTelemetryStore({
    ...{ url, clock, logger: silentLogger },
    alertChannels: ['webhook', 'mail'],
  });
  t.after(() => store.stop());
  await store.start();
  return { store, clock };
}

function telling(
  t: TestContext,
  store: TelemetryStore,
  notifiers: Readonly<Record<string, AlertNotifier>>,
  clock: Clock,
) {
  const end = tellAlerts({ store, notifiers, clock, logger: silentLogger });
  t.after(end);
  return end;
}

const silent: AlertNotifier = { notify: async () => {} };

test('an alert that nobody could be told of is told after a restart, and its end after its begin', async (t) => {
  const { url } = await createTestDatabase(t);
  const ahead = { ms: 0 };
  const first = await startStore(t, url, ahead);
  const away = await startWebhook(t, ...Array.from({ length: 1_000 }, () => 503));
  const notifiers = { webhook: createWebhookNotifier(away.url), mail: silent };
  const end = telling(t, first.store, notifiers, first.clock);
  await failRequests(first.store, first.clock);
  await eventually(
    async () => away.told.length,
    (count) => count >= 2,
  );
  await end();
  await first.store.removeObjective('shop');
  await first.store.stop();

  // Longer than any back-off.
  ahead.ms = 600_000;
  const second = await startStore(t, url, ahead);
  const webhook = await startWebhook(t, 500);
  telling(t, second.store, { webhook: createWebhookNotifier(webhook.url), mail: silent }, second.clock);
  // Two levels, of which one is refused at first.
  await eventually(
    async () => webhook.told.length,
    (count) => count === 5,
  );
  const states = (level: string) =>
    webhook.told.filter(({ alert }) => alert.level === level).map(({ state }) => state);
  assert.deepEqual(
    [states('page'), states('ticket')].toSorted((a, b) => a.length - b.length),
    [
      ['firing', 'ended'],
      ['firing', 'firing', 'ended'],
    ],
  );
});

/** Whatever the channel is to be told now. */
async function claimAll(store: TelemetryStore, channel: string): Promise<readonly Notice[]> {
  const notice = await store.claimNotice(channel);
  return notice === undefined ? [] : [notice, ...(await claimAll(store, channel))];
}

test('an alert is tried for a day, and then given up, also if nobody was there to try', async (t) => {
  const { url } = await createTestDatabase(t);
  const ahead = { ms: 0 };
  const { store, clock } = await startStore(t, url, ahead);
  await failRequests(store, clock);
  const notices = await claimAll(store, 'webhook');
  for (const notice of notices) await store.noticeFailed(notice);
  ahead.ms += 23 * 3_600_000;
  const again = await claimAll(store, 'webhook');
  assert.deepEqual(
    again.map(({ noticeId, attempts }) => [noticeId, attempts]),
    notices.map(({ noticeId }) => [noticeId, 1]),
  );
  ahead.ms += 2 * 3_600_000;
  assert.deepEqual(await claimAll(store, 'webhook'), []);
  assert.deepEqual(await claimAll(store, 'mail'), []);
});

test('consoles that share a store tell each alert once', async (t) => {
  const { url } = await createTestDatabase(t);
  const ahead = { ms: 0 };
  const { store, clock } = await startStore(t, url, ahead);
  const { store: other } = await startStore(t, url, ahead);
  await failRequests(store, clock);
  const claimed = await Promise.all([claimAll(store, 'mail'), claimAll(other, 'mail')]);
  assert.deepEqual(levelsOf(claimed.flat()), ['page', 'ticket']);
  // Whoever has claimed them is gone.
  ahead.ms += 120_000;
  assert.deepEqual(levelsOf(await claimAll(other, 'mail')), ['page', 'ticket']);
});

function levelsOf(notices: readonly Notice[]): readonly string[] {
  return notices.flatMap(({ news }) => (news.kind === 'alert' ? [news.alert.level] : [])).toSorted();
}

test('a notifier that never answers holds up neither the others nor the end', {
  timeout: 30_000,
}, async (t) => {
  const { url } = await createTestDatabase(t);
  const { store, clock } = await startStore(t, url, { ms: 0 });
  const signals: AbortSignal[] = [];
  const webhook: AlertNotifier = {
    notify: (_, signal) => {
      signals.push(signal);
      return new Promise(() => {});
    },
  };
  const mailed: News[] = [];
  const mail: AlertNotifier = { notify: async (news) => void mailed.push(news) };
  const end = tellAlerts({ store, notifiers: { webhook, mail }, clock, logger: silentLogger });
  await failRequests(store, clock);
  await untilPasses(async () => assert.equal(mailed.length, 2));
  await store.removeObjective('shop');
  await untilPasses(async () => assert.equal(mailed.length, 4));
  await end();
  assert.deepEqual(
    signals.map(({ aborted }) => aborted),
    [true],
  );
});

test('that the store cannot say whom to tell is said once, until it can again', async (t) => {
  const clock = createManualClock();
  const warnings: string[] = [];
  const logger = { ...silentLogger, warn: (message: string) => void warnings.push(message) };
  let isAway = true;
  const store = {
    async claimNotice() {
      if (isAway) throw new Error('away');
      return undefined;
    },
    async noticeTold() {},
    async noticeFailed() {},
  };
  t.after(tellAlerts({ store, notifiers: { mail: silent }, clock, logger }));
  await clock.advanceAndSettle(5_000);
  assert.equal(warnings.length, 1);
  isAway = false;
  await clock.advanceAndSettle(5_000);
  isAway = true;
  await clock.advanceAndSettle(5_000);
  assert.equal(warnings.length, 2);
});

for (const [when, talk] of [
  ['before it greets', () => {}],
  [
    'in the middle of a mail',
    (socket: Socket, said: string) => {
      if (said === '') socket.write('220 here\r\n');
      else if (!said.startsWith('MAIL')) socket.write('250 well\r\n');
    },
  ],
] as const) {
  test(`a mail server that hangs ${when} holds nothing up at the end: its connection is given up`, async (t) => {
    const accepted = Promise.withResolvers<Socket>();
    const hangs = Promise.withResolvers<void>();
    const server = createTcpServer((socket) => {
      accepted.resolve(socket);
      talk(socket, '');
      if (when === 'before it greets') hangs.resolve();
      socket
        .on('error', () => {})
        .on('data', (data) => {
          talk(socket, String(data));
          if (String(data).startsWith('MAIL')) hangs.resolve();
        });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    t.after(() => server.close());
    const mail = createMailNotifier({
      url: `smtp://127.0.0.1:${(server.address() as AddressInfo).port}`,
      ...{ from: 'banyan@example.com', to: ['ann@example.com'], system: 'shop', consoleUrl: 'http://a' },
    });
    const startedAt = '2026-11-22T05:00:00.000Z';
    const alert = {
      alertId: '1',
      objectiveId: 'shop',
      level: 'page',
      startedAt,
      summary: 'it burns',
    } as const;
    const stopping = new AbortController();
    const told = mail.notify({ kind: 'alert', alert }, stopping.signal);
    const socket = await accepted.promise;
    const closed = once(socket, 'close');
    await hangs.promise;
    stopping.abort();
    // Its own patience would end with another error.
    await assert.rejects(told, { name: 'AbortError' });
    await closed;
  });
}

interface Mail {
  readonly to: readonly string[];
  readonly source: string;
}

async function startMailServer(t: TestContext) {
  const mails: Mail[] = [];
  const logins: string[] = [];
  const server = new SMTPServer({
    disabledCommands: ['STARTTLS'],
    allowInsecureAuth: true,
    onAuth({ username, password }, _, done) {
      logins.push(`${username}:${password}`);
      done(null, { user: username });
    },
    onData(stream, { envelope }, done) {
      text(stream).then((source) => {
        mails.push({ to: envelope.rcptTo.map(({ address }) => address), source });
        done();
      }, done);
    },
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  t.after(() => new Promise<void>((resolve) => server.close(() => resolve())));
  return { mails, logins, port: (server.server.address() as AddressInfo).port };
}

test('an alert is mailed with what to do about it, and cannot add headers or receivers', async (t) => {
  const { url } = await createTestDatabase(t);
  const { store, clock } = await startStore(t, url, { ms: 0 });
  const server = await startMailServer(t);
  const mail = createMailNotifier({
    url: `smtp://banyan:secret@127.0.0.1:${server.port}`,
    from: 'banyan@example.com',
    to: ['ann@example.com', 'bob@example.com'],
    system: 'photo-print',
    consoleUrl: 'http://127.0.0.1:8090',
  });
  telling(t, store, { webhook: silent, mail }, clock);
  await failRequests(store, clock, 'shop.buy\r\nBcc: eve@example.com\r\n\r\n<b>new body</b>');
  await eventually(
    async () => server.mails.length,
    (count) => count === 2,
  );
  await store.removeObjective('shop');
  await eventually(
    async () => server.mails.length,
    (count) => count === 4,
  );
  assert.deepEqual([...new Set(server.logins)], ['banyan:secret']);
  for (const { to, source } of server.mails) {
    assert.deepEqual(to, ['ann@example.com', 'bob@example.com']);
    const [head = '', ...body] = source.split('\r\n\r\n');
    assert.doesNotMatch(head, /^Bcc:/im);
    assert.match(head, /^From: banyan@example\.com$/m);
    assert.match(head, /^Subject: \[photo-print\] (page|ticket|ended): shop\.buy Bcc: eve@example\.com/m);
    assert.match(head, /^Content-Type: text\/plain/m);
    assert.match(body.join('\n\n').replaceAll('=\r\n', ''), /http:\/\/127\.0\.0\.1:8090\/objectives/);
  }
  const heads = server.mails.map(({ source }) => source.split('\r\n\r\n')[0] ?? '');
  const idOf = (name: string, head: string) => new RegExp(`^${name}: (<.*>)`, 'm').exec(head)?.[1];
  const begun = heads.slice(0, 2).map((head) => idOf('Message-ID', head));
  const answered = heads.slice(2).map((head) => idOf('In-Reply-To', head));
  assert.deepEqual(answered.toSorted(), begun.toSorted());
});
