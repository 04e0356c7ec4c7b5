import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { lastFirst } from '@banyan/testing';

export type AttributeValues = Readonly<Record<string, unknown>>;

export interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly name: string;
  readonly kind: number;
  readonly startMs: number;
  readonly endMs: number;
  readonly isError: boolean;
  readonly attributes: AttributeValues;
  readonly events: readonly { readonly name: string; readonly attributes: AttributeValues }[];
  readonly service: string;
  readonly resource: AttributeValues;
}

export interface ReceivedLog {
  readonly body: string;
  readonly severity: string;
  readonly traceId: string | undefined;
  readonly spanId: string | undefined;
  readonly attributes: AttributeValues;
  readonly service: string;
}

export interface ReceivedMetric {
  readonly name: string;
  readonly kind: 'gauge' | 'sum' | 'histogram';
  readonly points: readonly { readonly labels: AttributeValues; readonly value: number }[];
}

/** How the receiver answers from now on. Default: 200 at once. */
export type Behaviour = (path: string) => Promise<Answer | undefined> | Answer | undefined;

export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** A collector that remembers what it was sent over OTLP/HTTP with JSON. */
export interface OtlpReceiver {
  readonly url: string;
  readonly spans: readonly ReceivedSpan[];
  readonly logs: readonly ReceivedLog[];
  /** Of the last export. */
  readonly metrics: readonly ReceivedMetric[];
  /** Everything that was sent, unpacked. */
  readonly bodies: readonly string[];
  /** Headers of the requests, in the order of their arrival. */
  readonly requests: readonly { readonly path: string; readonly headers: IncomingMessage['headers'] }[];
  behave(behaviour: Behaviour): void;
}

/** Listens until the test ends. What it answers with an error is not remembered among the spans, logs and metrics. */
export async function startOtlpReceiver(t: Pick<TestContext, 'after'>): Promise<OtlpReceiver> {
  const kept = { spans: [] as ReceivedSpan[], logs: [] as ReceivedLog[], metrics: [] as ReceivedMetric[] };
  const bodies: string[] = [];
  const requests: { path: string; headers: IncomingMessage['headers'] }[] = [];
  let behaviour: Behaviour = () => undefined;
  const take = async (request: IncomingMessage, response: ServerResponse) => {
    const path = request.url ?? '';
    requests.push({ path, headers: request.headers });
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const bytes = Buffer.concat(chunks);
    const body = (request.headers['content-encoding'] === 'gzip' ? gunzipSync(bytes) : bytes).toString();
    bodies.push(body);
    const { status, headers = {}, body: answer = '{}' } = (await behaviour(path)) ?? { status: 200 };
    if (status === 200) {
      const message = JSON.parse(body);
      kept.spans.push(...spansOf(message));
      kept.logs.push(...logsOf(message));
      if ('resourceMetrics' in message) kept.metrics = metricsOf(message);
    }
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(answer);
  };
  const server = createServer((request, response) => {
    take(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  lastFirst(t).after(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans: kept.spans,
    logs: kept.logs,
    get metrics() {
      return kept.metrics;
    },
    bodies,
    requests,
    behave(next) {
      behaviour = next;
    },
  };
}

// The shapes of opentelemetry-proto, as far as they are read here.
interface Resourced {
  readonly resource: { readonly attributes: readonly KeyValue[] };
}
interface KeyValue {
  readonly key: string;
  readonly value: AnyValue;
}
interface AnyValue {
  readonly stringValue?: string;
  readonly intValue?: string;
  readonly doubleValue?: number;
  readonly boolValue?: boolean;
  readonly arrayValue?: { readonly values: readonly AnyValue[] };
  readonly kvlistValue?: { readonly values: readonly KeyValue[] };
}
interface SentSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly status: { readonly code?: number };
  readonly attributes: readonly KeyValue[];
  readonly events?: readonly { readonly name: string; readonly attributes: readonly KeyValue[] }[];
}
interface SentLog {
  readonly body: AnyValue;
  readonly severityText: string;
  readonly traceId?: string;
  readonly spanId?: string;
  readonly attributes: readonly KeyValue[];
}
interface SentPoint {
  readonly attributes: readonly KeyValue[];
  readonly asDouble?: number;
  readonly count?: string;
}
interface SentMetric
  extends Partial<Record<ReceivedMetric['kind'], { readonly dataPoints: readonly SentPoint[] }>> {
  readonly name: string;
}

function spansOf(message: {
  readonly resourceSpans?: readonly (Resourced & {
    readonly scopeSpans: readonly { readonly spans: readonly SentSpan[] }[];
  })[];
}): ReceivedSpan[] {
  return (message.resourceSpans ?? []).flatMap(({ resource, scopeSpans }) => {
    const about = valuesOf(resource.attributes);
    return scopeSpans.flatMap(({ spans }) => spans.map((span) => toSpan(span, about)));
  });
}

function toSpan(span: SentSpan, resource: AttributeValues): ReceivedSpan {
  const { traceId, spanId, parentSpanId, name, kind, attributes, events = [], status } = span;
  return {
    ...{ traceId, spanId, parentSpanId, name, kind, resource },
    startMs: Number(span.startTimeUnixNano) / 1e6,
    endMs: Number(span.endTimeUnixNano) / 1e6,
    isError: status.code === 2,
    attributes: valuesOf(attributes),
    events: events.map((event) => ({ name: event.name, attributes: valuesOf(event.attributes) })),
    service: String(resource['service.name']),
  };
}

function logsOf(message: {
  readonly resourceLogs?: readonly (Resourced & {
    readonly scopeLogs: readonly { readonly logRecords: readonly SentLog[] }[];
  })[];
}): ReceivedLog[] {
  return (message.resourceLogs ?? []).flatMap(({ resource, scopeLogs }) =>
    scopeLogs.flatMap(({ logRecords }) =>
      logRecords.map((record) => ({
        body: String(plainOf(record.body)),
        severity: record.severityText,
        traceId: record.traceId,
        spanId: record.spanId,
        attributes: valuesOf(record.attributes),
        service: String(valuesOf(resource.attributes)['service.name']),
      })),
    ),
  );
}

function metricsOf(message: {
  readonly resourceMetrics: readonly (Resourced & {
    readonly scopeMetrics: readonly { readonly metrics: readonly SentMetric[] }[];
  })[];
}): ReceivedMetric[] {
  return message.resourceMetrics.flatMap(({ scopeMetrics }) =>
    scopeMetrics.flatMap(({ metrics }) =>
      metrics.map((metric) => {
        const kind = metric.gauge ? 'gauge' : metric.sum ? 'sum' : 'histogram';
        const points = metric[kind]?.dataPoints ?? [];
        return {
          name: metric.name,
          kind,
          points: points.map((point) => ({
            labels: valuesOf(point.attributes),
            value: point.asDouble ?? Number(point.count),
          })),
        } as const;
      }),
    ),
  );
}

function valuesOf(list: readonly KeyValue[]): AttributeValues {
  return Object.fromEntries(list.map(({ key, value }) => [key, plainOf(value)]));
}

function plainOf(value: AnyValue): unknown {
  if (value.intValue !== undefined) return Number(value.intValue);
  if (value.arrayValue !== undefined) return value.arrayValue.values.map(plainOf);
  if (value.kvlistValue !== undefined) return valuesOf(value.kvlistValue.values);
  return value.stringValue ?? value.doubleValue ?? value.boolValue;
}
