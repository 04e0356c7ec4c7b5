import type { TraceContext } from '@banyan/core';
import { useActivation } from '@banyan/telemetry';
import { context, metrics, propagation, trace } from '@opentelemetry/api';
import { createBridgeMeters } from './bridge-meter.ts';
import { BridgeSpan } from './bridge-span.ts';
import { createBridgeTracer } from './bridge-tracer.ts';
import { createContextManager } from './context-manager.ts';
import { MeasuredProcesses } from './measurements.ts';
import { enterHandler } from './place-context.ts';
import { createPropagator } from './propagator.ts';

/**
 * Libraries that use `@opentelemetry/api` take part from now on. Their spans become part of the traces of this process: they are children of the span
 * whose handler the library was called from, belong to its service, and are sampled and exported with it; what the handler calls, tells and asks its
 * database within such a span is below it. What they measure is on the service's own page and leaves with its metrics, and trace context that they
 * inject and extract is that of the handler. Spans that begin outside of any handler are not recorded.
 *
 * Call it once, before services start and before such libraries ask for a meter: in `system.ts`. From then on every handler runs within
 * `AsyncLocalStorage`.
 * @returns ends it; instruments that a library keeps go on
 * @throws TypeError if something else has registered itself with `@opentelemetry/api`, or this was called before
 */
export function joinOpenTelemetry(): () => void {
  const processes = new MeasuredProcesses();
  const meters = createBridgeMeters(processes);
  const leave = register([
    [
      'context manager',
      () => context.setGlobalContextManager(createContextManager()),
      () => context.disable(),
    ],
    [
      'tracer provider',
      () => trace.setGlobalTracerProvider({ getTracer: createBridgeTracer }),
      () => trace.disable(),
    ],
    ['meter provider', () => metrics.setGlobalMeterProvider(meters), () => metrics.disable()],
    ['propagator', () => propagation.setGlobalPropagator(createPropagator()), () => propagation.disable()],
  ]);
  const endActivation = useActivation({
    within: (span, work, place) => context.with(enterHandler(context.active(), span, place), work),
    below: activeBelow,
    measure(page) {
      const end = processes.add(page);
      // What is observed is no service's: one page has it.
      const endReading = page.onCollect(() => {
        if (processes.first === page) meters.read();
      });
      return () => {
        endReading();
        end();
      };
    },
  });
  return () => {
    endActivation();
    leave();
  };
}

/** The library's span that is active, if it was begun below that of `asked`: context that Node has carried elsewhere is not the caller's. */
function activeBelow(asked: { readonly trace: TraceContext }): TraceContext | undefined {
  const span = trace.getSpan(context.active());
  if (!(span instanceof BridgeSpan) || span.handler === span.own) return undefined;
  return span.handler.spanId === asked.trace.spanId ? span.own : undefined;
}

type Global = readonly [what: string, set: () => boolean, unset: () => void];

/** All of them or none. */
function register(globals: readonly Global[]): () => void {
  const done: Global[] = [];
  const undo = () => {
    for (const [, , unset] of done.toReversed()) unset();
  };
  for (const one of globals) {
    const [what, set] = one;
    if (!set()) {
      undo();
      throw new TypeError(
        `joinOpenTelemetry(): this process has a ${what} of OpenTelemetry already; leave out the other one, or this.`,
      );
    }
    done.push(one);
  }
  return undo;
}
