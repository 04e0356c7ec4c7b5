import type { CausedTransactionOptions, TraceContext } from '@banyan/core';
import { endRejected, parseTraceparent, type Span, type SpanType, type Tracer } from '@banyan/telemetry';

/** As {@link CausedTransactionOptions} tell them. */
export interface Causes {
  readonly causes: CausedTransactionOptions['causes'] | undefined;
  readonly foreignCauses: CausedTransactionOptions['foreignCauses'] | undefined;
}

/** The spans of one piece of work that several traces have caused. */
export interface CausedSpans {
  /** What the work itself is part of. */
  readonly own: Span;
  end(): void;
  endRejected(error: unknown): void;
}

/** As many links as a span keeps. */
const maxCauses = 32;

/**
 * Begins `type` as part of the trace that caused it. If there are several, it begins a trace of its own and links to them, and each of them has a span
 * of the same name that links to it: whoever looks at one finds the others. Foreign
 * causes do not choose what is kept.
 */
export function startCausedSpans(
  tracer: Tracer,
  type: SpanType,
  { causes = [], foreignCauses }: Causes,
): CausedSpans {
  let traces = tracesOf(causes);
  if (foreignCauses !== undefined) {
    const apart = tracer.start(type);
    if (foreignCauses === 'link') return linked(apart, traces);
    const { sampled } = apart;
    traces = traces.map(({ traceId, spanId }) => ({ traceId, spanId, sampled }));
  }
  const [only] = traces;
  if (traces.length <= 1) return ended(tracer.start(type, only), []);
  const own = tracer.start(type);
  const others = traces.map((trace) => {
    const span = tracer.start(type, trace);
    span.link(own);
    own.link(trace);
    return span;
  });
  return ended(own, others);
}

function linked(own: Span, traces: readonly TraceContext[]): CausedSpans {
  for (const trace of traces) own.link(trace);
  return ended(own, []);
}

function ended(own: Span, others: readonly Span[]): CausedSpans {
  const all = [own, ...others];
  return {
    own,
    end() {
      for (const span of all) span.end();
    },
    endRejected(error) {
      for (const span of all) endRejected(span, error);
    },
  };
}

/** One for each trace: the first that was told. */
function tracesOf(causes: readonly (string | undefined)[]): readonly TraceContext[] {
  const found = new Map<string, TraceContext>();
  for (const cause of causes) {
    // All events of one append have the same.
    const key = cause?.slice(0, 35) ?? '';
    if (cause === undefined || found.has(key)) continue;
    const trace = parseTraceparent(cause);
    if (trace === undefined) continue;
    found.set(key, trace);
    if (found.size === maxCauses) break;
  }
  return [...found.values()];
}
