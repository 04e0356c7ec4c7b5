import type { Place, Span } from '@banyan/telemetry';
import { type Context, createContextKey, trace } from '@opentelemetry/api';
import { bridgeSpanOf } from './bridge-span.ts';

/** The handler that code runs in, and where that is. */
export interface HandlerPlace extends Place {
  readonly span: Span;
}

const key = createContextKey('Banyan handler');
/** What the SDK of OpenTelemetry sets around requests of its own, such as those of an exporter. */
const suppressed = createContextKey('OpenTelemetry SDK Context Key SUPPRESS_TRACING');

/** `context` as the handler of `span` sees it. */
export function enterHandler(context: Context, span: Span, place: Place): Context {
  return trace.setSpan(context, bridgeSpanOf(span)).setValue(key, { ...place, span } satisfies HandlerPlace);
}

export function placeOf(context: Context): HandlerPlace | undefined {
  return context.getValue(key) as HandlerPlace | undefined;
}

export function isSuppressed(context: Context): boolean {
  return context.getValue(suppressed) === true;
}
