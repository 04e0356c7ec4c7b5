import type { RecordedSpan, SpanEvent } from '../spans/recorded-span.ts';
import { type SpanType, spanKinds } from '../spans/span.ts';
import { hexOf } from '../trace-context.ts';
import { byResource, keyValue, keyValues, listed, nanos } from './otlp-values.ts';

/** The body of `POST /v1/traces`. */
export function encodeTraces(spans: readonly RecordedSpan[]): string {
  const parts: string[] = [];
  for (const [resource, own] of byResource(spans, ({ sink }) => sink.resource)) {
    const list = own.map(encodeSpan).join(',');
    parts.push(
      `{"resource":{"attributes":[${keyValues(resource)}]},"scopeSpans":[{"scope":{"name":"banyan"},"spans":[${list}]}]}`,
    );
  }
  return `{"resourceSpans":[${parts.join(',')}]}`;
}

/** What all spans of a type have in common, written once. */
interface TypeText {
  readonly head: string;
  readonly attributes: string;
}

const written = new WeakMap<SpanType, TypeText>();

function textOf(type: SpanType): TypeText {
  let text = written.get(type);
  if (text === undefined) {
    const head = `,"name":${JSON.stringify(type.name)},"kind":${spanKinds[type.kind]}`;
    text = { head, attributes: listed(type.attributes) };
    written.set(type, text);
  }
  return text;
}

function encodeSpan(span: RecordedSpan): string {
  const { events, links } = span;
  const type = textOf(span.type);
  let text = `{"traceId":"${span.traceId}","spanId":"${span.spanId}"`;
  if ((span.parent0 | span.parent1) !== 0) text += `,"parentSpanId":"${hexOf(span.parent0, span.parent1)}"`;
  text += `,"flags":${span.flags}${type.head},"startTimeUnixNano":${nanos(span.startedUs)},"endTimeUnixNano":${nanos(span.endedUs)}`;
  text += `,"attributes":[${attributesOf(span, type.attributes)}]`;
  if (events !== undefined) text += `,"events":[${events.map(encodeEvent).join(',')}]`;
  if (links !== undefined)
    text += `,"links":[${links.map((link) => `{"traceId":"${link.traceId}","spanId":"${link.spanId}"}`).join(',')}]`;
  return `${text},"status":${span.isFailed ? '{"code":2}' : '{}'}}`;
}

function attributesOf({ attributes }: RecordedSpan, fixed: string): string {
  if (attributes === undefined) return fixed;
  let text = fixed;
  for (let index = 0; index < attributes.length; index += 2) {
    const value = attributes[index + 1];
    if (value === undefined) continue;
    text += `${text === '' ? '' : ','}${keyValue(attributes[index] as string, value)}`;
  }
  return text;
}

function encodeEvent({ name, atUs, attributes }: SpanEvent): string {
  return `{"name":${JSON.stringify(name)},"timeUnixNano":${nanos(atUs)},"attributes":[${listed(attributes)}]}`;
}
