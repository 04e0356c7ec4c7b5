import { useActivation } from '@banyan/telemetry';
import { context, trace } from '@opentelemetry/api';
import { bridgeSpanOf } from './bridge-span.ts';
import { createBridgeTracer } from './bridge-tracer.ts';
import { createContextManager } from './context-manager.ts';

/**
 * Spans of libraries that use `@opentelemetry/api` become part of the traces of this process: they are children of the span whose handler the library was
 * called from, belong to its service, and are sampled and exported with it. What begins outside of any handler is not recorded.
 *
 * Call it once, before such libraries ask for a tracer: in `system.ts`. From then on every handler runs within `AsyncLocalStorage`.
 * @returns ends it
 * @throws TypeError if something else has registered itself with `@opentelemetry/api`, or this was called before
 */
export function joinOpenTelemetry(): () => void {
  const manager = createContextManager();
  if (!context.setGlobalContextManager(manager)) throw taken('context manager');
  if (!trace.setGlobalTracerProvider({ getTracer: createBridgeTracer })) {
    context.disable();
    throw taken('tracer provider');
  }
  const endActivation = useActivation((span, work) =>
    context.with(trace.setSpan(context.active(), bridgeSpanOf(span)), work),
  );
  return () => {
    endActivation();
    trace.disable();
    context.disable();
  };
}

function taken(what: string): TypeError {
  return new TypeError(
    `joinOpenTelemetry(): this process has a ${what} of OpenTelemetry already; leave out the other one, or this.`,
  );
}
