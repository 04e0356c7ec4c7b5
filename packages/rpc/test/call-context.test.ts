import assert from 'node:assert/strict';
import { test } from 'node:test';
import { contract, operation } from '@banyan/contract';
import { ServiceError, type TraceContext } from '@banyan/core';
import { createManualClock, type ManualClock } from '@banyan/core/testing';
import { createDeadlineWheel } from '@banyan/resilience';
import { type CallEnvironment, createCallContext, createLocalEndpoint, deriveCallContext } from '@banyan/rpc';
import { createMetrics, createTelemetry, readTelemetrySettings } from '@banyan/telemetry';
import { z } from 'zod';

/** An environment whose time a test moves; `timers` counts what would keep running. */
function createEnvironment(): CallEnvironment & Pick<ManualClock, 'timers' | 'advance'> {
  const clock = createManualClock();
  return {
    clock,
    wheel: createDeadlineWheel({ clock }),
    get timers() {
      return clock.timers;
    },
    advance: (ms) => clock.advance(ms),
  };
}

const caller = { service: 'web', user: { id: 'u', scopes: [] } };

test('a derived call keeps user and trace, and never outlives its parent', () => {
  const environment = createEnvironment();
  const root = createCallContext({ caller, timeoutMs: 1_000, idempotencyKey: 'k', environment });
  const child = deriveCallContext(root, { service: 'orders', timeoutMs: 5_000 });
  assert.deepEqual(child.caller, { service: 'orders', user: caller.user });
  assert.equal(child.deadlineMs, root.deadlineMs);
  assert.equal(child.idempotencyKey, undefined);
  assert.equal(child.trace.traceId, root.trace.traceId);
  assert.notEqual(child.trace.spanId, root.trace.spanId);
  assert.equal(
    deriveCallContext(root, { service: 'orders', timeoutMs: 10 }).deadlineMs,
    environment.clock.nowMs() + 10,
  );
});

test('the deadline aborts the signal with deadline_exceeded', () => {
  const environment = createEnvironment();
  const root = createCallContext({ caller, timeoutMs: 1_000, environment });
  const { signal } = deriveCallContext(root, { service: 'orders', timeoutMs: 100 });
  environment.advance(99);
  assert.equal(signal.aborted, false);
  environment.advance(11);
  assert.equal(signal.reason.code, 'deadline_exceeded');
  assert.equal(root.signal.aborted, false);
});

test('cancelling reaches every descendant, whatever follows it, and the first reason stays', () => {
  const environment = createEnvironment();
  const root = createCallContext({ caller, environment });
  const child = deriveCallContext(root, { service: 'a', timeoutMs: 100 });
  const grandchild = deriveCallContext(child, { service: 'b', timeoutMs: 100 });
  const heard: string[] = [];
  grandchild.onCancel({ cancel: (reason) => heard.push(`one ${reason.reason}`) });
  grandchild.onCancel({ cancel: (reason) => heard.push(`two ${reason.reason}`) });
  const { signal } = child;
  root.cancel(new ServiceError('x', { code: 'cancelled', reason: 'first' }));
  root.cancel(new ServiceError('x', { code: 'cancelled', reason: 'second' }));
  assert.deepEqual(heard, ['one first', 'two first']);
  assert.equal(signal.reason.reason, 'first');
  assert.equal(deriveCallContext(root, { service: 'c', timeoutMs: 100 }).signal.aborted, true);
  child.onCancel({ cancel: (reason) => heard.push(`late ${reason.reason}`) });
  assert.equal(heard.at(-1), 'late first');
});

test('cancelling a child leaves its parent and its siblings alone', () => {
  const root = createCallContext({ caller, environment: createEnvironment() });
  const child = deriveCallContext(root, { service: 'a', timeoutMs: 100 });
  const sibling = deriveCallContext(root, { service: 'a', timeoutMs: 100 });
  const signals = [root.signal, sibling.signal, child.signal];
  child.cancel();
  assert.deepEqual(
    signals.map((signal) => signal.aborted),
    [false, false, true],
  );
  assert.equal(child.cancelled?.reason, 'call_cancelled');
});

test('a context that nobody follows any more watches nothing', () => {
  const environment = createEnvironment();
  const root = createCallContext({ caller, environment });
  const target = { cancel() {} };
  for (let count = 0; count < 1_000; count += 1) {
    const child = deriveCallContext(root, { service: 'a', timeoutMs: 5_000 });
    child.onCancel(target);
    child.offCancel(target);
  }
  assert.equal(environment.wheel.size, 0);
  const child = deriveCallContext(root, { service: 'a', timeoutMs: 5_000 });
  const { signal } = child;
  child.end();
  root.cancel();
  environment.advance(10_000);
  assert.equal(signal.aborted, false);
  assert.equal(environment.timers, 0);
});

test('a signal of its own cancels a call, and is let go of with it', () => {
  const environment = createEnvironment();
  const root = createCallContext({ caller, environment });
  const controller = new AbortController();
  const derive = () => deriveCallContext(root, { service: 'a', timeoutMs: 100, signal: controller.signal });
  const over = derive();
  const overSignal = over.signal;
  over.end();
  const live = derive().signal;
  controller.abort(new Error('enough'));
  assert.equal(overSignal.aborted, false);
  assert.equal(live.reason.code, 'cancelled');
  assert.equal(live.reason.cause.message, 'enough');
  assert.equal(derive().signal.aborted, true);
});

test('work that nobody waits for has no deadline', () => {
  const environment = createEnvironment();
  const root = createCallContext({ caller, timeoutMs: Number.POSITIVE_INFINITY, environment });
  const { signal } = root;
  environment.advance(1_000_000_000);
  assert.equal(signal.aborted, false);
});

const orders = contract('orders', {
  version: '1.0.0',
  operations: { count: operation('GET /count', { input: z.object({}), output: z.object({}) }) },
});

for (const ratio of ['0', '1']) {
  test(`a call below a context without a trace is up to the sampler (ratio ${ratio}), and begins its trace`, async (t) => {
    const settings = readTelemetrySettings(
      {
        OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9',
        OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
        OTEL_TRACES_SAMPLER_ARG: ratio,
      },
      { development: false, runId: 'run' },
    );
    const metrics = createMetrics();
    const telemetry = createTelemetry({ settings, system: 's', instance: '1', pid: 1, metrics });
    t.after(() => telemetry.stop());
    const heard: TraceContext[] = [];
    const endpoint = createLocalEndpoint({
      contract: orders,
      handle: async (_operation, _input, { trace }) => {
        heard.push(trace);
        return {};
      },
      tracer: telemetry.tracer({ name: 'orders' }),
    });
    const [own, above] = [createCallContext({ caller }), createCallContext({ caller })];
    await endpoint.call('count', {}, own);
    await endpoint.call('count', {}, own);
    await endpoint.call('count', {}, deriveCallContext(above, { service: 'web', timeoutMs: 1_000 }));
    assert.deepEqual(
      heard.map(({ sampled }) => sampled),
      Array(3).fill(ratio === '1'),
    );
    assert.deepEqual(
      heard.map(({ traceId }) => traceId),
      [own, own, above].map(({ trace }) => trace.traceId),
    );
    own.end();
    above.end();
  });
}
