import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { service } from '@banyan/chassis';
import { type Logger, ServiceError, silentLogger } from '@banyan/core';
import { createManualClock, untilPasses } from '@banyan/core/testing';
import { createTrafficAdmin } from '@banyan/gateway';
import { createMetrics } from '@banyan/telemetry';
import { startTestSystem } from '@banyan/testing';
// A pure function with many cases; through the door it would need as many requests. And a window of time with a clock of its own.
import { breaks, RecentCalls } from '../../src/versions/recent-calls.ts';
import { cameras, camerasTwo, one } from '../support/cameras.ts';
import { versionAt, withinFiveSeconds } from '../support/traffic.ts';
import { fails, hangs, isBack, reason, runVersions, stuck, works } from '../support/two-versions.ts';

/** How the second version behaves from now on. */
interface Second {
  answer: () => Promise<void>;
}

interface CamerasOptions {
  readonly gateways?: number;
  /** Those that run. */
  readonly versions?: readonly string[];
  readonly logger?: Logger;
}

/** Both versions on hosts of their own, the second one as `second` says. */
async function startCameras(
  t: TestContext,
  second: Second,
  { gateways = 1, versions = ['cameras', 'cameras-v2'], logger = silentLogger }: CamerasOptions = {},
) {
  const two = service(camerasTwo, {
    name: 'cameras-v2',
    operations: {
      async getCamera({ cameraId }) {
        await second.answer();
        return { cameraId };
      },
      addCamera: async () => ({ cameraId: 'new' }),
      listLenses: async () => ({ lenses: 3 }),
    },
  });
  const metrics = createMetrics();
  const running = await startTestSystem(
    t,
    { ...cameras, services: [one, two] },
    {
      placement: [...Array.from({ length: gateways }, () => ['gateway']), ...versions.map((name) => [name])],
      harsh: false,
      logger,
      metrics,
    },
  );
  const admin = createTrafficAdmin({ documents: running.documents, routes: cameras.gateway?.routes ?? [] });
  return { running, admin, metrics, urls: running.publicUrls.map((url) => `${url}/cameras/7`) };
}

/** Asks until told to stop, whatever the answers are. */
function load(t: TestContext, urls: readonly string[]) {
  const leaving = new AbortController();
  const client = async (url: string) => {
    while (!leaving.signal.aborted) {
      const response = await fetch(url, { signal: leaving.signal }).catch(() => undefined);
      await response?.arrayBuffer().catch(() => undefined);
    }
  };
  const clients = Promise.all(urls.flatMap((url) => [client(url), client(url)]));
  const end = async () => {
    leaving.abort();
    await clients;
  };
  t.after(end);
  return { end };
}

function linesOf(lines: Record<string, unknown>[]): Logger {
  const logger: Logger = {
    ...silentLogger,
    error: (message, fields) => void lines.push({ message, ...fields }),
    with: () => logger,
  };
  return logger;
}

test('a version that begins to fail is left within five seconds, stays up, and nothing restarts', async (t) => {
  let answered = 0;
  const second: Second = {
    answer: async () => {
      answered += 1;
    },
  };
  const lines: Record<string, unknown>[] = [];
  const { admin, metrics, urls } = await startCameras(t, second, { logger: linesOf(lines) });
  const [url = ''] = urls;
  await admin.link('cameras', '2', { ...reason, watch: { back: '1', target: 0.99 } });
  assert.equal(await versionAt(url), '2.0.0');
  const running = load(t, urls);
  await untilPasses(() => assert.ok(answered > 200));
  assert.equal((await admin.rules()).rules.services['cameras']?.current, '2');
  second.answer = fails;
  await withinFiveSeconds('back at 1', () => isBack(admin, url));
  await running.end();
  second.answer = works;
  // The circuit to it closes in its own time.
  await untilPasses(async () => assert.equal(await versionAt(url, { 'api-version': '2' }), '2.0.0'));
  assert.deepEqual((await admin.rules()).rules.services['cameras'], { current: '1' });
  const [{ by, why } = { by: '', why: '' }] = await admin.history();
  assert.equal(by, 'gateway');
  assert.match(why, /^\d+ of \d+ calls to 2 within 5 s failed; promised are 99 % good ones$/);
  const [line] = lines.filter(({ message }) => message === 'a version broke its promise; requests went back');
  assert.deepEqual([line?.['of'], line?.['back'], line?.['rules'], line?.['why']], ['cameras', '1', 2, why]);
  assert.match(metrics.render(), /^banyan_gateway_version_returns_total\{service="cameras"\} 1$/m);
});

test('a version that hangs is left before a single call to it has ended', async (t) => {
  const second: Second = { answer: hangs };
  const { admin, urls } = await startCameras(t, second);
  const [url = ''] = urls;
  await admin.link('cameras', '2', { ...reason, watch: { back: '1', target: 0.99, withinMs: 300 } });
  const hanging = load(t, [url, url, url]);
  await withinFiveSeconds('back at 1', () => isBack(admin, url));
  await hanging.end();
  const [{ why } = { why: '' }] = await admin.history();
  assert.match(why, /calls to 2 within 5 s failed or took longer than 300 ms/);
});

