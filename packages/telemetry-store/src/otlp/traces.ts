import type { Resource, SpanEvent, SpanKind, SpanRecord } from '../records.ts';
import { type Parsed, parseRequest, type Shape } from './parsed.ts';
import {
  attributesOf,
  type Fields,
  isObject,
  itemsOf,
  microsOf,
  nameOf,
  optionalId,
  Refusal,
  spanIdOf,
  textOf,
  traceIdOf,
} from './values.ts';

const kinds: ReadonlyMap<string, SpanKind> = new Map([
  ['2', 'server'],
  ['3', 'client'],
  ['4', 'producer'],
  ['5', 'consumer'],
  ['SPAN_KIND_SERVER', 'server'],
  ['SPAN_KIND_CLIENT', 'client'],
  ['SPAN_KIND_PRODUCER', 'producer'],
  ['SPAN_KIND_CONSUMER', 'consumer'],
]);

const maxEvents = 64;
const maxLinks = 64;

/** Spans of an `ExportTraceServiceRequest`. @throws ServiceError `invalid_otlp` */
export function parseTraces(body: unknown, latestUs: number): Parsed<SpanRecord> {
  return parseRequest(body, shape, latestUs);
}

const shape: Shape<SpanRecord> = {
  groups: 'resourceSpans',
  scopes: 'scopeSpans',
  items: 'spans',
  readersOf: (span, resource) => [() => [parseSpan(span, resource)]],
  latestOf: ({ startUs, durationUs, events }) =>
    Math.max(startUs + durationUs, ...events.map(({ atUs }) => atUs)),
};

function parseSpan(span: Fields, resource: Resource): SpanRecord {
  const startUs = microsOf(span['startTimeUnixNano'], 'startTimeUnixNano');
  const endUs = microsOf(span['endTimeUnixNano'], 'endTimeUnixNano');
  // Clocks are set back; the span was there all the same.
  const durationUs = Math.max(0, endUs - startUs);
  const status = isObject(span['status']) ? span['status'] : {};
  return {
    resource,
    traceId: traceIdOf(span['traceId']),
    spanId: spanIdOf(span['spanId']),
    parentId: optionalId(span['parentSpanId'], spanIdOf),
    name: nameOf(span['name'], 'name'),
    kind: kinds.get(String(span['kind'])) ?? 'internal',
    startUs,
    durationUs,
    isError: status['code'] === 2 || status['code'] === 'STATUS_CODE_ERROR',
    statusMessage: textOf(status['message']) || undefined,
    attributes: attributesOf(span['attributes']),
    events: itemsOf(span, 'events').slice(0, maxEvents).map(parseEvent),
    links: itemsOf(span, 'links').slice(0, maxLinks).flatMap(parseLink),
  };
}

function parseEvent(event: Fields): SpanEvent {
  return {
    name: nameOf(event['name'] ?? '', 'name of an event'),
    atUs: microsOf(event['timeUnixNano'], 'timeUnixNano of an event'),
    attributes: attributesOf(event['attributes']),
  };
}

function parseLink(link: Fields): readonly SpanRecord['links'][number][] {
  try {
    return [{ traceId: traceIdOf(link['traceId']), spanId: spanIdOf(link['spanId']) }];
  } catch (error) {
    // A span is worth keeping without a link that leads nowhere.
    if (error instanceof Refusal) return [];
    throw error;
  }
}
