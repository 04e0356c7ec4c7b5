import type { RecordedSpan } from '../spans/recorded-span.ts';
import type { AttributeValue, SpanKind } from '../spans/span.ts';
import { hexOf } from '../trace-context.ts';

const kinds: Record<SpanKind, string | undefined> = {
  internal: undefined,
  server: 'SERVER',
  client: 'CLIENT',
  producer: 'PRODUCER',
  consumer: 'CONSUMER',
};

/** The body of `POST /api/v2/spans`. @see https://zipkin.io/zipkin-api/ */
export function encodeZipkin(spans: readonly RecordedSpan[]): string {
  return JSON.stringify(spans.map(toZipkin));
}

function toZipkin(span: RecordedSpan): object {
  const { type, parent0, parent1, startedUs, endedUs, events = [], sink } = span;
  const tags = tagsOf(span);
  return {
    traceId: span.traceId,
    id: span.spanId,
    ...((parent0 | parent1) === 0 ? undefined : { parentId: hexOf(parent0, parent1) }),
    name: type.name,
    ...(kinds[type.kind] === undefined ? undefined : { kind: kinds[type.kind] }),
    timestamp: Math.round(startedUs),
    // Zipkin takes 0 for "not known".
    duration: Math.max(1, Math.round(endedUs - startedUs)),
    localEndpoint: { serviceName: sink.resource['service.name'] },
    tags,
    annotations: events.map(({ name, atUs, attributes }) => ({
      timestamp: Math.round(atUs),
      value: name === 'exception' ? `exception: ${attributes['exception.message']}` : name,
    })),
  };
}

function tagsOf({ type, attributes = [], isFailed }: RecordedSpan): Record<string, string> {
  const tags: Record<string, string> = {};
  const add = (name: string, value: AttributeValue | undefined) => {
    if (value !== undefined) tags[name] = String(value);
  };
  for (const [name, value] of Object.entries(type.attributes)) add(name, value);
  for (let index = 0; index < attributes.length; index += 2) {
    add(attributes[index] as string, attributes[index + 1]);
  }
  // What Zipkin shows in red; its value is the text beside it.
  if (isFailed) tags['error'] = tags['error.type'] ?? 'true';
  return tags;
}
