import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CallContext, isServiceError, ServiceError } from '@banyan/core';
import { until, untilPasses } from '@banyan/core/testing';
import { createCallContext } from '../call-context.ts';
import { type Bench, untilAborted } from './bench.ts';

/** What travels with a call, and what ends it. */
export function describeContext(bench: Bench): void {
  test('caller, end user and idempotency key arrive', async () => {
    const contexts: CallContext[] = [];
    const caller = await bench.open(async (_, __, context) => {
      contexts.push(context);
      return { done: true };
    });
    const user = { id: 'alice "ü" 🙂', scopes: ['a:b', 'c'] };
    await caller.call('act', {}, { user, idempotencyKey: 'key 1/~' });
    await caller.call('act', {}, { user: { id: 'bob', scopes: [] } });
    await caller.call('act', {});
    assert.deepEqual(
      contexts.map((context) => [context.caller, context.idempotencyKey]),
      [
        [{ service: 'tester', user }, 'key 1/~'],
        [{ service: 'tester', user: { id: 'bob', scopes: [] } }, undefined],
        [{ service: 'tester' }, undefined],
      ],
    );
  });

  test('an idempotency key that could not travel is refused', async () => {
    const caller = await bench.open(async () => ({ done: true }));
    for (const idempotencyKey of ['', 'x'.repeat(256), 'ü', 'a\nb', ' a']) {
      await assert.rejects(async () => caller.call('act', {}, { idempotencyKey }), {
        reason: 'invalid_idempotency_key',
      });
    }
  });

  test('the callee works in the trace of its caller, in a span of its own', async () => {
    const contexts: CallContext[] = [];
    const caller = await bench.open(async (_, __, context) => {
      contexts.push(context);
      return { done: true };
    });
    const parent = createCallContext({ caller: { service: 'root' } });
    await Promise.all([caller.call('act', {}, { parent }), caller.call('act', {}, { parent })]);
    const spans = new Set([parent.trace.spanId, ...contexts.map((context) => context.trace.spanId)]);
    assert.equal(spans.size, 3);
    for (const { trace } of contexts) {
      assert.equal(trace.traceId, parent.trace.traceId);
      assert.equal(trace.sampled, parent.trace.sampled);
    }
  });

  test('the callee knows how much time is left', async () => {
    const deadlines: number[] = [];
    const caller = await bench.open(async (_, __, context) => {
      deadlines.push(context.deadlineMs);
      return { done: true };
    });
    const before = Date.now();
    await caller.call('act', {}, { timeoutMs: 3_000 });
    const parent = createCallContext({ caller: { service: 'root' }, timeoutMs: 2_000 });
    await caller.call('act', {}, { parent, timeoutMs: 9_000 });
    await caller.call(
      'act',
      {},
      { parent: createCallContext({ caller: { service: 'root' }, timeoutMs: 1e9 }), timeoutMs: 1e9 },
    );
    const after = Date.now();
    for (const [index, mostMs] of [3_000, 2_000, 10_000].entries()) {
      const deadlineMs = deadlines[index] ?? 0;
      assert.ok(
        deadlineMs > before + mostMs - 1_000 && deadlineMs <= after + mostMs + 5,
        `${deadlineMs - before} ms`,
      );
    }
  });

  test('a handler that never settles is answered for when the deadline passes, and learns of it', async () => {
    const signals: AbortSignal[] = [];
    const caller = await bench.open((_, __, { signal }) => {
      signals.push(signal);
      return new Promise(() => {});
    });
    // A call whose time is up before it arrives is not begun; on a machine that stalls it is made again.
    while (signals.length === 0) {
      const before = Date.now();
      await assert.rejects(caller.call('act', {}, { timeoutMs: 500 }), {
        code: 'deadline_exceeded',
        reason: 'deadline_passed',
      });
      const tookMs = Date.now() - before;
      assert.ok(tookMs >= 490, `${tookMs} ms`);
    }
    await until(() => signals[0]?.aborted === true, 'the handler learns of its deadline');
    // Over a network the caller's own giving up may arrive first.
    const reason: unknown = signals[0]?.reason;
    assert.ok(isServiceError(reason) && ['deadline_exceeded', 'cancelled'].includes(reason.code));
  });

  test('a call whose time is up is not made', async () => {
    const caller = await bench.open(() => assert.fail('the handler must not run'));
    const parent = createCallContext({ caller: { service: 'root' }, deadlineMs: Date.now() - 1 });
    await assert.rejects(caller.call('act', {}, { parent }), { code: 'deadline_exceeded' });
  });

  test('cancelling reaches the caller at once and the handler soon', async () => {
    const started: AbortSignal[] = [];
    const caller = await bench.open(async (_, __, { signal }) => {
      started.push(signal);
      return untilAborted(signal);
    });
    const controller = new AbortController();
    const answer = caller.call('act', {}, { signal: controller.signal });
    await until(() => started.length === 1, 'the handler starts');
    controller.abort();
    await assert.rejects(answer, { code: 'cancelled', reason: 'call_cancelled' });
    await until(() => started[0]?.aborted === true, 'the handler learns of it');
  });

  test('cancelling the work cancels every call that it made', async () => {
    const started: AbortSignal[] = [];
    const caller = await bench.open(async (_, __, { signal }) => {
      started.push(signal);
      return untilAborted(signal);
    });
    const parent = createCallContext({ caller: { service: 'root' } });
    const answers = [1, 2, 3].map(() => caller.call('act', {}, { parent }));
    await until(() => started.length === 3, 'the handlers start');
    const reason = new ServiceError('The client left.', { code: 'cancelled', reason: 'client_left' });
    parent.cancel(reason);
    for (const answer of answers) await assert.rejects(answer, { reason: 'client_left' });
    await until(() => started.every((signal) => signal.aborted), 'the handlers learn of it');
    await assert.rejects(caller.call('act', {}, { parent }), { reason: 'client_left' });
  });

  test('a call that has been answered leaves its signal alone', async () => {
    const signals: AbortSignal[] = [];
    const caller = await bench.open(async (_, __, { signal }) => {
      signals.push(signal);
      return { done: true };
    });
    const controller = new AbortController();
    const timeoutMs = 200;
    // A machine that stalls for longer has no answer in time, and is asked again.
    await untilPasses(() => caller.call('act', {}, { timeoutMs, signal: controller.signal }));
    const answered = signals.at(-1);
    controller.abort();
    await new Promise((resolve) => setTimeout(resolve, timeoutMs + 100));
    assert.equal(answered?.aborted, false);
  });

  test('a plain object is context enough', async () => {
    const contexts: CallContext[] = [];
    const { endpoint } = await bench.open(async (_, __, context) => {
      contexts.push(context);
      return untilAborted(context.signal);
    });
    const controller = new AbortController();
    const trace = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', sampled: true };
    const context: CallContext = {
      trace,
      caller: { service: 'tester' },
      deadlineMs: Date.now() + 5_000,
      signal: controller.signal,
      idempotencyKey: undefined,
    };
    const answer = endpoint.call('act', {}, context);
    await until(() => contexts.length === 1, 'the handler starts');
    assert.equal(contexts[0]?.trace.traceId, trace.traceId);
    controller.abort(new Error('enough'));
    await assert.rejects(answer, { code: 'cancelled' });
    await until(() => contexts[0]?.signal.aborted === true, 'the handler learns of it');
  });
}
