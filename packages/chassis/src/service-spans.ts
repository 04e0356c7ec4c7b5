import type { CallContext, Sql, TraceContext } from '@banyan/core';
import type { Span, Tracer } from '@banyan/telemetry';
import { createEventSpans, type EventSpans } from './event-spans.ts';
import { createSagaSpans, type SagaSpans } from './saga-spans.ts';
import { createStatementSpans, type StatementSpans } from './statement-spans.ts';

/** All that one running service records beside the calls themselves. */
export interface ServiceSpans {
  readonly tracer: Tracer;
  readonly statements: StatementSpans;
  readonly events: EventSpans;
  readonly sagas: SagaSpans;
}

export function createServiceSpans(tracer: Tracer, service: string): ServiceSpans {
  return {
    tracer,
    statements: createStatementSpans(tracer),
    events: createEventSpans(tracer, service),
    sagas: createSagaSpans(tracer),
  };
}

/** What a measurement made on behalf of `context` leads to: nothing if nobody wants spans, for a trace without any is found nowhere. */
export function spanOf(
  { spans }: { readonly spans: ServiceSpans | undefined },
  context: Pick<CallContext, 'trace'>,
): TraceContext | undefined {
  return spans?.tracer.isRecording === true ? context.trace : undefined;
}

/** `sql` whose statements are part of the trace of `context`, if anybody wants spans. */
export function traced(
  { spans }: { readonly spans: ServiceSpans | undefined },
  context: Pick<CallContext, 'trace'>,
  sql: Sql,
): Sql {
  return spans === undefined ? sql : spans.statements.trace(sql, context.trace);
}

/** Runs `work` where libraries that ask for the active span find `span`. */
export function within<Result>(
  { spans }: { readonly spans: ServiceSpans | undefined },
  span: Span | undefined,
  work: () => Result,
): Result {
  return spans === undefined || span === undefined ? work() : spans.tracer.within(span, work);
}
