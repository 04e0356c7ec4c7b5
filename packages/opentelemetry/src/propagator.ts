import type { TraceContext } from '@banyan/core';
import { parseTraceparent } from '@banyan/telemetry';
import { type SpanContext, type TextMapPropagator, TraceFlags, trace } from '@opentelemetry/api';
import { isSuppressed } from './place-context.ts';

const header = 'traceparent';

/** W3C trace context, without `tracestate` and baggage: Banyan carries neither. */
export function createPropagator(): TextMapPropagator {
  return {
    inject(context, carrier, setter) {
      const span = trace.getSpanContext(context);
      if (span === undefined || isSuppressed(context) || !trace.isSpanContextValid(span)) return;
      setter.set(carrier, header, traceparentOf(span));
    },
    extract(context, carrier, getter) {
      const given = getter.get(carrier, header);
      const values: readonly unknown[] = Array.isArray(given) ? given : [given];
      // Two of them contradict each other: the recommendation begins anew then.
      const found =
        values.length === 1 && typeof values[0] === 'string' ? parseTraceparent(values[0]) : undefined;
      if (found === undefined) return context;
      const { traceId, spanId, sampled } = found;
      const traceFlags = sampled ? TraceFlags.SAMPLED : TraceFlags.NONE;
      return trace.setSpanContext(context, { traceId, spanId, traceFlags, isRemote: true });
    },
    fields: () => [header],
  };
}

/** Undefined if it names no span. */
export function toTraceContext(span: SpanContext): TraceContext | undefined {
  return parseTraceparent(traceparentOf(span));
}

function traceparentOf({ traceId, spanId, traceFlags }: SpanContext): string {
  return `00-${traceId}-${spanId}-${(traceFlags & 0xff).toString(16).padStart(2, '0')}`;
}
