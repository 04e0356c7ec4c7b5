import type { EndedSaga, StepAttempt, StepIdentity, WatchedStep } from '@banyan/saga';
import {
  endRejected,
  formatTraceparent,
  parseTraceparent,
  type SpanType,
  type Tracer,
} from '@banyan/telemetry';

/** The spans of the sagas and durable functions of one service. */
export interface SagaSpans {
  step(identity: StepIdentity, attempt: StepAttempt): WatchedStep;
  /** The whole run, sent when it is over: its steps have named it as their parent long before. */
  ended(saga: EndedSaga): void;
}

export function createSagaSpans(tracer: Tracer): SagaSpans {
  const runs = new Map<string, SpanType>();
  const steps = new Map<string, SpanType>();
  return {
    step(identity, { isWayBack, attempt }) {
      const { saga, sagaId, step } = identity;
      const direction = isWayBack ? 'compensate' : 'forward';
      const type = remembered(steps, `${direction} ${saga}.${step}`, () => stepType(saga, step, direction));
      const span = tracer.start(type, parseTraceparent(runTraceparent(identity)));
      span.set('banyan.saga.id', sagaId);
      span.set('banyan.attempt', attempt);
      return {
        identity: { ...identity, traceparent: formatTraceparent(span) },
        within: (work) => tracer.within(span, work),
        ended: () => span.end(),
        undone() {
          span.set('banyan.undone', true);
          span.end();
        },
        failed: (error) => endRejected(span, error),
      };
    },
    ended({ row, status, state }) {
      const { id: sagaId, name, version, traceparent, startedAtMs } = row;
      const cause = parseTraceparent(traceparent);
      const self = parseTraceparent(runTraceparent({ sagaId, traceparent }));
      if (cause === undefined || self === undefined) return;
      const type = remembered(runs, `${name}@${version}`, () => runType(name, version));
      const span = tracer.adopt(type, self, {
        parentSpanId: cause.spanId,
        ...(startedAtMs === undefined ? undefined : { startedAtMs }),
      });
      span.set('banyan.saga.id', sagaId);
      span.set('banyan.saga.status', status);
      if (status === 'stuck' || status === 'failed') span.failAs(state.failure?.error?.reason ?? status);
      span.end();
    },
  };
}

/** The context of the run itself: the trace of its starter, and a span id that any worker makes of the saga's id. */
function runTraceparent({
  sagaId,
  traceparent,
}: Pick<StepIdentity, 'sagaId' | 'traceparent'>): string | undefined {
  if (traceparent === undefined) return undefined;
  // The last half of a UUID holds its variant and 62 random bits, or a hash: never all zero.
  const spanId = sagaId.replaceAll('-', '').slice(-16);
  return `${traceparent.slice(0, 36)}${spanId}${traceparent.slice(52)}`;
}

function stepType(saga: string, step: string, direction: string): SpanType {
  const attributes = {
    'banyan.saga.name': saga,
    'banyan.saga.step': step,
    'banyan.saga.direction': direction,
  };
  return { name: `step ${saga}.${step}`, kind: 'internal', attributes };
}

function runType(name: string, version: number): SpanType {
  const attributes = { 'banyan.saga.name': name, 'banyan.saga.version': version };
  return { name: `saga ${name}`, kind: 'internal', attributes };
}

/** Names of steps come from definitions; those of durable functions are what code says, and may be without end. */
const maxTypes = 1_000;

function remembered(types: Map<string, SpanType>, key: string, create: () => SpanType): SpanType {
  let type = types.get(key);
  if (type === undefined) {
    type = create();
    if (types.size < maxTypes) types.set(key, type);
  }
  return type;
}
