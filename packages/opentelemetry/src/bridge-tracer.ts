import type { SpanKind as OwnKind } from '@banyan/telemetry';
import {
  type Context,
  context as contexts,
  INVALID_SPAN_CONTEXT,
  type Span,
  SpanKind,
  type SpanOptions,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import { BridgeSpan, bridgeSpanOf, toOwn, toText } from './bridge-span.ts';

const kinds: Record<SpanKind, OwnKind> = {
  [SpanKind.INTERNAL]: 'internal',
  [SpanKind.SERVER]: 'server',
  [SpanKind.CLIENT]: 'client',
  [SpanKind.PRODUCER]: 'producer',
  [SpanKind.CONSUMER]: 'consumer',
};

/** A tracer of one library. @param library its name, on each of its spans */
export function createBridgeTracer(library: string): Tracer {
  return new BridgeTracer(library);
}

class BridgeTracer implements Tracer {
  readonly #library: string;

  constructor(library: string) {
    this.#library = library;
  }

  startSpan(name: string, options: SpanOptions = {}, context: Context = contexts.active()): Span {
    const parent = options.root === true ? undefined : trace.getSpan(context);
    if (!(parent instanceof BridgeSpan)) return trace.wrapSpanContext(INVALID_SPAN_CONTEXT);
    const span = bridgeSpanOf(
      parent.own.child({
        name: toText(name),
        kind: kinds[options.kind ?? SpanKind.INTERNAL],
        attributes: toOwn({ 'otel.scope.name': this.#library, ...options.attributes }),
      }),
    );
    return span.addLinks(options.links ?? []);
  }

  startActiveSpan<Work extends (span: Span) => unknown>(
    name: string,
    ...rest: readonly unknown[]
  ): ReturnType<Work> {
    const work = rest.at(-1) as Work;
    const [options, given] = rest.slice(0, -1) as [SpanOptions?, Context?];
    const context = given ?? contexts.active();
    const span = this.startSpan(name, options, context);
    return contexts.with(trace.setSpan(context, span), () => work(span) as ReturnType<Work>);
  }
}
