import type { TraceContext } from '@banyan/core';
import type { Metrics } from '../metrics.ts';
import type { Span } from './span.ts';
import type { Tracer } from './tracer.ts';

/** Where a handler runs: whose spans and whose measurements are made there. */
export interface Place {
  readonly service: string;
  readonly tracer: Tracer;
  /** Of the process, as its page shows them. */
  readonly metrics: Metrics;
}

/** What a bridge to a telemetry library does for the code of this process that knows no context. */
export interface Activation {
  /** Runs `work` where such code finds `span`. */
  within<Result>(span: Span, work: () => Result, place: Place): Result;
  /** The span that such code has begun below the one of `context`, and is in at the moment. */
  below?(context: { readonly trace: TraceContext }): TraceContext | undefined;
  /** What such code measures goes into `metrics`, until the returned function is called. */
  measure?(metrics: Metrics): () => void;
}

/** Of the process, as `@opentelemetry/api` is. */
export let activation: Activation | undefined;

/**
 * From now on handlers run within `bridge`, until the returned function is called: for a bridge to a telemetry library whose active span is found through
 * `AsyncLocalStorage`, which then costs every call something. There is one at a time. Services that start later notice it, running ones do not.
 * @throws TypeError if there is one already
 */
export function useActivation(bridge: Activation): () => void {
  if (activation !== undefined)
    throw new TypeError('useActivation(): something else activates spans in this process already.');
  activation = bridge;
  return () => {
    activation = undefined;
  };
}

/** The span that code which knows no context has begun below the one of `context`, and is in at the moment. Undefined if it has begun none. */
export function activeBelow(context: { readonly trace: TraceContext }): TraceContext | undefined {
  return activation?.below?.(context);
}
