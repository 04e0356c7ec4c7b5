import type { Sql } from '@banyan/core';
import { errorGroupOfEvent } from '../errors/error-sightings.ts';
import { unpackPage } from '../pages/page-codec.ts';
import type { Attributes, SpanEvent, SpanKind, SpanRecord } from '../records.ts';
import { toUuid } from '../writing/insert.ts';
import { criticalPathOf } from './critical-path.ts';
import { inOrder, type SpanNode, spanTrees } from './span-tree.ts';
import { readSummaries, type TraceSummary } from './summary.ts';

/** A span as it is drawn. */
export interface TraceSpan {
  readonly spanId: string;
  readonly parentId?: string;
  readonly service: string;
  readonly name: string;
  readonly kind: SpanKind;
  readonly offsetUs: number;
  readonly durationUs: number;
  readonly selfUs: number;
  readonly depth: number;
  readonly isError: boolean;
  readonly statusMessage?: string;
  readonly attributes: Attributes;
  readonly events: readonly {
    readonly name: string;
    readonly offsetUs: number;
    /** Of the error that it tells of. */
    readonly errorGroupId?: string;
    readonly attributes: Attributes;
  }[];
  readonly links: SpanRecord['links'];
}

/** A whole trace with its critical path. */
export interface Trace extends Omit<TraceSummary, 'spans'> {
  readonly resources: Readonly<Record<string, Attributes>>;
  readonly spans: readonly TraceSpan[];
  readonly criticalPath: readonly {
    readonly spanId: string;
    readonly offsetUs: number;
    readonly durationUs: number;
  }[];
  readonly selfTimes: readonly {
    readonly service: string;
    readonly selfUs: number;
    readonly criticalUs: number;
  }[];
  readonly isWhole: boolean;
}

/** More than anybody looks at; such a trace is a loop, or a batch that should have been several. */
export const maxSpans = 5_000;
const maxPages = 1_000;

export async function readTrace(sql: Sql, traceId: string): Promise<Trace | undefined> {
  const [summaries, found] = await Promise.all([readSummaries(sql, [traceId]), readSpansOf(sql, [traceId])]);
  const summary = summaries.get(traceId);
  const spans = found.get(traceId);
  if (summary === undefined || spans === undefined) return undefined;
  const roots = spanTrees(spans.slice(0, maxSpans));
  const { startUs } = summary;
  const nodes = inOrder(roots);
  const critical = criticalPathOf(roots);
  return {
    ...summary,
    resources: Object.fromEntries(spans.map(({ resource }) => [resource.service, resource.attributes])),
    spans: nodes.map((node) => toTraceSpan(node, startUs)),
    criticalPath: critical.map((each) => ({
      spanId: each.spanId,
      offsetUs: each.startUs - startUs,
      durationUs: each.endUs - each.startUs,
    })),
    selfTimes: selfTimesOf(nodes, critical),
    isWhole: spans.length <= maxSpans,
  };
}

/** By trace, oldest first. */
export async function readSpansOf(
  sql: Sql,
  traceIds: readonly string[],
): Promise<ReadonlyMap<string, readonly SpanRecord[]>> {
  const rows = await sql<{ body: Uint8Array }>`
    select p.body from (
      select chunk, page, min(start_us) as start_us from telemetry.trace_parts
      where trace_id = any(${sql.array(traceIds.map(toUuid), 'uuid')}) group by chunk, page
    ) as t join telemetry.span_pages p on p.chunk = t.chunk and p.page = t.page
    order by t.start_us limit ${maxPages}`;
  const asked = new Set(traceIds);
  const mayMatch = (item: string) => asked.has(/"traceid":"([0-9a-f]{32})"/.exec(item)?.[1] ?? '');
  const pages = await Promise.all(rows.map(({ body }) => unpackPage<SpanRecord>(body, { mayMatch })));
  const spans = pages
    .flat()
    .map(({ item }) => item)
    .filter(({ traceId }) => asked.has(traceId));
  spans.sort((a, b) => a.startUs - b.startUs);
  return Map.groupBy(spans, ({ traceId }) => traceId);
}

function toTraceSpan({ span, depth, selfUs }: SpanNode, startUs: number): TraceSpan {
  const { spanId, parentId, resource, name, kind, durationUs, isError, statusMessage, attributes, links } =
    span;
  return {
    spanId,
    ...(parentId === undefined ? undefined : { parentId }),
    service: resource.service,
    name,
    kind,
    offsetUs: span.startUs - startUs,
    durationUs,
    selfUs,
    depth,
    isError,
    ...(statusMessage === undefined ? undefined : { statusMessage }),
    attributes,
    events: span.events.map((event) => toEvent(event, span)),
    links,
  };
}

function toEvent(event: SpanEvent, { startUs, resource }: SpanRecord): TraceSpan['events'][number] {
  const { atUs, ...told } = event;
  const errorGroupId = errorGroupOfEvent(event, resource.service);
  return {
    ...told,
    offsetUs: atUs - startUs,
    ...(errorGroupId === undefined ? undefined : { errorGroupId }),
  };
}

function selfTimesOf(
  nodes: readonly SpanNode[],
  critical: ReturnType<typeof criticalPathOf>,
): Trace['selfTimes'] {
  const times = new Map<string, { selfUs: number; criticalUs: number }>();
  const serviceOf = new Map(nodes.map(({ span }) => [span.spanId, span.resource.service]));
  const timeOf = (service: string) => {
    const time = times.get(service) ?? { selfUs: 0, criticalUs: 0 };
    times.set(service, time);
    return time;
  };
  for (const { span, selfUs } of nodes) timeOf(span.resource.service).selfUs += selfUs;
  for (const { spanId, startUs, endUs } of critical)
    timeOf(serviceOf.get(spanId) ?? '').criticalUs += endUs - startUs;
  return [...times]
    .map(([service, time]) => ({ service, ...time }))
    .sort((a, b) => b.criticalUs - a.criticalUs || b.selfUs - a.selfUs);
}
