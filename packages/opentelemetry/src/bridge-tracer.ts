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
import { BridgeSpan, toOwn, toText } from './bridge-span.ts';
import { isSuppressed, placeOf } from './place-context.ts';
import { toTraceContext } from './propagator.ts';

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
    const own = isSuppressed(context) ? undefined : this.#start(name, options, { parent, context });
    // Nobody's span; but whoever injects its context passes on what came in.
    if (own === undefined) return trace.wrapSpanContext(parent?.spanContext() ?? INVALID_SPAN_CONTEXT);
    return own.addLinks(options.links ?? []);
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

  #start(
    name: string,
    { kind = SpanKind.INTERNAL, attributes }: SpanOptions,
    { parent, context }: { readonly parent: Span | undefined; readonly context: Context },
  ): BridgeSpan | undefined {
    const type = {
      name: toText(name),
      kind: kinds[kind],
      attributes: toOwn({ 'otel.scope.name': this.#library, ...attributes }),
    };
    if (parent instanceof BridgeSpan) return new BridgeSpan(parent.own.child(type), parent.handler);
    const place = placeOf(context);
    if (place === undefined) return undefined;
    // From outside, such as from the headers of a message, or the first of a trace.
    const cause = parent === undefined ? undefined : toTraceContext(parent.spanContext());
    return new BridgeSpan(place.tracer.start(type, cause), place.span);
  }
}
