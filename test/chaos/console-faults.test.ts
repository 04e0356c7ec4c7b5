import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { createDatabase, findEmbeddedServer } from '@banyan/postgres';
import { eventually, lastFirst } from '@banyan/testing';
import { consoleOf, type RunningSystem, startSystem } from '../support/running-system.ts';
import { atTills, tillDirectory } from '../support/till-system.ts';

interface SignalState {
  readonly received: number;
  readonly stored: number;
  readonly shed: number;
  readonly waiting: number;
}

interface StoreState {
  readonly isWriting: boolean;
  readonly signals: { readonly spans: SignalState; readonly logs: SignalState };
}

interface TraceList {
  readonly traces: readonly { readonly traceId: string }[];
}

const environment = { CONSOLE_PORT: '0' };
const start = (t: TestContext) =>
  startSystem(t, { directory: tillDirectory, flags: ['--calm'], environment });

async function ask<Answer>(system: RunningSystem, path: string): Promise<Answer> {
  const answer = await fetch(`${consoleOf(system)}/api/${path}`);
  assert.equal(answer.status, 200, path);
  return (await answer.json()) as Answer;
}

/** Sells at four tills until it is ended; each sale must be accepted. @returns a function that ends it, with the number of sales */
function sellAllTheTime(t: TestContext, system: RunningSystem): () => Promise<number> {
  const tills = atTills(system.url);
  let isOver = false;
  // Before the system stops, which waits for whoever is served.
  lastFirst(t).after(async () => {
    isOver = true;
  });
  const sellers = ['a', 'b', 'c', 'd'].map(async (till) => {
    await tills.setTill(till, true);
    let number = 0;
    while (!isOver) {
      number += 1;
      await tills.sell(till, [5], number);
      // Load, and no more of it than the books can keep up with.
      await pause(25);
    }
    const expected = Array.from({ length: number }, (_, index) => index + 1);
    const booked = await eventually(
      () => tills.booked(till),
      (numbers) => numbers.length >= number,
      90_000,
    );
    assert.deepEqual(booked, expected, `till ${till}`);
    return number;
  });
  return async () => {
    isOver = true;
    return (await Promise.all(sellers)).reduce((sum, number) => sum + number, 0);
  };
}

/** Sales whose spans are found, of `count` that are sold now. */
async function expectSpansOf(system: RunningSystem, count: number): Promise<void> {
  const from = encodeURIComponent(new Date().toISOString());
  const tills = atTills(system.url);
  await tills.setTill('late', true);
  await tills.sell(
    'late',
    Array.from({ length: count }, () => 5),
  );
  const { traces } = await eventually(
    () => ask<TraceList>(system, `traces?operation=sales.sell&limit=1000&from=${from}`),
    (list) => list.traces.length >= count,
  );
  assert.equal(traces.length, count);
}

test('a console that is killed under load costs no request and no work, is back by itself, and takes what comes then', async (t) => {
  const system = await start(t);
  const end = sellAllTheTime(t, system);
  for (let kill = 0; kill < 3; kill += 1) {
    const pid = system.consolePid() ?? assert.fail('There is no process of the console.');
    const { signals } = await eventually(
      () => ask<StoreState>(system, 'store'),
      ({ signals: { spans } }) => spans.stored > 0,
    );
    assert.equal(signals.spans.shed, 0);
    process.kill(pid, 'SIGKILL');
    await eventually(
      async () => system.consolePid(),
      (now) => now !== undefined && now !== pid,
    );
    // It may not listen yet.
    await eventually(
      () => ask<StoreState>(system, 'store').catch(() => undefined),
      (state) => state !== undefined,
    );
  }
  assert.ok((await end()) > 0);
  assert.match(system.output(), /console ended by SIGKILL; starting again/);
  assert.match(system.output(), /console is back/);
  await expectSpansOf(system, 20);
});

test('tables of telemetry that nobody can write to cost no request and no work; what waits is written afterwards', async (t) => {
  const system = await start(t);
  const server = await findEmbeddedServer(`${system.dataFolder}/postgres`);
  const url = new URL(server?.adminUrl ?? assert.fail('There is no server.'));
  url.pathname = '/svc_banyan_telemetry';
  const database = createDatabase({ url: url.href });
  t.after(() => database.close());
  const held = Promise.withResolvers<void>();
  const locked = Promise.withResolvers<void>();
  // As for a server that hangs.
  const holding = database.tx(async ({ sql }) => {
    await sql`lock table telemetry.span_pages, telemetry.log_pages, telemetry.points in access exclusive mode`;
    locked.resolve();
    await held.promise;
  });
  await locked.promise;
  const end = sellAllTheTime(t, system);
  const full = await eventually(
    () => ask<StoreState>(system, 'store'),
    ({ signals: { spans } }) => spans.waiting > 1_000,
  );
  const { received, stored, shed, waiting } = full.signals.spans;
  assert.equal(received, stored + shed + waiting);
  const sales = await end();
  held.resolve();
  await holding;
  const { signals } = await eventually(
    () => ask<StoreState>(system, 'store'),
    // A trace of a sale has two spans at least.
    ({ signals: { spans } }) => spans.waiting === 0 && spans.received >= 2 * sales,
  );
  assert.equal(signals.spans.stored, signals.spans.received);
  await expectSpansOf(system, 20);
});

test('a database of telemetry whose connections end again and again costs no request and no work', async (t) => {
  const system = await start(t);
  const server = await findEmbeddedServer(`${system.dataFolder}/postgres`);
  const admin = createDatabase({ url: server?.adminUrl ?? assert.fail('There is no server.') });
  t.after(() => admin.close());
  const end = sellAllTheTime(t, system);
  for (let round = 0; round < 10; round += 1) {
    const before = (await eventually(
      () => ask<StoreState>(system, 'store').catch(() => undefined),
      (state) => state !== undefined,
    )) as StoreState;
    await admin.sql`select pg_terminate_backend(pid) from pg_stat_activity where datname = 'svc_banyan_telemetry'`;
    await eventually(
      () => ask<StoreState>(system, 'store').catch(() => undefined),
      (state) => (state?.signals.spans.stored ?? 0) > before.signals.spans.stored,
    );
  }
  assert.ok((await end()) > 0);
  const pid = system.consolePid();
  await expectSpansOf(system, 20);
  assert.equal(system.consolePid(), pid);
});
