import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type BackgroundContext, service, system } from '@banyan/chassis';
import { contract, event, histogram, operation } from '@banyan/contract';
import { createLogger, createMetrics } from '@banyan/telemetry';
import { startOtlpReceiver } from '@banyan/test-support/otlp-receiver';
import { createTestTelemetry } from '@banyan/test-support/test-telemetry';
import { startTestSystem, until } from '@banyan/testing';
import { z } from 'zod';

const Tick = z.object({ tickId: z.string() });
const clockwork = contract('clockwork', {
  version: '1.0.0',
  operations: {
    ticks: operation('GET /ticks', { input: z.object({}), output: z.object({ heard: z.array(z.string()) }) }),
  },
  events: { ticked: event('Ticked', { data: Tick, key: 'tickId' }) },
  metrics: { late: histogram('How late a tick is.', { unit: 'seconds' }) },
});

type Task = (context: BackgroundContext<typeof clockwork, Record<never, never>, unknown>) => Promise<void>;

function systemOf(background: Readonly<Record<string, Task>>, heard: string[] = []) {
  const clockworkService = service(clockwork, {
    background,
    operations: { ticks: async () => ({ heard }) },
    on: {
      'clockwork.ticked': async ({ tickId }, { sql }) => {
        await sql`select 1`;
        heard.push(tickId);
      },
    },
  });
  return system('background', { services: [clockworkService] });
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

test('a background task runs while the service does, with its database and its events', async (t) => {
  const heard: string[] = [];
  let ended = false;
  const tick: Task = async ({ sql, tx, signal }) => {
    await tx(async ({ emit }) => emit('ticked', { tickId: 'first' }));
    await untilAborted(signal);
    // The service still works for a task that ends its work.
    await sql`select 1`;
    ended = true;
  };
  const running = await startTestSystem(t, systemOf({ tick }, heard));
  await until(() => heard.includes('first'), 'the event of the task');
  assert.equal(ended, false);
  await running.stop();
  assert.equal(ended, true);
});

test('a background task that rejects is started again, one that resolves is done', async (t) => {
  let failing = 0;
  let done = 0;
  const tasks: Record<string, Task> = {
    async failing({ signal }) {
      failing += 1;
      if (failing === 1) throw new Error('first');
      await untilAborted(signal);
    },
    async done() {
      done += 1;
    },
  };
  await startTestSystem(t, systemOf(tasks));
  await until(() => failing === 2, 'the second start');
  assert.equal(done, 1);
});

test('what a background task measures is on the page of its process', async (t) => {
  const metrics = createMetrics();
  const tick: Task = async ({ processMetrics: own, caller }) => {
    own
      .counter({ name: 'ticks_total', help: 'Ticks.', labels: ['service'] })
      .labels(caller.service)
      .inc();
  };
  await startTestSystem(t, systemOf({ tick }), { metrics });
  await until(() => metrics.render().includes('ticks_total{service="clockwork"} 1'), 'the measured tick');
});

test('what a background task measures and logs names no trace: it has none of its own', async (t) => {
  const metrics = createMetrics();
  const lines: string[] = [];
  const logger = createLogger({ sink: (line) => lines.push(line), level: 'info', format: 'json' });
  const tick: Task = async ({ metrics: { late }, log }) => {
    late.observe(1);
    log.info('ticked');
  };
  const receiver = await startOtlpReceiver(t);
  const { telemetry, stop } = createTestTelemetry('background', receiver.url);
  const running = await startTestSystem(t, systemOf({ tick }), { metrics, logger, telemetry });
  await until(() => lines.some((line) => line.includes('ticked')), 'the line of the task');
  await running.stop();
  await stop();
  const page = metrics.render('openmetrics');
  assert.match(page, /^clockwork_late_seconds_count\{service="clockwork"\} 1$/m);
  assert.doesNotMatch(page, /trace_id/);
  const [line = ''] = lines.filter((each) => each.includes('ticked'));
  assert.equal(JSON.parse(line).traceId, undefined);
});

test('each transaction of a background task begins a trace, which goes on in those that hear of it', async (t) => {
  const heard: string[] = [];
  const tick: Task = async ({ tx }) => {
    for (const tickId of ['first', 'second']) await tx(async ({ emit }) => emit('ticked', { tickId }));
  };
  const receiver = await startOtlpReceiver(t);
  const { telemetry, stop } = createTestTelemetry('background', receiver.url);
  const running = await startTestSystem(t, systemOf({ tick }, heard), { telemetry, harsh: false });
  await until(() => heard.includes('second'), 'the events of the task');
  await running.stop();
  await stop();
  const traces = Map.groupBy(receiver.spans, ({ traceId }) => traceId);
  assert.equal(traces.size, 2);
  for (const spans of traces.values()) {
    const [root] = spans.filter(({ parentSpanId }) => parentSpanId === undefined);
    const [told] = spans.filter(({ name }) => name === 'publish clockwork.ticked');
    const [handled] = spans.filter(({ name }) => name === 'process clockwork.ticked');
    assert.equal(root?.name, 'background tick');
    assert.equal(told?.parentSpanId, root?.spanId);
    assert.equal(handled?.parentSpanId, told?.spanId);
  }
});