test('all gateways leave it, and one of them says so', async (t) => {
  const { admin, urls, metrics } = await startCameras(t, { answer: fails }, { gateways: 2 });
  const running = load(t, urls);
  await admin.link('cameras', '2', { ...reason, watch: { back: '1', target: 0.9 } });
  for (const url of urls) await withinFiveSeconds(url, () => isBack(admin, url));
  await running.end();
  assert.equal((await admin.history()).length, 2);
  assert.match(metrics.render(), /^banyan_gateway_version_returns_total\{service="cameras"\} 1$/m);
});

test('a canary that fails loses its share, and matches stay', async (t) => {
  const { admin, url, ask } = await runVersions(t, fails);
  const weights = [
    { version: '1', weight: 1 },
    { version: '1', label: 'canary', weight: 1 },
  ];
  const matches = [{ header: { name: 'x-beta', value: 'yes' }, to: { version: '2' } }];
  await admin.set('cameras', { weights, matches, watch: { back: '1', target: 0.99 } }, reason);
  await ask(30);
  await withinFiveSeconds('back at 1', () => isBack(admin, url));
  assert.deepEqual((await admin.rules()).rules.services['cameras'], { current: '1', matches });
});

test('refusals are no failures, and few failures among many calls are within the promise', async (t) => {
  const clock = createManualClock();
  let asked = 0;
  const { admin, ask } = await runVersions(
    t,
    async () => {
      asked += 1;
      if (asked % 40 === 0) throw new Error('once in a while');
      throw new ServiceError('no such camera', { code: 'not_found', reason: 'cameraNotFound' });
    },
    { clock },
  );
  await admin.link('cameras', '2', { ...reason, watch: { back: '1', target: 0.99 } });
  await ask(120);
  assert.equal(asked, 120);
  // Two looks.
  await clock.advanceAndSettle(1_000);
  assert.equal((await admin.rules()).version, 1);
});

test('a version that fails is not left for one of which nothing runs', async (t) => {
  const lines: Record<string, unknown>[] = [];
  const { admin, urls } = await startCameras(
    t,
    { answer: fails },
    { versions: ['cameras-v2'], logger: linesOf(lines) },
  );
  await admin.link('cameras', '2', { ...reason, watch: { back: '1', target: 0.99 } });
  const running = load(t, urls);
  await untilPasses(() => assert.ok(lines.some(({ message }) => message === stuck)));
  await running.end();
  assert.equal((await admin.rules()).rules.services['cameras']?.current, '2');
});

test('a watch that leads nowhere else, or promises nothing, is refused', async (t) => {
  const { admin } = await runVersions(t, works);
  for (const [watch, why] of [
    [{ back: '2', target: 0.9 }, /watch\.back is another version/],
    [{ back: '2.0.0', target: 0.9 }, /watch\.back is another version/],
    [{ back: '3', target: 0.9 }, /'cameras' 3 is not exposed/],
    [{ back: '1', target: 1 }, /watch\.target is a share above 0 and below 1/],
    [{ back: '1' }, /watch\.target is a share/],
    [{ back: '1', target: 0.9, withinMs: 0 }, /watch\.withinMs is a time/],
    [{ back: '1', target: 0.9, forS: 3 }, /watch\.forS is unknown/],
  ] as const) {
    await assert.rejects(admin.link('cameras', '2', { ...reason, watch: watch as never }), {
      reason: 'invalid_traffic_rules',
      message: why,
    });
  }
});

test('few calls need a clear failure, many show a small one', () => {
  for (const [bad, total, target, expected] of [
    [0, 0, 0.99, false],
    [0, 1_000, 0.99, false],
    // 0.01³ is one in a million, and not less.
    [3, 3, 0.99, false],
    [4, 4, 0.99, true],
    [1, 20, 0.99, false],
    // Half of eight: at most one in 400,000 by the bound; half of ten: one in ten million.
    [4, 8, 0.99, false],
    [5, 10, 0.99, true],
    // 1 % is what is allowed: of 10,000 that is 100, with a standard deviation of 10.
    [130, 10_000, 0.99, false],
    [160, 10_000, 0.99, true],
    [100, 100, 0.5, true],
    [50, 100, 0.5, false],
  ] as const) {
    assert.deepEqual([bad, total, breaks({ bad, total }, target)], [bad, total, expected]);
  }
});

test('calls count for five seconds; one that hangs counts as soon as it takes too long, unless its time is the client’s', async () => {
  let nowMs = 0;
  const calls = new RecentCalls({ withinMs: 300 }, () => nowMs);
  await assert.rejects(calls.run(fails, true));
  await calls.run(works, true);
  void calls.run(hangs, true);
  void calls.run(hangs, false);
  nowMs = 300;
  assert.deepEqual(calls.showing(), { total: 2, bad: 1 });
  nowMs = 301;
  assert.deepEqual(calls.showing(), { total: 3, bad: 2 });
  nowMs = 4_999;
  assert.deepEqual(calls.showing(), { total: 3, bad: 2 });
  nowMs = 5_000;
  assert.deepEqual(calls.showing(), { total: 1, bad: 1 });
});
