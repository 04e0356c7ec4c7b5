import type {
  Attributes as OwnAttributes,
  Span as OwnSpan,
  AttributeValue as OwnValue,
} from '@banyan/telemetry';
import {
  type Attributes,
  type AttributeValue,
  type Exception,
  type Link,
  type Span,
  type SpanContext,
  type SpanStatus,
  SpanStatusCode,
  TraceFlags,
} from '@opentelemetry/api';

const known = new WeakMap<OwnSpan, BridgeSpan>();

/** The span as the API shows it: always the same object. */
export function bridgeSpanOf(span: OwnSpan): BridgeSpan {
  let bridge = known.get(span);
  if (bridge === undefined) {
    bridge = new BridgeSpan(span);
    known.set(span, bridge);
  }
  return bridge;
}

export class BridgeSpan implements Span {
  readonly own: OwnSpan;

  constructor(own: OwnSpan) {
    this.own = own;
  }

  spanContext(): SpanContext {
    const { traceId, spanId, sampled } = this.own;
    return { traceId, spanId, traceFlags: sampled ? TraceFlags.SAMPLED : TraceFlags.NONE };
  }

  setAttribute(name: string, value: AttributeValue): this {
    this.own.set(name, toOwnValue(value));
    return this;
  }

  setAttributes(attributes: Attributes): this {
    for (const [name, value] of Object.entries(attributes)) this.own.set(name, toOwnValue(value));
    return this;
  }

  addEvent(name: string, attributes?: unknown): this {
    // Its second parameter may be a time instead; the event has the time of its call.
    this.own.event(name, isAttributes(attributes) ? toOwn(attributes) : undefined);
    return this;
  }

  addLink({ context }: Link): this {
    const { traceId, spanId, traceFlags } = context;
    this.own.link({ traceId, spanId, sampled: (traceFlags & TraceFlags.SAMPLED) !== 0 });
    return this;
  }

  addLinks(links: Link[]): this {
    for (const link of links) this.addLink(link);
    return this;
  }

  setStatus({ code, message }: SpanStatus): this {
    if (code === SpanStatusCode.ERROR) this.own.failAs(message ?? 'error');
    return this;
  }

  updateName(name: string): this {
    this.own.rename(name);
    return this;
  }

  end(): void {
    this.own.end();
  }

  isRecording(): boolean {
    return this.own.isRecording;
  }

  recordException(exception: Exception): void {
    this.own.exception(exception);
  }
}

function isAttributes(value: unknown): value is Attributes {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

export function toOwn(attributes: Attributes): OwnAttributes {
  return Object.fromEntries(Object.entries(attributes).map(([name, value]) => [name, toOwnValue(value)]));
}

function toOwnValue(value: AttributeValue | undefined): OwnValue | undefined {
  return Array.isArray(value) ? value.map(String) : (value as OwnValue | undefined);
}
