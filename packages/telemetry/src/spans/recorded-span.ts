import type { TraceContext } from '@banyan/core';
import { SpanTrace } from '../trace-context.ts';
import { describeError } from './exception.ts';
import type { TraceIds } from './sampler.ts';
import type { Attributes, AttributeValue, Span, SpanType } from './span.ts';
import type { TracePart } from './trace-part.ts';

/** Where the ended spans of one service go. */
export interface SpanSink {
  readonly resource: Attributes;
  add(span: RecordedSpan): void;
  /** Microseconds since the epoch. */
  nowUs(): number;
}

export interface SpanIds {
  readonly trace: TraceIds;
  readonly span0: number;
  readonly span1: number;
  /** Both 0 for a root. */
  readonly parent0: number;
  readonly parent1: number;
}

export interface SpanMaker {
  start(type: SpanType, parent: TraceContext): Span;
}

export interface SpanEvent {
  readonly name: string;
  readonly atUs: number;
  readonly attributes: Attributes;
}

/** A loop that retries for hours must not fill the memory. */
const maxEvents = 64;
const maxAttributes = 64;
const maxLinks = 32;

/** Fields are plain and come in a fixed order: one of these is made for every call, and exporters read them. */
export class RecordedSpan extends SpanTrace implements Span {
  type: SpanType;
  readonly parent0: number;
  readonly parent1: number;
  startedUs: number;
  endedUs = 0;
  isRecording = false;
  isFailed = false;
  part: TracePart | undefined = undefined;
  /** Name, value, name, value …: one array for all of them, made when the first one comes. */
  attributes: (string | AttributeValue)[] | undefined = undefined;
  events: SpanEvent[] | undefined = undefined;
  links: TraceContext[] | undefined = undefined;
  readonly sink: SpanSink;
  readonly #tracer: SpanMaker;

  constructor(
    type: SpanType,
    ids: SpanIds,
    rest: {
      readonly flags: number;
      readonly startedUs: number;
      readonly sink: SpanSink;
      readonly tracer: SpanMaker;
    },
  ) {
    const { trace } = ids;
    super(trace.trace0, trace.trace1, trace.trace2, trace.trace3, ids.span0, ids.span1, rest.flags);
    this.type = type;
    this.parent0 = ids.parent0;
    this.parent1 = ids.parent1;
    this.startedUs = rest.startedUs;
    this.sink = rest.sink;
    this.#tracer = rest.tracer;
  }

  child(type: SpanType): Span {
    return this.#tracer.start(type, this);
  }

  get hasEnded(): boolean {
    return this.endedUs !== 0;
  }

  become(type: SpanType): void {
    if (!this.hasEnded) this.type = type;
  }

  rename(name: string): void {
    this.become({ ...this.type, name });
  }

  set(name: string, value: AttributeValue | undefined): void {
    if (!this.isRecording || value === undefined || this.hasEnded) return;
    this.attributes ??= [];
    if (this.attributes.length < maxAttributes * 2) this.attributes.push(name, value);
  }

  event(name: string, attributes: Attributes = {}): void {
    if (!this.isRecording || this.hasEnded) return;
    this.events ??= [];
    if (this.events.length < maxEvents) this.events.push({ name, atUs: this.sink.nowUs(), attributes });
  }

  link(trace: TraceContext): void {
    if (!this.isRecording || this.hasEnded) return;
    this.links ??= [];
    if (this.links.length < maxLinks) this.links.push(trace);
  }

  exception(error: unknown): void {
    if (this.isRecording && !this.hasEnded) this.event('exception', describeError(error).attributes);
  }

  fail(error: unknown): void {
    if (!this.isRecording || this.hasEnded) return;
    const { type, attributes } = describeError(error);
    this.event('exception', attributes);
    this.failAs(type);
  }

  failAs(reason: string): void {
    if (!this.isRecording || this.hasEnded) return;
    this.set('error.type', reason);
    this.isFailed = true;
    this.part?.keep();
  }

  end(): void {
    if (this.hasEnded) return;
    this.endedUs = Math.max(this.sink.nowUs(), this.startedUs);
    if (!this.isRecording) return;
    if (this.part === undefined) this.sink.add(this);
    else this.part.ended(this);
  }
}
