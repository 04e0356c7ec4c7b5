import type { TraceContext } from '@banyan/core';
import type { Metrics } from '../metrics.ts';
import { nextInt32, nextNonZeroInt32 } from '../random.ts';
import { randomFlag, type SpanTrace, sampledFlag, spanTraceOf } from '../trace-context.ts';
import { activation, type Place } from './activation.ts';
import { RecordedSpan, type SpanIds, type SpanSink } from './recorded-span.ts';
import type { Sampler } from './sampler.ts';
import type { Span, SpanType } from './span.ts';
import { TracePart } from './trace-part.ts';

/** Makes the spans of one service. */
export interface Tracer {
  /** False if nobody receives its spans: they only carry the trace, for code that asks for the active one. */
  readonly isRecording: boolean;
  /**
   * Begins a span now. Without `parent` a trace begins, and the sampler decides; with one, the span belongs to its trace.
   * @param parent the span, or the context that came in
   */
  start(type: SpanType, parent?: TraceContext): Span;
  /**
   * A span whose ids were known before: its trace context was handed on, maybe by another process, before anybody could record it.
   * @param self its own context @param parentSpanId 16 hex digits @param startedAtMs epoch milliseconds; default now
   */
  adopt(
    type: SpanType,
    self: TraceContext,
    more?: { readonly parentSpanId?: string; readonly startedAtMs?: number },
  ): Span;
  /** Runs `work` so that code which knows no context, but asks `@opentelemetry/api`, finds `span`. Without a bridge it just runs. */
  within<Result>(span: Span, work: () => Result): Result;
}

export interface TracerOptions {
  readonly service: string;
  /** Of the process. */
  readonly metrics: Metrics;
  readonly isRecording: boolean;
  readonly sampler: Sampler;
  /** Part of a trace that is kept for its length, in microseconds; undefined keeps nothing that was not sampled. */
  readonly slowUs: number | undefined;
  readonly sink: SpanSink;
}

export function createTracer(options: TracerOptions): Tracer {
  return new RecordingTracer(options);
}

class RecordingTracer implements Tracer {
  readonly isRecording: boolean;
  readonly #options: TracerOptions;
  readonly #place: Place;

  constructor(options: TracerOptions) {
    this.#options = options;
    this.isRecording = options.isRecording;
    this.#place = { service: options.service, tracer: this, metrics: options.metrics };
  }

  start(type: SpanType, parent?: TraceContext): Span {
    const from = parent === undefined ? undefined : spanTraceOf(parent);
    const ids =
      from === undefined
        ? newTrace()
        : {
            trace: from,
            span0: nextInt32(),
            span1: nextNonZeroInt32(),
            parent0: from.span0,
            parent1: from.span1,
          };
    return this.#begin(type, from, ids);
  }

  adopt(
    type: SpanType,
    self: TraceContext,
    more: { readonly parentSpanId?: string; readonly startedAtMs?: number } = {},
  ): Span {
    const trace = spanTraceOf(self);
    const parent = more.parentSpanId === undefined ? noSpan : spanIdOf(more.parentSpanId);
    const ids = {
      trace,
      span0: trace.span0,
      span1: trace.span1,
      parent0: parent.span0,
      parent1: parent.span1,
    };
    const span = this.#begin(type, trace, ids);
    if (more.startedAtMs !== undefined) span.startedUs = more.startedAtMs * 1_000;
    return span;
  }

  within<Result>(span: Span, work: () => Result): Result {
    return activation === undefined ? work() : activation.within(span, work, this.#place);
  }

  #begin(type: SpanType, from: SpanTrace | undefined, ids: SpanIds): RecordedSpan {
    const { isRecording, sampler, slowUs, sink } = this.#options;
    // Where nobody receives spans nobody samples: what comes in goes on.
    const isSampled = isRecording ? sampler(ids.trace, from) : (from?.sampled ?? true);
    const known = from instanceof RecordedSpan ? from.part : undefined;
    // Where something has failed already, the rest is of interest too.
    const flags = isSampled || known?.isKept === true ? sampledFlag : 0;
    const span = new RecordedSpan(type, ids, {
      flags: flags | randomFlag,
      sink,
      tracer: this,
      startedUs: sink.nowUs(),
    });
    if (!isRecording) return span;
    if (!isSampled && slowUs !== undefined) {
      span.part = known ?? new TracePart(span, slowUs, sink);
    }
    span.isRecording = isSampled || span.part !== undefined;
    return span;
  }
}

const noSpan = { span0: 0, span1: 0 };

function newTrace(): SpanIds {
  const trace = { trace0: nextInt32(), trace1: nextInt32(), trace2: nextInt32(), trace3: nextNonZeroInt32() };
  return { trace, span0: nextInt32(), span1: nextNonZeroInt32(), parent0: 0, parent1: 0 };
}

function spanIdOf(text: string): { readonly span0: number; readonly span1: number } {
  return { span0: Number.parseInt(text.slice(0, 8), 16) | 0, span1: Number.parseInt(text.slice(8), 16) | 0 };
}
