import { operation } from '@banyan/contract';
import { z } from 'zod';
import { Attributes, paging, searched, Time, timeWindow } from './time-window.ts';

export const spanKinds = ['internal', 'server', 'client', 'producer', 'consumer'] as const;

const notFound = { notFound: { status: 404, description: 'Nothing of that id is stored.' } } as const;

export const TraceId = z.string().regex(/^[0-9a-f]{32}$/);

export const TraceSummary = z.object({
  traceId: z.string(),
  /** Service and operation of the root, or of the earliest span if the root has not come. */
  service: z.string(),
  operation: z.string(),
  startedAt: Time,
  durationUs: z.number(),
  spans: z.int(),
  errors: z.int(),
  /** By the number of their spans, most first. */
  services: z.array(z.object({ name: z.string(), spans: z.int() })),
});

export const SpanEvent = z.object({
  name: z.string(),
  /** Microseconds after the start of the trace. */
  offsetUs: z.number(),
  /** Of the error that it tells of: `getError` has it. */
  errorGroupId: z.string().optional(),
  attributes: Attributes,
});

export const Span = z.object({
  spanId: z.string(),
  /** As the span says; a parent that has not come is not in `spans`. */
  parentId: z.string().optional(),
  service: z.string(),
  name: z.string(),
  kind: z.enum(spanKinds),
  /** Microseconds after the start of the trace. */
  offsetUs: z.number(),
  durationUs: z.number(),
  /** Duration less what its children cover. */
  selfUs: z.number(),
  /** Steps from the root; 0 for a root and for a span whose parent has not come. */
  depth: z.int(),
  isError: z.boolean(),
  statusMessage: z.string().optional(),
  attributes: Attributes,
  events: z.array(SpanEvent),
  /** Spans of other traces, or of this one, that caused it without being its parent. */
  links: z.array(z.object({ traceId: z.string(), spanId: z.string() })),
});

/** What the trace waited for in this stretch of its time. */
export const CriticalStretch = z.object({
  spanId: z.string(),
  offsetUs: z.number(),
  durationUs: z.number(),
});

export const Trace = TraceSummary.extend({
  /** Resource attributes of each service. */
  resources: z.record(z.string(), Attributes),
  /** In the order of a waterfall: each span before its children, siblings by their start. */
  spans: z.array(Span),
  /** Without gaps or overlaps; the durations add up to that of the trace. */
  criticalPath: z.array(CriticalStretch),
  /** Time within each service, and its share of the critical path. */
  selfTimes: z.array(z.object({ service: z.string(), selfUs: z.number(), criticalUs: z.number() })),
  /** False if spans were left out, because the trace has more than are shown. */
  isWhole: z.boolean(),
});

/** One operation of one service in two traces; a side is absent if the trace has no such span. */
const ComparedSide = z.object({
  count: z.int(),
  durationUs: z.number(),
  selfUs: z.number(),
  errors: z.int(),
});

export const TraceComparison = z.object({
  left: TraceSummary,
  right: TraceSummary,
  /** By the difference of their own time, largest first. */
  rows: z.array(
    z.object({
      service: z.string(),
      name: z.string(),
      left: ComparedSide.optional(),
      right: ComparedSide.optional(),
      /** Right less left. */
      selfDifferenceUs: z.number(),
    }),
  ),
});

export const traceOperations = {
  searchTraces: operation('GET /api/traces', {
    summary: 'Search traces, newest first',
    description:
      'All conditions but the times must hold for one span of the trace. A search that finds little stops before it has read everything: `searchedTo` says how far it got, and `after` goes on from there.',
    input: z.object({
      ...timeWindow,
      ...paging,
      service: z.string().optional(),
      operation: z.string().optional(),
      minDurationMs: z.number().min(0).optional(),
      maxDurationMs: z.number().min(0).optional(),
      /** True: only traces with a failed span; the other conditions hold for that span. */
      errorsOnly: z.boolean().optional(),
      /** `http.route=/orders`: this value as text; `http.route`: any value. */
      attribute: z.array(z.string().max(500)).max(10).optional(),
      /** Words that name, status message or attribute values contain. */
      text: z.string().max(500).optional(),
    }),
    output: z.object({ traces: z.array(TraceSummary), ...searched }),
  }),
  getTrace: operation('GET /api/traces/:traceId', {
    summary: 'One trace with its critical path',
    input: z.object({ traceId: TraceId }),
    output: Trace,
    errors: notFound,
  }),
  compareTraces: operation('GET /api/traces/:traceId/compare/:otherId', {
    summary: 'Two traces, operation by operation',
    input: z.object({ traceId: TraceId, otherId: TraceId }),
    output: TraceComparison,
    errors: notFound,
  }),
} as const;
