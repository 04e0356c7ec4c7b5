import {
  isSecretName,
  type Attributes as OwnAttributes,
  type Span as OwnSpan,
  type AttributeValue as OwnValue,
  redacted,
  scrubText,
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
  /** Of the handler below which it was begun; of a handler's span that itself. */
  readonly handler: OwnSpan;

  constructor(own: OwnSpan, handler: OwnSpan = own) {
    this.own = own;
    this.handler = handler;
  }

  spanContext(): SpanContext {
    const { traceId, spanId, sampled } = this.own;
    return { traceId, spanId, traceFlags: sampled ? TraceFlags.SAMPLED : TraceFlags.NONE };
  }

  setAttribute(name: string, value: AttributeValue): this {
    this.own.set(toText(name), toOwnValue(name, value));
    return this;
  }

  setAttributes(attributes: Attributes): this {
    for (const [name, value] of Object.entries(attributes)) this.setAttribute(name, value as AttributeValue);
    return this;
  }

  addEvent(name: string, attributes?: unknown): this {
    // Its second parameter may be a time instead; the event has the time of its call.
    this.own.event(toText(name), isAttributes(attributes) ? toOwn(attributes) : undefined);
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
    if (code !== SpanStatusCode.ERROR) return this;
    if (message !== undefined) this.own.set('otel.status_description', toText(message));
    // The word of the semantic conventions for an error that has no type.
    this.own.failAs('_OTHER');
    return this;
  }

  updateName(name: string): this {
    this.own.rename(toText(name));
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

/** What libraries say is no better known than what they are given: it is checked, bounded, and loses what is secret. */
export function toOwn(attributes: Attributes): OwnAttributes {
  return Object.fromEntries(
    Object.entries(attributes).map(([name, value]) => [toText(name), toOwnValue(name, value)]),
  );
}

function toOwnValue(name: unknown, value: unknown): OwnValue | undefined {
  const values: readonly unknown[] = Array.isArray(value) ? value.slice(0, maxValues) : [value];
  const own = values.filter(isPrimitive);
  if (own.length === 0) return undefined;
  if (isSecretName(toText(name))) return redacted;
  if (Array.isArray(value)) return own.map((each) => toText(String(each)));
  return typeof value === 'string' ? toText(value) : own[0];
}

export function isPrimitive(value: unknown): value is string | number | boolean {
  return typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value);
}

const maxValues = 128;
const maxText = 8_192;

/** A text of a library without what is secret by its form. Whatever is no text, though its type says so, becomes the name of its type. */
export function toText(text: unknown): string {
  return typeof text === 'string' ? scrubText(text.slice(0, maxText)) : typeof text;
}
