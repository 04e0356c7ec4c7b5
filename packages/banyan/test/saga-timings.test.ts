import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TelemetryHandlers } from '@banyan/console-api';
// Only traces of sagas that failed for minutes, or a store that hangs, would show it from outside.
import { stepsUnderWay } from '../src/console/saga-operations.ts';
import { createSagaTimings } from '../src/console/saga-timings.ts';

type Trace = Awaited<ReturnType<TelemetryHandlers['getTrace']>>;

const saga = { id: 'saga-1', traceId: '1'.repeat(32) };
const asker = { by: 'ann', signal: new AbortController().signal };

/** A trace with these attempts at the step `pay`, one second after the other, of which each took 10 ms. */
function traceOf(attempts: readonly number[], isWhole = true): Trace {
  return {
    ...{
      traceId: saga.traceId,
      service: 'orders',
      operation: 'place',
      startedAt: '2026-01-01T00:00:00.000Z',
    },
    ...{ durationUs: 0, errors: 0, services: [], resources: {}, criticalPath: [], selfTimes: [] },
    isWhole,
    spans: attempts.map((attempt, index) => ({
      ...{ spanId: String(index), service: 'orders', name: 'step place.pay' },
      kind: 'internal',
      ...{ offsetUs: index * 1_000_000, durationUs: 10_000, selfUs: 0, depth: 0, isError: false },
      attributes: {
        'banyan.saga.id': saga.id,
        'banyan.saga.step': 'pay',
        'banyan.saga.direction': 'forward',
        'banyan.attempt': attempt,
      },
      events: [],
      links: [],
    })),
  };
}

const timingsOf = async (trace: Trace) =>
  (await createSagaTimings(async () => trace)(saga, asker)).get('pay');

test('a step was tried as often as the last span says, and nobody tells when it began if the first one is gone', async () => {
  const times = { startedAt: '2026-01-01T00:00:00.000Z', endedAt: '2026-01-01T00:00:01.010Z' };
  assert.deepEqual((await timingsOf(traceOf([1, 2])))?.forward, { attempts: 2, times });
  assert.deepEqual((await timingsOf(traceOf([7])))?.forward, { attempts: 7, times: undefined });
  // An operator had it tried again, which counts anew.
  assert.deepEqual((await timingsOf(traceOf([1, 1])))?.forward, { attempts: 2, times });
});

test('a step whose service does not answer is shown before the saga has a record of it', async () => {
  const timings = await createSagaTimings(async () => traceOf([1, 2, 3]))(saga, asker);
  const times = { startedAt: '2026-01-01T00:00:00.000Z', endedAt: '2026-01-01T00:00:02.010Z' };
  assert.deepEqual(stepsUnderWay(['verify'], timings), [
    { name: 'pay', state: 'trying', isCompensation: false, attempts: 3, ...times },
  ]);
  assert.deepEqual(stepsUnderWay(['verify', 'pay'], timings), []);
});

test('nothing is said of a trace of which only a part was read', async () => {
  assert.equal(await timingsOf(traceOf([1, 2], false)), undefined);
});

test('a saga is shown without times while telemetry does not answer', { timeout: 10_000 }, async () => {
  const timings = createSagaTimings(() => new Promise(() => {}));
  assert.equal((await timings(saga, asker)).size, 0);
});
