import type { Asker, TelemetryHandlers, telemetryApi } from '@banyan/console-api';
import type { OutputOf } from '@banyan/contract';
import { isServiceError } from '@banyan/core';
import { inTime, NoAnswer } from '../in-time.ts';

type Trace = OutputOf<(typeof telemetryApi)['operations']['getTrace']['output']>;

/** How a step was worked at, one way. */
export interface Worked {
  readonly attempts: number;
  /** From the begin of the first attempt to the end of the last, RFC 3339 UTC; undefined if the first one is not known any more. */
  readonly times: { readonly startedAt: string; readonly endedAt: string } | undefined;
}

/** Undefined where it was not worked at. */
export interface StepTimings {
  readonly forward: Worked | undefined;
  readonly compensate: Worked | undefined;
}

export type SagaTimings = (
  saga: { readonly id: string; readonly traceId: string | undefined },
  asker: Asker,
) => Promise<ReadonlyMap<string, StepTimings>>;

/** The saga is worth showing without its times. */
const patienceMs = 1_000;

/**
 * From the spans of each attempt: the tables of sagas keep no times. Nothing is known of what was not sampled, is too old or too much, or while telemetry does
 * not answer.
 */
export function createSagaTimings(getTrace: TelemetryHandlers['getTrace'] | undefined): SagaTimings {
  return async ({ id, traceId }, asker) => {
    if (getTrace === undefined || traceId === undefined) return new Map();
    try {
      return timingsIn(await inTime(getTrace({ traceId }, asker), patienceMs), id);
    } catch (error) {
      if (isServiceError(error) || error instanceof NoAnswer) return new Map();
      throw error;
    }
  };
}

function timingsIn(trace: Trace, id: string): ReadonlyMap<string, StepTimings> {
  // Which of its spans were read is chance.
  if (!trace.isWhole) return new Map();
  const spans = trace.spans.filter(({ attributes }) => attributes['banyan.saga.id'] === id);
  const steps = Map.groupBy(spans, ({ attributes }) => attributes['banyan.saga.step']);
  return new Map(
    [...steps].flatMap(([step, attempts]) => {
      if (typeof step !== 'string') return [];
      const ways = Map.groupBy(attempts, ({ attributes }) => attributes['banyan.saga.direction']);
      const [forward, compensate] = ['forward', 'compensate'].map((way) => workedIn(ways.get(way), trace));
      return [[step, { forward, compensate }] as const];
    }),
  );
}

function workedIn(spans: Trace['spans'] = [], { startedAt }: Trace): Worked | undefined {
  if (spans.length === 0) return undefined;
  const numbers = spans.map(({ attributes }) => Number(attributes['banyan.attempt'] ?? 1));
  const timeOf = (offsetUs: number) => new Date(Date.parse(startedAt) + offsetUs / 1_000).toISOString();
  const times = {
    startedAt: timeOf(Math.min(...spans.map(({ offsetUs }) => offsetUs))),
    endedAt: timeOf(Math.max(...spans.map(({ offsetUs, durationUs }) => offsetUs + durationUs))),
  };
  // An operator's retry begins to count anew.
  return {
    attempts: Math.max(spans.length, ...numbers),
    times: numbers.includes(1) ? times : undefined,
  };
}
