import type { TraceContext } from '@banyan/core';

/** The numbers of OTLP. */
export const spanKinds = { internal: 1, server: 2, client: 3, producer: 4, consumer: 5 } as const;
export type SpanKind = keyof typeof spanKinds;

export type AttributeValue = string | number | boolean | readonly string[];
/** By name; see `docs/reference/telemetry.md` for the names. */
export type Attributes = Readonly<Record<string, AttributeValue | undefined>>;

/** What all spans of one place in the code have in common. Make it once: exporters remember how they have written it. */
export interface SpanType {
  /** Low in cardinality: a route, an operation, and never an id. */
  readonly name: string;
  readonly kind: SpanKind;
  readonly attributes: Attributes;
}

/**
 * One piece of work with its beginning and end, and the trace context of that work: hand it on as `trace`. What is called after `end` is ignored. Nothing
 * here throws, and nothing costs more than a comparison if nobody records.
 */
export interface Span extends TraceContext {
  /** False if what is set here is thrown away. Ask it before making an attribute that costs something. */
  readonly isRecording: boolean;
  /** Names it anew, once it is known what it is: a request before it has a route, for one. */
  become(type: SpanType): void;
  rename(name: string): void;
  set(name: string, value: AttributeValue | undefined): void;
  /** Something that happened at one moment: a retry, a breaker that opens. */
  event(name: string, attributes?: Attributes): void;
  /** Begins a part of this work, of the same service. */
  child(type: SpanType): Span;
  /** Another span that it has to do with, in this trace or another. */
  link(trace: TraceContext): void;
  /** An exception that may have been dealt with: the span has not failed for it. */
  exception(error: unknown): void;
  /** The work failed with this: status `error`, an exception with its stack, and a trace that is kept. */
  fail(error: unknown): void;
  /** The work failed in a way that needs no stack, such as a declined request. @param reason becomes `error.type` */
  failAs(reason: string): void;
  end(): void;
}
