import type { Asker, TelemetryHandlers, telemetryApi } from '@banyan/console-api';
import type { OutputOf } from '@banyan/contract';
import { isServiceError } from '@banyan/core';

type Trace = OutputOf<(typeof telemetryApi)['operations']['getTrace']['output']>;

/** When a step was worked at, one way: from the begin of the first attempt to the end of the last. */
export interface Worked {
  /** RFC 3339 UTC. */
  readonly startedAt: string;
  readonly endedAt: string;
  readonly attempts: number;
}

export interface StepTimings {
  readonly forward?: Worked;
  readonly compensate?: Worked;
}

export type SagaTimings = (
  saga: { readonly id: string; readonly traceId: string | undefined },
  asker: Asker,
) => Promise<ReadonlyMap<string, StepTimings>>;

/** From the spans of each attempt: the tables of sagas keep no times. Nothing is known of what was not sampled, or is too old. */
export function createSagaTimings(getTrace: TelemetryHandlers['getTrace'] | undefined): SagaTimings {
  return async ({ id, traceId }, asker) => {
    if (getTrace === undefined || traceId === undefined) return new Map();
    try {
      return timingsIn(await getTrace({ traceId }, asker), id);
    } catch (error) {
      if (isServiceError(error)) return new Map();
      throw error;
    }
  };
}

function timingsIn(trace: Trace, id: string): ReadonlyMap<string, StepTimings> {
  const startedAtUs = Date.parse(trace.startedAt) * 1_000;
  const found = new Map<string, StepTimings>();
  for (const { attributes, offsetUs, durationUs } of trace.spans) {
    const { 'banyan.saga.step': step, 'banyan.saga.direction': direction } = attributes;
    if (attributes['banyan.saga.id'] !== id || typeof step !== 'string') continue;
    const way = direction === 'compensate' ? 'compensate' : 'forward';
    const begin = startedAtUs + offsetUs;
    const known = found.get(step);
    const attempt = { startedAt: timeOf(begin), endedAt: timeOf(begin + durationUs), attempts: 1 };
    found.set(step, { ...known, [way]: joined(known?.[way], attempt) });
  }
  return found;
}

function joined(known: Worked | undefined, more: Worked): Worked {
  if (known === undefined) return more;
  return {
    startedAt: known.startedAt < more.startedAt ? known.startedAt : more.startedAt,
    endedAt: known.endedAt > more.endedAt ? known.endedAt : more.endedAt,
    attempts: known.attempts + 1,
  };
}

function timeOf(us: number): string {
  return new Date(us / 1_000).toISOString();
}
